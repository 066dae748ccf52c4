"""`somnus backup FILE`: the whole home in one file, also while it is in use."""

from __future__ import annotations

import argparse
from pathlib import Path

from tui.commands.shared import opened
from tui.names import chosen, forceable
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    forceable(parser)


def run(args: argparse.Namespace, say: Say) -> int:
    from memory.transfer import backup

    with opened(args, say, read_only=True) as root:
        size = backup(root.home, chosen(args.file, args, begins=b"PK"))
    say.line(f"The home is in {args.file} ({size // 1000} kB).")
    say.document({"written": str(args.file), "bytes": size})
    return 0
