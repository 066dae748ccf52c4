"""When to sleep, in the user's own zone, over clock changes; and how much it presses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memory.config import Config
from memory.episode import Episode, EpisodeId, MemoryState, Origin, Phase
from memory.home import Home
from sleep.pressure import pressure, unlearnt, untried
from sleep.schedule import is_due, keep_date, last_scheduled, make_scheduler, next_sleep
from sleep.watch import Around, Wish, _nap, decide, failed, hindrance, succeeded

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


# ------------------------------------------------------------- one night a local date


class Diary:
    """As much of a ledger as the schedule reads: one thing told a minute after each night, cleared by the next."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.told: list[Episode] = []

    def meta(self, key: str) -> str | None:
        return self.notes.get(key)

    def set_meta(self, key: str, value: str) -> None:
        self.notes[key] = value

    def tell(self, at: datetime) -> None:
        said = "My cat is called Biscuit."
        self.told.append(Episode(id=EpisodeId(1), said=said, replied=None, at=at))

    def sleep(self, sleep_at: str, now: datetime) -> str:
        keep_date(self, sleep_at, now)
        self.told.clear()
        return last_scheduled(sleep_at, now).date().isoformat()

    def bookmarks(self) -> dict[EpisodeId, int]:
        return {}

    def waiting(self) -> list[Episode]:
        return self.told

    def unfinished(self) -> None:
        return None

    def memories(self) -> list[Any]:
        return []

    def nights(self) -> list[Any]:
        return []


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("sleep_at", ["03:30", "02:30", "02:10", "01:40", "00:00"])
def test_watched_every_twenty_minutes_there_is_one_night_a_date_over_both_clock_changes(
    zone: Callable[[str], None], name: str, sleep_at: str
) -> None:
    zone(name)
    ledger, dates = Diary(), []
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for _ in range(365 * 72):
        here = now.astimezone()
        if not ledger.told:
            ledger.tell(now - timedelta(days=1))  # always something old enough
        if is_due(ledger, sleep_at, here):
            dates.append(ledger.sleep(sleep_at, here))
        now += timedelta(minutes=20)
    assert len(dates) == len(set(dates))
    first = datetime.fromisoformat(dates[0])
    assert dates == [(first + timedelta(days=i)).date().isoformat() for i in range(len(dates))]
    assert len(dates) in (365, 366)


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=365)])
def test_a_clock_set_back_gives_neither_none_nor_two(back: timedelta) -> None:
    ledger, dates = Diary(), []
    now = datetime(2026, 6, 10, 12).astimezone()
    for step in range(20 * 144):
        if not ledger.told:
            ledger.tell(now - timedelta(minutes=1))
        if step == 7 * 144:
            now -= back
        if is_due(ledger, "03:30", now):
            dates.append(ledger.sleep("03:30", now))
        now += timedelta(minutes=10)
    assert len(dates) == len(set(dates))
    assert len(dates) >= 18  # nineteen mornings, at most one of them lived through twice


def test_after_a_long_absence_one_night_catches_up(ledger: Any) -> None:
    ledger.append("My cat is called Biscuit.", at=datetime(2026, 5, 1, tzinfo=UTC))
    woken = datetime(2026, 5, 4, 9).astimezone()
    assert is_due(ledger, "03:30", woken)
    keep_date(ledger, "03:30", woken)
    assert not is_due(ledger, "03:30", woken)
    assert is_due(ledger, "03:30", woken + timedelta(days=1))


def test_a_changed_time_of_sleep_gives_no_second_night_that_date(ledger: Any) -> None:
    ledger.append("My cat is called Biscuit.", at=datetime(2026, 5, 1, tzinfo=UTC))
    keep_date(ledger, "03:30", datetime(2026, 5, 4, 3, 31).astimezone())
    assert not is_due(ledger, "05:00", datetime(2026, 5, 4, 5, 1).astimezone())


def test_what_no_night_can_learn_calls_for_none(ledger: Any) -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    ledger.append("The tower was built in 1843.", at=at, origin=Origin.DOCUMENT)
    ledger.append("How are you?", at=at)
    failed = ledger.append("My cat is called Biscuit.", at=at)
    (memory,) = ledger.add_memories([(failed.id, failed.said, at)])
    ledger.set_memory(memory.id, state=MemoryState.KEPT_BACK, failures=3)
    assert unlearnt(ledger) == [] and not is_due(ledger, "03:30", datetime.now().astimezone())
    ledger.set_memory(memory.id, failures=1)
    assert unlearnt(ledger) == [failed]


# ------------------------------------------------------------------------- the night watch

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)


def config(**given: Any) -> Config:
    return Config(**({"nap_pressure": 0.5} | given))


def fill(ledger: Any, count: int) -> None:
    for i in range(count):
        ledger.append(f"My {i}th book is called Volume {i}.", at=NOON - timedelta(minutes=1))


def test_sleep_pressure_calls_for_a_nap_once_for_the_same_episodes(ledger: Any) -> None:
    around = Around(now=NOON)
    fill(ledger, 10)
    assert decide(ledger, config(), around).wish is Wish.WAKE
    fill(ledger, 30)
    nap = decide(ledger, config(nap_minutes=7), around)
    assert (nap.wish, nap.budget) == (Wish.NAP, 7)
    assert decide(ledger, config(), around, naps=False).reason == "no night is due"
    assert decide(ledger, config(nap_pressure=1.0), around).wish is Wish.WAKE
    night = ledger.begin_night([e.id for e in ledger.waiting()], None)
    ledger.advance(night.number, Phase.CLEARED, finished=NOON)  # it kept everything back
    assert untried(ledger) == [] and decide(ledger, config(), around).wish is Wish.WAKE
    fill(ledger, 40)
    began = ledger.last_finished().started
    soon = Around(now=began + timedelta(hours=1))
    assert decide(ledger, config(sleep_at="00:00"), soon).wish is Wish.WAKE
    assert _nap(ledger, began + timedelta(hours=4)) > 0.5 > _nap(ledger, soon.now)


def test_nobody_is_there_and_the_machine_is_plugged_in_if_the_settings_say_so(ledger: Any) -> None:
    fill(ledger, 40)
    battery, here = Around(now=NOON, on_power=False), Around(now=NOON, idle_minutes=2)
    assert "battery" in decide(ledger, config(), battery).reason
    assert decide(ledger, config(on_power=False), battery).wish is Wish.NAP
    assert decide(ledger, config(), here).wish is Wish.NAP
    assert "you are here" in decide(ledger, config(idle_minutes=5), here).reason
    assert hindrance(config(idle_minutes=5), here) and not hindrance(config(), here)


def test_after_an_error_the_watch_waits_ever_longer_and_forgets_it_after_a_night(
    ledger: Any,
) -> None:
    fill(ledger, 40)
    waits, now = [], NOON
    for _ in range(3):
        failed(ledger, now)
        began = now
        while decide(ledger, config(), Around(now=now)).wish is Wish.WAKE:
            now += timedelta(minutes=10)
        waits.append((now - began) / timedelta(minutes=1))
    assert waits == [30, 60, 120]
    failed(ledger, now)
    year = timedelta(days=365)  # a clock set back doesn't make the pause a year long
    assert decide(ledger, config(), Around(now=now - year)).wish is not Wish.WAKE
    succeeded(ledger)
    assert decide(ledger, config(), Around(now=now)).wish is not Wish.WAKE
