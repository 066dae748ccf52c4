"""`somnus daemon`: keeps the night watch without the app. The home is only held while it sleeps."""

from __future__ import annotations

import argparse
import signal
import threading
from types import FrameType
from typing import Any

from memory.episode import Phase
from memory.errors import HomeBusyError, SomnusError
from sleep import watch
from sleep.schedule import local_now, make_scheduler
from sleep.watch import Decision, Wish
from tui.commands.shared import opened
from tui.commands.sleep import by_itself
from tui.say import Say

MINUTE = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="look once, and end")


def run(args: argparse.Namespace, say: Say) -> int:
    """Look every minute by the wall clock, which a laptop's own sleep doesn't stop, and when it is time."""
    before = signal.signal(signal.SIGTERM, _as_ctrl_c)
    ask = threading.Event()
    with opened(args, say, read_only=True) as root:
        sleep_at = root.config.sleep_at
    scheduler = None if args.once else make_scheduler(sleep_at, ask.set)
    try:
        while True:
            found = look(args, say)
            if args.once or "night" in found:
                say.document(found)
            if args.once:
                return 4 if found["outcome"] == Phase.ROLLED_BACK.value else 0
            ask.wait(MINUTE)
            ask.clear()
    finally:
        if scheduler is not None:
            scheduler.shutdown(wait=False)
        signal.signal(signal.SIGTERM, before)


def look(args: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Sleep if the watch says so: the night's report, or why there was none.

    Errors are told, and tried again after a while; who looks once gets them.
    """
    decision = _decide(args, say)
    if decision.wish is Wish.WAKE:
        return {"outcome": "not_due", "reason": decision.reason}
    try:
        with opened(args, say, polite=False) as root:
            return by_itself(root, say, decision.budget)
    except HomeBusyError as busy:  # the app is open, and sleeps by itself
        return {"outcome": "busy", "reason": str(busy)}
    except SomnusError as error:
        if args.once:
            raise
        say.note(str(error))
        return {"outcome": "failed", "reason": str(error)}


def _decide(args: argparse.Namespace, say: Say) -> Decision:
    with opened(args, say, read_only=True) as root:
        if root.is_new:
            return Decision(wish=Wish.WAKE, reason="nothing was ever told here")
        ledger = root.home.ledger
        return watch.decide(ledger, root.config, watch.around(ledger, local_now()))


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """What a service's stop sends: to a night it is a ctrl+c, so that it ends at a safe point."""
    del number, frame
    signal.raise_signal(signal.SIGINT)
