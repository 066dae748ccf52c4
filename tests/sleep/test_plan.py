"""What fits into a night."""

from __future__ import annotations

from datetime import UTC, datetime

from memory.episode import EpisodeId, Memory, MemoryId, MemoryState
from sleep.plan import FEWEST, ending, estimate, fitting, modest
from sleep.room import SleepConfig

CONFIG = SleepConfig()


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
