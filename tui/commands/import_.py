"""`somnus import FILE`: memories exported elsewhere, told again; the next night learns them."""

from __future__ import annotations

import argparse
from pathlib import Path

from tui.commands.shared import existing, opened
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE.jsonl", help="what `memories export` wrote"
    )


def run(args: argparse.Namespace, say: Say) -> int:
    from memory.transfer import import_memories

    with opened(args, say) as root:
        told = import_memories(root.home.ledger, existing(args.file))
        root.store.add(told)
    say.line(f"{len(told)} memories are in the buffer; the next night learns them.")
    say.document({"imported": len(told)})
    return 0
