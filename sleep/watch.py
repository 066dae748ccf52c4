"""The night watch: whether to fall asleep by itself now, and whether to go on. It decides; others act.

Read by the app, by the daemon and by `sleep --if-due`, so that all three keep the same rules: a night that is due, or a
nap when sleep presses (the last takes none); only on mains power and when nobody is there, if the settings say so; and
after an error ever longer pauses, which the ledger remembers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from memory.config import Config
from sleep.pressure import pressure, untried
from sleep.schedule import is_due

FIRST_PAUSE = timedelta(minutes=30)  # nobody is helped by a failing download every minute
LONGEST_PAUSE = timedelta(days=1)
FAILURES = "failed_nights"  # a note in the ledger
LOOK = 1.0  # seconds between looks at what hinders a night that goes on
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


def decide(ledger: Any, config: Config, around: Around, *, naps: bool = True) -> Decision:
    """Whether to fall asleep; without `naps` only for a night that is due."""
    now, (_, pause) = around.now, _failures(ledger)
    if pause is not None and now < pause <= now + LONGEST_PAUSE:  # later: the clock was set back
        return Decision(wish=Wish.WAKE, reason=f"the last night failed; again at {pause:%H:%M}")
    if is_due(ledger, config.sleep_at, now):
        wish = Decision(wish=Wish.NIGHT, reason="a night is due")
    elif naps and (share := _nap(ledger, now)) >= config.nap_pressure < 1:
        reason = f"sleep presses ({share:.0%})"
        wish = Decision(wish=Wish.NAP, reason=reason, budget=config.nap_minutes)
    else:
        return Decision(wish=Wish.WAKE, reason="no night is due")
    if why := hindrance(config, around):
        return Decision(wish=Wish.WAKE, reason=f"{wish.reason}, but {why}")
    return wish


def failed(ledger: Any, now: datetime) -> None:
    """A night that began by itself ended in an error: whoever keeps watch here next knows."""
    count, _ = _failures(ledger)
    pause = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2**count)
    ledger.set_meta(FAILURES, json.dumps([min(count + 1, 16), pause.isoformat()]))


def succeeded(ledger: Any) -> None:
    """A night came to its end, whatever its verdict."""
    ledger.set_meta(FAILURES, "")


def _failures(ledger: Any) -> tuple[int, datetime | None]:
    """How often in a row, and until when to leave it."""
    if not (noted := ledger.meta(FAILURES)):
        return 0, None
    count, pause = json.loads(noted)
    return count, datetime.fromisoformat(pause).astimezone()


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


def around(ledger: Any, now: datetime) -> Around:
    """What it is like, for who has only the ledger to tell whether the user is there."""
    return Around(now=now, idle_minutes=idle_minutes(ledger, now), on_power=on_power())


def idle_minutes(ledger: Any, now: datetime) -> float:
    """Minutes since somebody last talked to somnus, as the ledger knows it."""
    latest = ledger.last_talk()
    return float("inf") if latest is None else abs((now - latest).total_seconds()) / 60
