"""When to sleep: a time of day in the user's own zone, once for each local date; a night that was missed is caught up.

The trigger only asks. Whether a night is due is read off the wall clock and the ledger, which a laptop's own sleep, a
change of the clocks and a clock set back can't deceive: each date that a night has begun for is written down.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sleep.pressure import unlearnt

DATES = "dates_slept"  # the ledger's note of the local dates that had their night
MOST_DATES = 800
DAY = timedelta(days=1)


def local_now() -> datetime:
    """The time in the user's zone, as it is now: the zone may have changed since the process began."""
    if hasattr(time, "tzset"):
        time.tzset()
    return datetime.now().astimezone()


def next_sleep(sleep_at: str, now: datetime) -> datetime:
    """The next scheduled time after `now` (aware), in the local zone."""
    here = now.astimezone()
    today = _on(sleep_at, here)
    return today if today > now else _on(sleep_at, here + DAY)


def last_scheduled(sleep_at: str, now: datetime) -> datetime:
    """The latest scheduled time that is not after `now`."""
    here = now.astimezone()
    today = _on(sleep_at, here)
    return today if today <= now else _on(sleep_at, here - DAY)


def is_due(ledger: Any, sleep_at: str, now: datetime) -> bool:
    """Whether a night has to be finished, or the latest scheduled time had none though something waited for it."""
    if ledger.unfinished() is not None:
        return True
    scheduled = last_scheduled(sleep_at, now)
    if scheduled.date().isoformat() in _dates(ledger):
        return False
    if any(scheduled <= n.started < now + DAY for n in ledger.nights()):
        return False
    # What was said in the future was said before the clock was set back.
    return any(e.at <= scheduled or e.at > now + DAY for e in unlearnt(ledger))


def keep_date(ledger: Any, sleep_at: str, now: datetime) -> None:
    """Write down that a night has begun for the latest scheduled time's date."""
    dates = _dates(ledger) | {last_scheduled(sleep_at, now).date().isoformat()}
    ledger.set_meta(DATES, " ".join(sorted(dates)[-MOST_DATES:]))


def make_scheduler(sleep_at: str, ask: Callable[[], None]) -> Any:
    """A started APScheduler that asks for a night every day; its jobs live in memory, the ledger is the truth."""
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.cron import CronTrigger

    hour, minute = sleep_at.split(":")
    # However late the laptop is opened, `ask` is called, once; it compares with the ledger whether a night is due.
    defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    scheduler = BackgroundScheduler(job_defaults=defaults)
    scheduler.add_job(ask, CronTrigger(hour=int(hour), minute=int(minute)), id="night")
    scheduler.start()
    return scheduler


def _dates(ledger: Any) -> set[str]:
    return set((ledger.meta(DATES) or "").split())


def _on(sleep_at: str, day: datetime) -> datetime:
    """The scheduled time on a local date: of an hour that comes twice the first, of one that is skipped the next."""
    hour, minute = map(int, sleep_at.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute).astimezone()
