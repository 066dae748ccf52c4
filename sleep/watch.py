"""The night watch: whether to fall asleep by itself now, and whether to go on. It decides; others act.

Read by the app, by the daemon and by `sleep --if-due`, so that all three keep the same rules: a night that is due, or a
nap when sleep presses; only on mains power and when nobody is there, if the settings say so; and after an error ever
longer pauses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from memory.config import Config
from sleep.pressure import pressure, untried
from sleep.schedule import is_due

FIRST_PAUSE = timedelta(minutes=30)  # nobody is helped by a failing download every minute
LONGEST_PAUSE = timedelta(days=1)
APART = timedelta(hours=3)  # from the beginning of a night to that of a nap


class Wish(StrEnum):
    """What to do now."""

    WAKE = "wake"
    NIGHT = "night"
    NAP = "nap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What it is like around the machine."""

    now: datetime
    idle_minutes: float = float("inf")  # since the user last did something
    on_power: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A wish, and why; `budget` in minutes where it isn't the usual one."""

    wish: Wish
    reason: str
    budget: float | None = None


class Watch:
    """Remembers only how often sleeping failed."""

    def __init__(self) -> None:
        self._failures = 0
        self._not_before: datetime | None = None

    def decide(self, ledger: Any, config: Config, around: Around) -> Decision:
        """Whether to fall asleep."""
        now, pause = around.now, self._not_before
        if (
            pause is not None and now < pause <= now + LONGEST_PAUSE
        ):  # later: the clock was set back
            return Decision(wish=Wish.WAKE, reason=f"the last night failed; again at {pause:%H:%M}")
        if is_due(ledger, config.sleep_at, now):
            wish = Decision(wish=Wish.NIGHT, reason="a night is due")
        elif (share := _nap(ledger, now)) >= config.nap_pressure < 1:
            reason = f"sleep presses ({share:.0%})"
            wish = Decision(wish=Wish.NAP, reason=reason, budget=config.nap_minutes)
        else:
            return Decision(wish=Wish.WAKE, reason="no night is due")
        if why := hindrance(config, around):
            return Decision(wish=Wish.WAKE, reason=f"{wish.reason}, but {why}")
        return wish

    def failed(self, now: datetime) -> None:
        """A night that began by itself ended in an error."""
        self._not_before = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 16)

    def succeeded(self) -> None:
        """A night came to its end, whatever its verdict."""
        self._failures, self._not_before = 0, None


def _nap(ledger: Any, now: datetime) -> float:
    """How much what is new presses for a nap; not soon after a night."""
    last = ledger.last_finished()
    if last is not None and abs(now - last.started) < APART:
        return 0.0
    return pressure(untried(ledger), now)


def hindrance(config: Config, around: Around) -> str | None:
    """Why a night that nobody asked for may not run now: it doesn't begin, and one that runs pauses."""
    if config.on_power and not around.on_power:
        return "the machine runs on its battery"
    if around.idle_minutes < config.idle_minutes:
        return "you are here"
    return None


def on_power() -> bool:
    """Whether the machine is plugged in; one without a battery is."""
    import psutil

    sensor = getattr(psutil, "sensors_battery", None)  # not on every system
    battery = sensor() if sensor else None
    return battery is None or battery.power_plugged is not False


def idle_minutes(ledger: Any, now: datetime) -> float:
    """Minutes since somebody last talked to somnus, as the ledger knows it."""
    latest = max((e.at for e in ledger.episodes() if e.session), default=None)
    return float("inf") if latest is None else abs((now - latest).total_seconds()) / 60
