"""`somnus daemon`: keeps the night watch without the app. The home is only held while it sleeps."""

from __future__ import annotations

import argparse
import signal
import threading
from types import FrameType

from memory.errors import HomeBusyError, Interrupted, SomnusError
from sleep.schedule import local_now, make_scheduler
from sleep.watch import Around, Decision, Watch, Wish, idle_minutes, on_power
from tui.commands.shared import opened
from tui.commands.sleep import a_night
from tui.say import Say

MINUTE = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="look once, and end")


def run(args: argparse.Namespace, say: Say) -> int:
    """Look every minute by the wall clock, which a laptop's own sleep doesn't stop, and when it is time."""
    before = signal.signal(signal.SIGTERM, _as_ctrl_c)
    watch, ask = Watch(), threading.Event()
    with opened(args, say, read_only=True) as root:
        sleep_at = root.config.sleep_at
    scheduler = None if args.once else make_scheduler(sleep_at, ask.set)
    try:
        while True:
            look(args, say, watch)
            if args.once:
                return 0
            ask.wait(MINUTE)
            ask.clear()
    finally:
        if scheduler is not None:
            scheduler.shutdown(wait=False)
        signal.signal(signal.SIGTERM, before)


def look(args: argparse.Namespace, say: Say, watch: Watch) -> None:
    """Sleep if the watch says so. Errors are told, and tried again after a while."""
    decision = _decide(args, say, watch)
    if decision.wish is Wish.WAKE:
        return
    try:
        with opened(args, say, polite=False) as root:
            say.document(a_night(root, say, budget=decision.budget, bell=True, apart=True))
    except HomeBusyError:
        return  # the app is open, and sleeps by itself
    except Interrupted as stopped:
        say.note(str(stopped))  # the user wants the home
    except SomnusError as error:
        say.note(str(error))
        watch.failed(local_now())
    else:
        watch.succeeded()


def _decide(args: argparse.Namespace, say: Say, watch: Watch) -> Decision:
    with opened(args, say, read_only=True) as root:
        if root.is_new:
            return Decision(wish=Wish.WAKE, reason="nothing was ever told here")
        now, ledger = local_now(), root.home.ledger
        around = Around(now=now, idle_minutes=idle_minutes(ledger, now), on_power=on_power())
        return watch.decide(ledger, root.config, around)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """What a service's stop sends: to a night it is a ctrl+c, so that it ends at a safe point."""
    del number, frame
    signal.raise_signal(signal.SIGINT)
