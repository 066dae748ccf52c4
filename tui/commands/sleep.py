"""`somnus sleep`: one night now, or the one that was interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from memory.episode import Phase
from memory.errors import HomeBusyError, Interrupted, NothingToLearn, SomnusError
from sleep.events import MemoryJudged, NightBegan, NightEnded, NightEvent, PhaseBegan, Progressed
from tui.commands.shared import opened, options
from tui.doorbell import Answer, Asked, Doorbell, Want, ring
from tui.root import Root
from tui.say import Say

PATIENCE = 4.0  # seconds between a ring at the doorbell and the end


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget", type=float, metavar="MINUTES", help="the longest it may take (60)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what a night would do, and do nothing"
    )
    parser.add_argument(
        "--if-due", action="store_true", help="only if a scheduled night was missed"
    )
    parser.add_argument("--pause", action="store_true", help="stop the night that goes on; later")
    parser.add_argument("--cancel", action="store_true", help="stop it and give it up")


def run(args: argparse.Namespace, say: Say) -> int:
    if args.pause or args.cancel:
        return _ask(args, say, Want.CANCEL if args.cancel else Want.PAUSE)
    if args.dry_run:
        return _dry_run(args, say)
    try:
        with opened(args, say, polite=False) as root:
            if args.if_due:
                return _if_due(root, say, args.budget)
            report = a_night(root, say, budget=args.budget, bell=True)
    except HomeBusyError:
        if args.if_due:  # whoever has the home keeps watch itself
            raise
        return _ask(args, say, Want.SLEEP)
    return _end(report, say)


def _end(report: dict[str, Any], say: Say) -> int:
    say.document(report)
    return 4 if report["outcome"] == Phase.ROLLED_BACK.value else 0


def _if_due(root: Root, say: Say, budget: float | None) -> int:
    """What a system's timer asks for: a night that is due; naps are for who keeps watch all day."""
    from sleep.schedule import local_now
    from sleep.watch import Wish, around, decide

    ledger = root.home.ledger
    decision = decide(ledger, root.config, around(ledger, local_now()), naps=False)
    if decision.wish is Wish.WAKE:
        say.line(f"{decision.reason[0].upper()}{decision.reason[1:]}.")
        say.document({"outcome": "not_due"})
        return 3
    return _end(by_itself(root, say, budget), say)


def _dry_run(args: argparse.Namespace, say: Say) -> int:
    from sleep.prepare import plan

    with opened(args, say, read_only=True) as root:
        report = plan(root.home, root.config, args.budget)
    say.line(
        f"A night now would work on {report['episodes']} episodes and take about "
        f"{report['estimated_seconds'] / 60:.0f} of at most {report['budget_minutes']:g} minutes."
    )
    say.document(report)
    return 0


def _ask(args: argparse.Namespace, say: Say, want: Want) -> int:
    """Leave it to the somnus that has the home. Raises HomeBusyError when that doesn't answer."""
    path = Root(options(args)).path
    answer = ring(path, want, args.budget)
    if answer is None and want is Want.SLEEP:
        raise HomeBusyError(
            f"Another somnus is using the home {path}; close it first, or choose another home with --home."
        )
    answer = answer or Answer(done=False, said="No night is going on.")
    say.line(answer.said)
    say.document({"outcome": "asked" if answer.done else "refused", "said": answer.said})
    if answer.done:
        return 0
    return HomeBusyError.exit_code if want is Want.SLEEP else 3


def by_itself(root: Root, say: Say, budget: float | None) -> dict[str, Any]:
    """A night that nobody asked for, in a process of its own; the watch learns how it ended."""
    from sleep.schedule import local_now
    from sleep.watch import failed, succeeded

    ledger = root.home.ledger
    try:
        report = a_night(root, say, budget=budget, bell=True, apart=True)
    except Interrupted:  # that is the user, who wants the home, or the plug
        raise
    except SomnusError:
        failed(ledger, local_now())
        raise
    succeeded(ledger)
    return report


def _unless_hindered(root: Root, stop: Callable[[], bool]) -> Callable[[], bool]:
    """`stop`, or what makes a night pause that nobody asked for, looked at every second."""
    from sleep import watch
    from sleep.schedule import local_now

    looked, hindered = 0.0, False

    def asked() -> bool:
        nonlocal looked, hindered
        if not hindered and time.monotonic() - looked > watch.LOOK:
            looked = time.monotonic()
            now = watch.around(root.home.ledger, local_now())
            hindered = watch.hindrance(root.config, now) is not None
        return stop() or hindered

    return asked


