"""`somnus restore FILE`: a home from a backup; never over one that has anything in it."""

from __future__ import annotations

import argparse
from pathlib import Path

from tui.commands.shared import existing, options
from tui.root import Root
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")


def run(args: argparse.Namespace, say: Say) -> int:
    from memory.transfer import restore

    home = Root(options(args)).path
    restore(existing(args.file), home)
    say.line(f"The home {home} is restored; its buffer is made anew at the next start.")
    say.document({"restored": str(home)})
    return 0
