"""A night's order and its promises, on a tiny model that learns nothing: nothing may be cleared, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bedroom import Bedroom

from memory.episode import MemoryState, Phase
from memory.errors import Interrupted, NothingToLearn, UsageError
from memory.undoing import undo
from sleep.events import NightBegan, NightEnded, PhaseReached


@pytest.fixture
def bedroom(home_path: Path, tiny_checkpoint: Path, embedder: object) -> Iterator[Bedroom]:
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    yield room
    room.home.close()


def test_a_night_passes_through_all_its_phases_in_order(bedroom: Bedroom) -> None:
    bedroom.tell("My cat is called Biscuit.", "Thanks a lot!")
    events = bedroom.sleep()
    assert isinstance(events[0], NightBegan)
    reached = [e.phase for e in events if isinstance(e, PhaseReached)]
    assert reached == [
        Phase.REPLAYED, Phase.DREAMT, Phase.SEEDED, Phase.EXAMINED, Phase.COMMITTED, Phase.CLEARED
    ]  # fmt: skip
    assert isinstance(events[-1], NightEnded)
    assert bedroom.home.ledger.night(1).phase is Phase.CLEARED


def test_what_was_not_learnt_stays_in_the_buffer_and_small_talk_leaves_it(bedroom: Bedroom) -> None:
    bedroom.tell("My cat is called Biscuit.", "Thanks a lot!")
    report = bedroom.sleep()[-1].report
    assert [e.said for e in bedroom.home.ledger.waiting()] == ["My cat is called Biscuit."]
    (memory,) = bedroom.home.ledger.memories()
    assert memory.state is MemoryState.KEPT_BACK and memory.failures == 1
    assert report["learned"] == [] and report["kept_back"][0]["text"] == "My cat is called Biscuit."
    assert report["no_memory"][0]["said"] == "Thanks a lot!"


def test_a_night_with_nothing_to_learn_says_so(bedroom: Bedroom) -> None:
    with pytest.raises(NothingToLearn):
        bedroom.sleep()
    bedroom.tell("How are you?")
    with pytest.raises(NothingToLearn):
        bedroom.sleep()
    assert bedroom.home.ledger.unfinished() is None


def test_a_budget_too_small_for_one_memory_is_refused_before_anything_happens(
    bedroom: Bedroom,
) -> None:
    bedroom.tell("My cat is called Biscuit.")
    with pytest.raises(UsageError, match=r"0\.01 minutes is too small"):
        bedroom.sleep(budget_minutes=0.01)
    assert bedroom.home.ledger.nights() == []


def test_under_every_adapter_the_base_stays_what_it_was(bedroom: Bedroom) -> None:
    before = {n: p.clone() for n, p in bedroom.model.network.named_parameters()}
    for said in (
        "My cat is called Biscuit.",
        "My sister Oda lives in Porto.",
        "My dog is called Rex.",
    ):
        bedroom.tell(said)
        bedroom.sleep()
    assert bedroom.model.wears
    after = dict(bedroom.model.bare().named_parameters())
    assert all(torch.equal(p, after[n]) for n, p in before.items())


@pytest.mark.parametrize(
    "after", [Phase.REPLAYED, Phase.DREAMT, Phase.SEEDED, Phase.EXAMINED, Phase.COMMITTED]
)
def test_a_night_interrupted_after_any_phase_goes_on_there(bedroom: Bedroom, after: Phase) -> None:
    bedroom.tell("My cat is called Biscuit.", "The code of the cellar is 5093.")
    with pytest.raises(Interrupted):
        bedroom.sleep(
            stop=lambda: (n := bedroom.home.ledger.night(1)) is not None and n.phase is after
        )
    assert bedroom.home.ledger.unfinished().phase is after
    assert len(bedroom.home.ledger.waiting()) == 2
    events = bedroom.sleep()
    assert events[0].resumed and events[-1].outcome == "cleared"
    first = next(e for e in events if isinstance(e, PhaseReached))
    order = list(Phase)
    assert order.index(first.phase) == order.index(after) + 1
    assert [n.number for n in bedroom.home.ledger.nights()] == [1]


def test_the_adapter_in_use_is_plain_lora_with_a_card(bedroom: Bedroom) -> None:
    bedroom.tell("My cat is called Biscuit.")
    bedroom.sleep()
    card = bedroom.home.adapters.current()
    assert card is not None and card.name == "night-0001" and card.parent is None
    names = {f.name for f in bedroom.home.adapters.path(card.name).iterdir()}
    assert names == {"adapter_model.safetensors", "adapter_config.json", "card.json"}


def test_the_next_night_expands_the_adapter_of_the_last(bedroom: Bedroom) -> None:
    from safetensors.torch import load_file

    bedroom.tell("My cat is called Biscuit.")
    bedroom.sleep()
    bedroom.tell("The code of the cellar is 5093.")
    bedroom.sleep()
    ranks = []
    for card in bedroom.home.adapters.cards():
        tensors = load_file(bedroom.home.adapters.path(card.name) / "adapter_model.safetensors")
        ranks.append(next(t.shape[0] for n, t in tensors.items() if "lora_A" in n))
    assert ranks == [16, 32]


def test_rolling_a_night_back_returns_its_episodes_and_its_parent(bedroom: Bedroom) -> None:
    bedroom.tell("My cat is called Biscuit.", "Thanks a lot!")
    bedroom.sleep()
    assert undo(bedroom.home.ledger, bedroom.home.adapters, 1) == [1]
    assert len(bedroom.home.ledger.waiting()) == 2
    assert bedroom.home.adapters.current() is None
    with pytest.raises(UsageError):
        undo(bedroom.home.ledger, bedroom.home.adapters, 1)
