"""`somnus` without a command: the terminal app."""

from __future__ import annotations

import argparse
import sys

from memory.errors import UsageError
from tui.commands.shared import options
from tui.root import Root
from tui.say import Say


def run(args: argparse.Namespace, say: Say) -> int:
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise UsageError(
            "The app needs a terminal; without one, use `somnus chat`, or see `somnus --help`."
        )
    root = (args.make_root or Root)(options(args))
    root.home  # noqa: B018  # a home that is busy or broken is said before the screen is taken
    from tui.app import SomnusApp

    try:
        SomnusApp(root).run()
    finally:
        root.close()
    return 0
