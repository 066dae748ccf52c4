"""When to sleep, in the user's own zone, over clock changes; and how much it presses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memory.episode import Episode, EpisodeId, Phase
from memory.home import Home
from sleep.pressure import pressure
from sleep.schedule import is_due, last_scheduled, make_scheduler, next_sleep

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Auckland",
]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Moves this process to a time zone."""

    def move(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def ledger(home_path: Path) -> Iterator[Any]:
    with Home.open(home_path) as home:
        yield home.ledger


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("sleep_at", ["03:30", "02:30", "01:30", "00:00"])
def test_there_is_one_sleep_a_local_day_all_year(
    zone: Callable[[str], None], name: str, sleep_at: str
) -> None:
    zone(name)
    now = datetime(2026, 1, 1, 12).astimezone()
    days = []
    for _ in range(364):
        nxt = next_sleep(sleep_at, now)
        assert timedelta(0) < nxt - now <= timedelta(hours=25, minutes=1)
        assert last_scheduled(sleep_at, nxt) == nxt
        days.append((nxt - timedelta(hours=0)).date())
        now = nxt
    assert len(set(days)) == 364


def test_a_night_is_due_when_a_scheduled_time_passed_over_something_said(ledger: Any) -> None:
    now = datetime(2026, 5, 5, 12).astimezone()
    assert not is_due(ledger, "03:30", now)  # nothing waits
    ledger.append("Said this morning.", at=now - timedelta(hours=1))
    assert not is_due(ledger, "03:30", now)
    assert is_due(ledger, "03:30", now + timedelta(days=1))
    ledger.append("Said last week.", at=now - timedelta(days=7))
    assert is_due(ledger, "03:30", now)


def test_a_night_is_not_due_twice_for_one_time(ledger: Any) -> None:
    ledger.append("Said long ago.", at=datetime(2020, 1, 1, tzinfo=UTC))
    now = datetime.now().astimezone()
    assert is_due(ledger, "03:30", now)
    night = ledger.begin_night([EpisodeId(1)], None)
    assert is_due(ledger, "03:30", now)  # unfinished: it is to be gone on with
    ledger.advance(night.number, Phase.ROLLED_BACK, finished=datetime.now(UTC))
    assert not is_due(ledger, "03:30", now)
    assert is_due(ledger, "03:30", now + timedelta(days=1))


def test_the_scheduler_forgives_any_delay_and_never_runs_two() -> None:
    scheduler = make_scheduler("03:30", lambda: None)
    try:
        job = scheduler.get_job("night")
        assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)
        assert (job.next_run_time.hour, job.next_run_time.minute) == (3, 30)
    finally:
        scheduler.shutdown(wait=False)


def test_pressure_rises_with_number_length_and_age_and_stays_below_one() -> None:
    now = datetime(2026, 5, 5, tzinfo=UTC)

    def said(count: int, text: str = "A short one.", days: float = 0.0) -> list[Episode]:
        at = now - timedelta(days=days)
        return [Episode(id=EpisodeId(i), said=text, replied=None, at=at) for i in range(count)]

    assert pressure([], now) == 0.0
    rising = [
        pressure(said(1), now),
        pressure(said(1, days=1), now),
        pressure(said(20, days=1), now),
    ]
    assert rising == sorted(rising) and 0 < rising[0] < 0.1
    assert pressure(said(1, "word " * 10_000), now) > 0.95
    assert pressure(said(10_000, days=1000), now) <= 1.0
    assert 0 <= pressure(said(1, days=-1), now) < 0.1  # a clock set back
