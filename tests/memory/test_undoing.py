"""What is forgotten leaves the weights: the nights that learnt it are undone, and their adapters leave the disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from memory.adapters import CONFIG, WEIGHTS, AdapterCard
from memory.episode import Dream, DreamKind, Memory, MemoryState, Phase
from memory.forgetting import forget
from memory.home import Home
from memory.undoing import UNLEARN, undo, unlearn

SAID = ("My cat is called Biscuit.", "My dog is called Rex.", "My canary is called Zyx.")


def dream(memory: Memory, night: int, **options: bool) -> Dream:
    return Dream(
        night=night, memories=(memory.id,), kind=DreamKind.FACT, cue="Who?", reply="It.", **options
    )


def learn(home: Home, said: str, *also: Memory) -> Memory:
    """A night that learnt one memory, and was trained on others too."""
    ledger, worn = home.ledger, home.adapters.current()
    episode = ledger.append(said)
    (memory,) = ledger.add_memories([(episode.id, said, episode.at)])
    number = ledger.begin_night([episode.id], worn.name if worn else None).number
    ledger.add_dreams([dream(m, number, used=True) for m in (memory, *also)])
    staging = home.adapters.staging(number)
    save_file({"a": torch.full((1,), float(number))}, staging / WEIGHTS)
    (staging / CONFIG).write_text("{}")
    name = f"night-{number:04}"
    home.adapters.commit(
        staging,
        AdapterCard(
            name=name, night=number, parent=worn.name if worn else None, base_hash="x", memories=(memory.id,), exam={}
        ),
    )  # fmt: skip
    home.adapters.point(name)
    ledger.mark_cleared([episode.id], number)
    ledger.advance(number, Phase.CLEARED, adapter=name, finished=datetime.now(UTC))
    return ledger.set_memory(memory.id, state=MemoryState.CONSOLIDATED, night=number)


@pytest.fixture
def home(home_path: Path) -> Iterator[Home]:
    opened = Home.open(home_path)
    yield opened
    opened.close()


@pytest.fixture
def learnt(home: Home) -> list[Memory]:
    """Three nights, each with a memory; the third was trained on the first's too."""
    cat = learn(home, SAID[0])
    dog = learn(home, SAID[1])
    return [cat, dog, learn(home, SAID[2], cat)]


def test_undoing_a_night_returns_what_was_learnt_since(home: Home, learnt: list[Memory]) -> None:
    assert undo(home.ledger, home.adapters, 2) == [2, 3]
    assert home.adapters.named() == "night-0001"
    states = [home.ledger.memory(m.id).state for m in learnt]
    assert states == [MemoryState.CONSOLIDATED, MemoryState.BUFFER, MemoryState.BUFFER]
    assert [e.said for e in home.ledger.waiting()] == list(SAID[1:])


def test_undoing_behind_a_pruned_adapter_returns_what_only_that_held(
    home: Home, learnt: list[Memory]
) -> None:
    home.adapters.remove("night-0001")
    assert undo(home.ledger, home.adapters, 2) == [2, 3]
    assert home.adapters.current() is None  # nothing older is left to be worn
    assert {home.ledger.memory(m.id).state for m in learnt} == {MemoryState.BUFFER}
    assert [e.said for e in home.ledger.waiting()] == list(SAID)


def test_no_adapter_that_was_trained_on_it_is_worn_or_kept(
    home: Home, learnt: list[Memory]
) -> None:
    receipt = forget(home.ledger, [learnt[1].id])
    assert receipt["nights"] == [2]
    assert unlearn(home.ledger, home.adapters) == [2, 3]
    assert home.adapters.named() == "night-0001"
    assert [c.name for c in home.adapters.cards()] == ["night-0001"]
    assert [e.said for e in home.ledger.waiting()] == [SAID[2]]
    assert home.ledger.memory(learnt[0].id).state is MemoryState.CONSOLIDATED
    assert unlearn(home.ledger, home.adapters) == []


def test_a_night_that_was_only_trained_on_it_counts_too(home: Home) -> None:
    failed = home.ledger.append(SAID[0])
    (cat,) = home.ledger.add_memories([(failed.id, SAID[0], failed.at)])
    home.ledger.set_memory(cat.id, state=MemoryState.KEPT_BACK, failures=1)
    learnt = learn(home, SAID[1], cat)
    assert forget(home.ledger, [cat.id])["nights"] == [1]
    assert unlearn(home.ledger, home.adapters) == [1]
    assert home.adapters.current() is None and home.adapters.cards() == []
    assert home.ledger.memory(learnt.id).state is MemoryState.BUFFER


def test_the_adapters_of_a_night_undone_before_leave_the_disk(
    home: Home, learnt: list[Memory]
) -> None:
    undo(home.ledger, home.adapters, 3)
    assert len(home.adapters.cards()) == 3
    assert forget(home.ledger, [learnt[2].id])["nights"] == []
    assert unlearn(home.ledger, home.adapters) == []
    assert [c.name for c in home.adapters.cards()] == ["night-0001", "night-0002"]
    assert home.adapters.named() == "night-0002"


def test_what_was_forgotten_before_a_crash_is_unlearnt_at_the_next_start(
    home_path: Path, home: Home, learnt: list[Memory]
) -> None:
    forget(home.ledger, [learnt[0].id])
    home.close()
    with Home.open(home_path) as again:
        assert again.adapters.current() is None and again.adapters.cards() == []
        assert again.ledger.meta(UNLEARN) == ""
        assert [e.said for e in again.ledger.waiting()] == list(SAID[1:])


def test_forgetting_what_no_night_learnt_costs_nothing(home: Home, learnt: list[Memory]) -> None:
    del learnt
    episode = home.ledger.append("My horse is called Ajax.")
    (fresh,) = home.ledger.add_memories([(episode.id, episode.said, episode.at)])
    assert forget(home.ledger, [fresh.id])["nights"] == []
    assert unlearn(home.ledger, home.adapters) == []
    assert home.adapters.named() == "night-0003"
