"""The evening: when the next night is, how much presses for it, and what it would do now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from memory.episode import Phase
from memory.ledger import Ledger

CELLS = 10


def when(ledger: Ledger, sleep_at: str, now: datetime) -> str:
    """The countdown and the pressure."""
    from sleep.pressure import pressure, unlearnt
    from sleep.schedule import next_sleep

    at = next_sleep(sleep_at, now)
    share = pressure(unlearnt(ledger), now)
    hours, minutes = divmod(int((at - now).total_seconds()) // 60, 60)
    gauge = f"{'▰' * round(CELLS * share):▱<{CELLS}} {share:.0%}"
    return f"Next night {at:%a %H:%M}, in {hours} h {minutes:02d} min\nSleep pressure {gauge}"


def plan_text(report: dict[str, Any]) -> str:
    """What a night would do now, from the document of `sleep --dry-run`."""
    count = report["episodes"]
    waits = "1 episode waits" if count == 1 else f"{count} episodes wait"
    lines = [
        f"{waits}. A night now takes {roughly(report['estimated_seconds'])}; the chat goes on."
    ]
    if not report["fits"]:
        lines.append(f"More than fits into {report['budget_minutes']:g} minutes: the rest waits.")
    return "\n".join(lines)


def paused_text(ledger: Ledger) -> str:
    """The night that waits to go on, or nothing."""
    night = ledger.unfinished()
    if night is None:
        return ""
    reached = "at its beginning" if night.phase is Phase.PLANNED else f"when it was {night.phase}"
    return (
        f"Night {night.number} pauses, {reached}: sleeping goes on there, cancelling gives it up."
    )


def roughly(seconds: float) -> str:
    """How long, as one says it of what one can't know exactly."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return "a minute or two"
    return f"about {minutes} min" if minutes < 90 else f"about {seconds / 3600:.1f} h"
