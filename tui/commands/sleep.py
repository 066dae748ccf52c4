"""`somnus sleep`: one night now, or the one that was interrupted."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

from memory.episode import Phase
from sleep.events import MemoryJudged, NightBegan, NightEnded, NightEvent, PhaseBegan, Progressed
from tui.commands.shared import opened
from tui.root import Root
from tui.say import Say


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


def run(args: argparse.Namespace, say: Say) -> int:
    with opened(args, say, read_only=args.dry_run) as root:
        if args.dry_run:
            from sleep.prepare import plan

            report = plan(root.home, root.config, args.budget)
            say.line(
                f"A night now would work on {report['episodes']} episodes and take about "
                f"{report['estimated_seconds'] / 60:.0f} of at most {report['budget_minutes']:g} minutes."
            )
            say.document(report)
            return 0
        if args.if_due:
            from sleep.schedule import is_due

            if not is_due(root.home.ledger, root.config.sleep_at, datetime.now().astimezone()):
                say.line("No night is due.")
                say.document({"outcome": "not_due"})
                return 3
        report = a_night(root, say, budget=args.budget)
    say.document(report)
    return 4 if report["outcome"] == Phase.ROLLED_BACK.value else 0


def a_night(root: Root, say: Say, *, budget: float | None) -> dict[str, Any]:
    """Sleep with progress on stderr and the report for people on stdout. Ctrl+c stops at the next safe point."""
    from sleep.prepare import check_disk, settings

    settings(root.config, budget)  # a budget that can't be is refused before a model is loaded
    if not root.home.ledger.waiting() and root.home.ledger.unfinished() is None:
        from memory.errors import NothingToLearn
        from sleep.prepare import NOTHING

        raise NothingToLearn(NOTHING)
    check_disk(root.home)
    with Stopper() as stop:
        report: dict[str, Any] = {}
        for event in root.night(budget=budget, stop=stop):
            show(event, say)
            if isinstance(event, NightEnded):
                report = event.report
    _tell(report, say)
    return report


class Stopper:
    """While it lasts, the first ctrl+c asks for a stop at a safe point, the second ends at once."""

    def __enter__(self) -> Callable[[], bool]:
        self.asked = False
        try:
            self._before: Any = signal.signal(signal.SIGINT, self._ask)
        except ValueError:  # not the main thread: nobody presses ctrl+c here
            self._before = None
        return lambda: self.asked

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *_: object) -> None:
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
