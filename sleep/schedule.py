"""When to sleep: a time of day in the user's own zone, and a night that was missed is caught up once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any


def next_sleep(sleep_at: str, now: datetime) -> datetime:
    """The next scheduled time after `now` (aware), in its zone."""
    today = _on(sleep_at, now)
    return today if today > now else _on(sleep_at, now + timedelta(days=1))


def last_scheduled(sleep_at: str, now: datetime) -> datetime:
    """The latest scheduled time that is not after `now`."""
    today = _on(sleep_at, now)
    return today if today <= now else _on(sleep_at, now - timedelta(days=1))


def is_due(ledger: Any, sleep_at: str, now: datetime) -> bool:
    """Whether a scheduled time has passed since the last night, with something waiting that was said before it."""
    scheduled = last_scheduled(sleep_at, now)
    if ledger.unfinished() is not None:
        return True
    last = ledger.last_finished()
    if last is not None and last.started >= scheduled:
        return False
    return any(e.at <= scheduled for e in ledger.waiting())


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


def _on(sleep_at: str, day: datetime) -> datetime:
    hour, minute = map(int, sleep_at.split(":"))
    # Through the wall clock, so that a clock change moves the instant and not the hour.
    wall = day.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
    return wall.astimezone()
