"""Bfloat16 while dreaming and learning, where a processor is faster with it; the very same weights afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from agent.local_model import LocalModel
from agent.model import Sampling
from sleep import curvature, lora
from sleep.lesson import hard
from sleep.training import TrainingConfig, train


@pytest.fixture
def model(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> LocalModel:
    """A tiny model that takes itself for a large one on a fast processor."""
    monkeypatch.setattr("agent.wardrobe.LEAST_PARAMETERS", 0)
    monkeypatch.setattr("agent.wardrobe.bfloat16_is_faster", lambda: True)
    return LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")


def dtypes(model: LocalModel) -> set[torch.dtype]:
    return {p.dtype for p in model.network.parameters()}


def test_weights_are_rounded_inside_and_exactly_themselves_afterwards(model: LocalModel) -> None:
    before = {n: p.clone() for n, p in model.network.named_parameters()}
    with model.hastened():
        assert dtypes(model) == {torch.bfloat16}
        assert len(model.decode([[3, 4, 5]] * 6, Sampling(max_tokens=4))) == 6
    assert dtypes(model) == {torch.float32}
    assert all(torch.equal(before[n], p) for n, p in model.network.named_parameters())


def test_a_precision_that_was_asked_for_is_kept(tiny_checkpoint: Path, model: LocalModel) -> None:
    exact = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu", dtype="float32")
    with exact.hastened():
        assert dtypes(exact) == {torch.float32}


def test_new_rank_learns_with_masters_in_float32(model: LocalModel) -> None:
    moving = lora.expand(model, rank=4, targets=lora.MLP, seed=0)
    began = [p.detach().clone() for p in moving]
    lesson = hard([3, 4, 5, 6], [7, 8, 9])
    config = TrainingConfig(lr=1e-2)
    with model.hastened():
        steps = list(train(model, moving, [[lesson]] * 30, [], config, seed=0))
        assert {p.dtype for p in moving} == {torch.float32}
    assert steps[-1].loss < 0.95 * steps[0].loss
    changed = [p for p, old in zip(moving, began, strict=True) if not torch.equal(p, old)]
    assert len(changed) == len(moving)
    # what bfloat16 can't hold is still there: the masters were kept, not their roundings
    assert any(not torch.equal(p, p.to(torch.bfloat16).float()) for p in moving)


def test_what_is_to_stay_is_measured_and_held_in_either_precision(model: LocalModel) -> None:
    texts = [hard([i], [i + 1, i + 2, i + 3, i + 4]) for i in range(3, 60, 5)]
    exact = curvature.measured(model, texts, 0, None)
    with model.hastened():
        rough = curvature.measured(model, texts, 0, None)
    assert exact is not None and rough is not None
    for name in (n for n in exact if n.endswith(".in")):
        assert (exact[name] - rough[name]).norm() < 0.01 * exact[name].norm()
    moving = lora.expand(model, rank=4, targets=lora.MLP, seed=0)
    with model.hastened():
        pull = curvature.Curvature(model, rough)
        config = TrainingConfig(lr=1e-2)
        steps = [[texts[0]]] * 5
        done = list(train(model, moving, steps, [], config, seed=0, curvature=pull))
    assert done[0].rehearsal_loss == 0.0 < done[-1].rehearsal_loss < 1.0


def test_a_second_night_listens_with_rounded_weights_too(model: LocalModel, tmp_path: Path) -> None:
    with torch.no_grad():
        for tensor in lora.expand(model, rank=2, targets=lora.MLP, seed=0):
            tensor.normal_(0.0, 0.3)
    lora.save(model, tmp_path / "night")
    moving = lora.expand(model, rank=2, targets=lora.MLP, seed=1, past=tmp_path / "night")
    merged = {n: p.clone() for n, p in model.network.named_parameters() if "lora_" not in n}
    lesson = hard([3, 4, 5, 6], [7, 8, 9])
    with model.hastened():
        done = list(train(model, moving, [[lesson]] * 3, [], TrainingConfig(lr=1e-2), seed=0))
        assert len(done) == 3 and len(model.decode([[3, 4, 5]] * 6, Sampling(max_tokens=4))) == 6
    now = dict(model.network.named_parameters())
    assert all(torch.equal(p, now[n]) for n, p in merged.items())
    with model.listening(model.network):
        assert dtypes(model) == {torch.float32}
