"""`somnus` without a command: the terminal app."""

from __future__ import annotations

import argparse
import sys

from memory.errors import UsageError
from tui.commands.shared import options
from tui.doorbell import opened_politely
from tui.root import Root
from tui.say import Say


def run(args: argparse.Namespace, say: Say) -> int:
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise UsageError(
            "The app needs a terminal; without one, use `somnus chat`, or see `somnus --help`."
        )
    root = (args.make_root or Root)(options(args))
    # A home that is busy or broken is said before the screen is taken. What an interrupted night left is looked at
    # behind the first frame, since that takes the model's libraries, which take seconds to import.
    root.home = opened_politely(root.path)
    from tui.app import SomnusApp

    app = SomnusApp(root)
    try:
        app.run()
    finally:
        app.bridge.close()
        root.close()
    if app.return_code:
        say.error(
            f"Something unexpected happened; the details are in {app.journal.path}. Nothing that you said is lost."
        )
    return app.return_code or 0
