"""`somnus daemon`: sleeps when it is due, without the app. The home is only held while it sleeps."""

from __future__ import annotations

import argparse
import signal
import time
from datetime import datetime
from types import FrameType

from memory.errors import HomeBusyError, SomnusError
from tui.commands.shared import opened
from tui.commands.sleep import a_night
from tui.say import Say

MINUTE = 60.0
AFTER_AN_ERROR = 30 * MINUTE  # nobody is helped by a failing download every minute


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="look once, and end")


def run(args: argparse.Namespace, say: Say) -> int:
    before = signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        while True:
            pause = look(args, say)
            if args.once:
                return 0
            time.sleep(pause)
    finally:
        signal.signal(signal.SIGTERM, before)


def look(args: argparse.Namespace, say: Say) -> float:
    """Sleep if it is due by the wall clock, which a laptop's own sleep doesn't stop.

    Errors are told and tried again. Returns how many seconds to wait before the next look.
    """
    from sleep.schedule import is_due

    with opened(args, say, read_only=True) as root:
        now = datetime.now().astimezone()
        if root.is_new or not is_due(root.home.ledger, root.config.sleep_at, now):
            return MINUTE
    try:
        with opened(args, say) as root:
            say.document(a_night(root, say, budget=None))
    except HomeBusyError:
        return MINUTE  # the app is open, and sleeps by itself
    except SomnusError as error:
        if error.exit_code == 130:
            raise
        say.note(str(error))
        return AFTER_AN_ERROR
    return MINUTE


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """What a service's stop sends: to a night it is a ctrl+c, so that it ends at a safe point."""
    del number, frame
    signal.raise_signal(signal.SIGINT)