def a_night(
    root: Root, say: Say, *, budget: float | None, bell: bool = False, apart: bool = False
) -> dict[str, Any]:
    """Sleep with progress on stderr and the report for people on stdout; `apart` in a process of its own.

    Ctrl+c stops it at the next safe point; with a `bell` so can whoever rings.
    """
    from sleep.prepare import NOTHING, give_up, note_giving_up, settings

    settings(root.config, budget)  # a budget that can't be is refused before a model is loaded
    if not root.home.ledger.waiting() and root.home.ledger.unfinished() is None:
        raise NothingToLearn(NOTHING)
    night = root.night_apart if apart else root.night
    report: dict[str, Any] = {}
    with ExitStack() as stack:
        note = (lambda: note_giving_up(root.home)) if not apart else None
        stop = stack.enter_context(Stopper(note))
        if bell:
            stack.enter_context(Doorbell(root.path, stop.answer))
        try:
            until = _unless_hindered(root, stop) if apart else stop
            for event in night(budget=budget, stop=until):
                show(event, say)
                if isinstance(event, NightEnded):
                    report = event.report
        except Interrupted:
            if stop.give_up:
                give_up(root.home)
            raise
        finally:
            if apart:
                root.wake()
    _tell(report, say)
    return report


class Stopper:
    """While it lasts, the first ctrl+c asks for a stop at a safe point, the second ends at once.

    So does a ring at the doorbell; then, where no safe point comes in time, the process ends: a night can bear it.
    `note` is called before, to remember that it is given up; without it nothing is ended so.
    """

    def __init__(self, note: Callable[[], None] | None = None) -> None:
        self.asked = False
        self.give_up = False
        self._note = note
        self._end: threading.Timer | None = None

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> Stopper:
        try:
            self._before: Any = signal.signal(signal.SIGINT, self._ask)
        except ValueError:  # not the main thread: nobody presses ctrl+c here
            self._before = None
        return self

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def answer(self, asked: Asked) -> Answer:
        """What is said to who rings; in the doorbell's thread."""
        if asked.want is Want.SLEEP:
            return Answer(done=False, said="A night is going on already.")
        self.asked, self.give_up = True, asked.want is Want.CANCEL
        if self._note is not None:
            if self.give_up:
                self._note()
            self._end = threading.Timer(PATIENCE, os._exit, [Interrupted.exit_code])
            self._end.daemon = True
            self._end.start()
        return Answer(done=True, said="The night stops at its next safe point.")

    def __exit__(self, *_: object) -> None:
        if self._end is not None:
            self._end.cancel()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


def show(event: NightEvent, say: Say) -> None:
    """One event as progress."""
    if isinstance(event, NightBegan):
        again = " goes on" if event.resumed else ""
        say.note(
            f"Night {event.night}{again}: {event.episodes} episodes, at most {event.budget_minutes:g} minutes."
        )
    elif isinstance(event, PhaseBegan):
        say.progress(f"→ {event.phase}", None)
    elif isinstance(event, Progressed):
        say.progress(f"  {event.note}", event.done / max(1, event.total), event.left)
    elif isinstance(event, MemoryJudged):
        mark = "✓ learnt   " if event.passed else "· kept back"
        say.note(f"  {mark} {event.right}/{event.asked}  {event.text}")


def _tell(report: dict[str, Any], say: Say) -> None:
    if report.get("alarm"):
        say.line(
            f"The night was rolled back: {report['alarm']}. Nothing was lost; the buffer is as it was."
        )
        return
    exam = report["exam"]
    learned, kept = len(report["learned"]), len(report["kept_back"])
    say.line(
        f"Night {report['night']}: {learned} of {learned + kept} memories moved into the weights"
        + (f"; {kept} stay in the buffer" if kept else "")
        + f". Exam {exam['before']}/{exam['asked']} before, {exam['after']}/{exam['asked']} after; "
        f"{report['cleared']} episodes cleared, {report['left']} left; perplexity {report['drift']['rise']:+.1%}; "
        f"{report['seconds']['total'] / 60:.1f} minutes."
    )
    if faded := report.get("faded"):
        many = "memory had faded and is" if len(faded) == 1 else "memories had faded and are"
        say.line(f"{len(faded)} earlier {many} in the buffer again: the next night learns anew.")
    if unread := report.get("unread"):
        many = "message was" if unread == 1 else "messages were"
        say.line(f"{unread} {many} not read to the end: the next night reads on.")
