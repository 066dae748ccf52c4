"""What fits into a night."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory.config import Config
from memory.episode import EpisodeId, Memory, MemoryId, MemoryState, Phase
from memory.home import Home
from sleep.plan import DREAM, FEWEST, ending, estimate, fitting, modest, pace
from sleep.prepare import plan
from sleep.room import SleepConfig

CONFIG = SleepConfig()


def slept(times: float, sampled: int = 1500) -> dict[str, Any]:
    """The report of a night whose dreams took so many times as long as foreseen."""
    seconds = times * sampled * DREAM[False]
    return {"dreams": {"sampled": sampled}, "seconds": {"dreamt": seconds}}


def memories(count: int) -> list[Memory]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Memory(id=MemoryId(i), episode=EpisodeId(i), text="x", at=at, state=MemoryState.BUFFER)
        for i in range(count)
    ]


def test_with_time_enough_every_memory_gets_all_its_dreams() -> None:
    assert modest(30, 3600.0, CONFIG) is CONFIG
    assert len(fitting(memories(30), 3600.0, CONFIG)) == 30


def test_short_of_time_each_memory_gets_fewer_dreams_before_one_is_left_out() -> None:
    tight = modest(30, 900.0, CONFIG)
    assert FEWEST <= tight.dreams.samples < CONFIG.dreams.samples
    assert len(fitting(memories(30), 900.0, tight)) == 30
    assert modest(30, 900.0, CONFIG, hastened=True) is CONFIG


def test_what_does_not_fit_waits() -> None:
    least = modest(300, 600.0, CONFIG)
    assert least.dreams.samples == FEWEST
    assert 0 < len(fitting(memories(300), 600.0, least)) < 300
    assert not fitting(memories(3), 5.0, least)


def test_a_faster_processor_is_expected_to_be_faster() -> None:
    assert estimate(30, CONFIG, hastened=True) < 0.6 * estimate(30, CONFIG)


def test_what_comes_after_learning_is_part_of_what_a_night_takes() -> None:
    for hastened in (False, True):
        assert 30.0 < ending(30, hastened=hastened) < 0.3 * estimate(30, CONFIG, hastened=hastened)


def test_as_many_dreams_as_fit() -> None:
    tight = modest(30, 900.0, CONFIG)
    assert 0.9 * 900.0 < estimate(30, tight) <= 900.0


def test_the_pace_is_that_of_the_last_few_nights() -> None:
    assert pace([]) == pace([{}, {"dreams": {"sampled": 9}, "seconds": {"dreamt": 99.0}}]) == 1.0
    assert pace([slept(2.0)]) == 2.0
    assert (
        pace([slept(9.0), slept(2.0), slept(1.0), slept(3.0)]) == 2.0
    )  # one that shared its cores does no harm
    assert pace([slept(0.001)]) == 0.25 and pace([slept(1000.0)]) == 8.0


def test_a_slower_machine_dreams_less_of_each_memory() -> None:
    seconds = 900.0 / pace([slept(1.5)])
    tight = modest(30, seconds, CONFIG)
    assert FEWEST <= tight.dreams.samples < modest(30, 900.0, CONFIG).dreams.samples
    assert 1.5 * estimate(30, tight) <= 900.0


def test_the_estimate_that_is_shown_knows_the_pace(home_path: Path) -> None:
    with Home.open(home_path) as home:
        for told in ("My cat is called Biscuit.", "My landlord is called Ostrowski."):
            home.ledger.append(told)
            shown = plan(home, Config(), None)["estimated_seconds"]
            night = home.ledger.begin_night([e.id for e in home.ledger.waiting()], None)
            home.ledger.mark_cleared(night.episodes, night.number)
            home.ledger.advance(
                night.number, Phase.CLEARED, report=slept(2.0), finished=datetime.now(UTC)
            )
    assert shown == round(2.0 * estimate(1, CONFIG))
