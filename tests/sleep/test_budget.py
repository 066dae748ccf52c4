"""A night keeps its budget: learning ends with the time, and what the time doesn't suffice for is lost to nobody."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from bedroom import Bedroom
from torch import Tensor

from agent.local_model import LocalModel
from memory.config import LEAST_MINUTES, Config, load_config, save_setting
from memory.episode import Dream, DreamKind, MemoryId, MemoryState, Phase
from memory.errors import UsageError
from sleep import lora, plan, seeding
from sleep.events import PhaseReached
from sleep.imitation import ImitationConfig, imitate
from sleep.lesson import hard
from sleep.night import _steps
from sleep.phases import dream, replay
from sleep.plan import DREAM, FEWEST
from sleep.prepare import settings
from sleep.teaching import Rehearsed
from sleep.training import TrainingConfig, train

LESSONS = [hard([3, 4, n], [n, 5, 6]) for n in range(10, 18)]
CAT = "My cat is called Biscuit."


@pytest.fixture
def model(tiny_checkpoint: Path) -> LocalModel:
    return LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")


@pytest.fixture
def moving(model: LocalModel) -> list[Tensor]:
    return lora.expand(model, rank=2, targets=lora.MLP, seed=0)


@pytest.fixture
def bedroom(home_path: Path, tiny_checkpoint: Path, embedder: object) -> Iterator[Bedroom]:
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    room.tell(CAT, "Thanks a lot!")
    yield room
    room.home.close()


def taught(model: LocalModel, moving: list[Tensor], deadline: float) -> int:
    """Steps that were made of 10 000."""
    config = TrainingConfig(rehearsal_rows=0)
    made = train(model, moving, [LESSONS] * 10_000, [], config, seed=0, deadline=deadline)
    return sum(1 for _ in made)


def test_past_the_deadline_nothing_more_is_learnt(model: LocalModel, moving: list[Tensor]) -> None:
    before = [p.detach().clone() for p in moving]
    assert taught(model, moving, time.monotonic()) == 0
    assert all(torch.equal(p, b) for p, b in zip(moving, before, strict=True))


def test_learning_ends_with_the_time_on_ever_smaller_steps(
    model: LocalModel, moving: list[Tensor]
) -> None:
    config = TrainingConfig(rehearsal_rows=0, warm_up=0.0)
    deadline = time.monotonic() + 1.5
    sizes, last = [], [p.detach().clone() for p in moving]
    for step in train(model, moving, [LESSONS] * 10_000, [], config, seed=0, deadline=deadline):
        sizes.append(
            max(float((p.detach() - b).abs().max()) for p, b in zip(moving, last, strict=True))
        )
        last = [p.detach().clone() for p in moving]
        assert step.seconds_left <= 1.5
    assert 0 < len(sizes) < 10_000
    assert time.monotonic() < deadline + 2  # the step that had begun
    assert sizes[-1] < sizes[0]


def test_past_the_deadline_nothing_more_is_imitated(
    model: LocalModel, moving: list[Tensor]
) -> None:
    told = {MemoryId(1): (CAT,)}
    dream = Dream(
        night=1, memories=(MemoryId(1),), kind=DreamKind.FACT, cue="Who?", reply="Biscuit.", used=True
    )  # fmt: skip
    dreams = [Rehearsed(dream, LESSONS[0])]
    before = [p.detach().clone() for p in moving]

    def rounds(deadline: float) -> int:
        config = ImitationConfig(rounds=2)
        return len(list(imitate(model, moving, dreams, told, config, seed=0, deadline=deadline)))

    assert rounds(time.monotonic()) == 0
    assert all(torch.equal(p, b) for p, b in zip(moving, before, strict=True))
    assert rounds(math.inf) == 2


def test_a_budget_spent_before_one_memory_could_be_learnt_is_said_and_the_night_undone(
    bedroom: Bedroom,
) -> None:
    bedroom.config = replace_budget(bedroom, 3.0)
    room = bedroom.evening()
    with pytest.raises(UsageError, match=r"budget of 3 minutes was used up .* at least 6\."):
        for event in _steps(room, False):
            if isinstance(event, PhaseReached) and event.phase is Phase.REPLAYED:
                room.began -= 170
    ledger = bedroom.home.ledger
    assert ledger.unfinished() is None and ledger.nights()[0].phase is Phase.ROLLED_BACK
    assert {e.id for e in ledger.waiting()} == bedroom.store.ids() == {1, 2}
    assert bedroom.home.adapters.current() is None
    bedroom.config = replace_budget(bedroom, 60.0)
    assert bedroom.sleep()[-1].outcome == "cleared"  # type: ignore[attr-defined]
    assert [m.state for m in ledger.memories()] == [MemoryState.KEPT_BACK]


def replace_budget(bedroom: Bedroom, minutes: float) -> Any:
    return bedroom.config.model_copy(update={"budget_minutes": minutes})


def test_a_night_whose_time_is_up_before_it_learns_still_comes_to_its_end(bedroom: Bedroom) -> None:
    room = bedroom.evening()
    events = []
    for event in _steps(room, False):
        events.append(event)
        if isinstance(event, PhaseReached) and event.phase is Phase.DREAMT:
            room.rehearsed = [
                Rehearsed(
                    Dream(
                        night=1, memories=(m.id,), kind=DreamKind.FACT, cue="Who?", reply="Biscuit.", used=True
                    ), LESSONS[0],
                )
                for m in room.memories
            ]  # fmt: skip
            room.began -= 3600
    report: Any = events[-1].report  # type: ignore[attr-defined]
    assert report["loss"]["steps"] == 0 and report["reward"] == [] and report["learned"] == []
    assert [e.said for e in bedroom.home.ledger.waiting()] == [CAT]


def test_one_least_budget_holds_for_settings_naps_and_commands(
    home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_path.mkdir()
    for name in ("budget_minutes", "nap_minutes"):
        with pytest.raises(UsageError, match=f"{name} can't be 1.9.* equal to {LEAST_MINUTES:g}"):
            save_setting(home_path, name, 1.9)
        save_setting(home_path, name, LEAST_MINUTES)
    config = load_config(home_path)
    assert settings(config, None).budget_minutes == LEAST_MINUTES
    with pytest.raises(UsageError, match=f"1.9 minutes .* at least {LEAST_MINUTES:g}"):
        settings(config, 1.9)
    monkeypatch.setenv("SOMNUS_BUDGET_MINUTES", "1")
    with pytest.raises(UsageError, match="budget_minutes can't be '1'"):
        load_config(home_path)


@pytest.mark.parametrize(("times", "samples"), [(1.0, 84), (3.0, FEWEST)])
def test_after_slow_nights_each_memory_gets_fewer_dreams(
    bedroom: Bedroom, times: float, samples: int
) -> None:
    ledger = bedroom.home.ledger
    night = ledger.begin_night([e.id for e in ledger.waiting()], None)
    report = {"dreams": {"sampled": 1000}, "seconds": {"dreamt": times * 1000 * DREAM[False]}}
    ledger.advance(night.number, Phase.ROLLED_BACK, report=report, finished=datetime.now(UTC))
    bedroom.config = Config(dreams_per_memory=84, rehearsal_texts=8)
    room = bedroom.evening(minutes=3.0)
    for phase in (replay, dream):
        list(phase(room))
    assert room.config.dreams.samples == samples


def test_after_slow_dreams_learning_leaves_its_exam_more_time(
    bedroom: Bedroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[float] = []

    def heard(*args: Any, deadline: float, **others: Any) -> Any:
        ends.append(deadline)
        return train(*args, deadline=deadline, **others)

    monkeypatch.setattr(seeding, "train", heard)
    monkeypatch.setattr(plan, "ENOUGH", 1)
    monkeypatch.setattr(plan, "DREAM", (1e-6, 1e-6))  # so that these took far longer than foreseen
    began = time.monotonic()
    bedroom.sleep()
    assert began + 3600.0 - ends[0] > 4.0 * plan.ending(1)
