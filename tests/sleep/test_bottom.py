"""The lowest layers, gone through once: the rest says and learns the same as if all had been gone through."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import make_checkpoint
from torch import Tensor, nn

from agent.decoding import bare_inside
from agent.local_model import LocalModel
from sleep import lora
from sleep.bottom import bottom, depth
from sleep.lesson import batch, hard
from sleep.training import TrainingConfig, train

LESSONS = [hard(range(3, 9), [n, 5, 6]) for n in range(10, 18)] + [hard([3, 4, 9], [7])]


@pytest.fixture(params=["llama", "qwen3", "gemma"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> LocalModel:
    return LocalModel.load(make_checkpoint(tmp_path / "m", request.param), name="x", device="cpu")


def test_two_halves_say_what_the_whole_says(model: LocalModel) -> None:
    below = bottom(model, 1)
    assert below is not None and depth(model) == 2
    packed = batch([(x.ids, x.start) for x in LESSONS], model.end_id, "cpu").packed
    with torch.no_grad():
        whole = model.hidden(model.network, packed)
        states = below.states(LESSONS, packed)
        halves = model.hidden(model.network, packed, states, 1)
    for row, path in packed.paths:
        assert torch.allclose(whole[row, path], halves[row, path], atol=1e-4)
    assert len(bare_inside(model.network).model.layers) == 2  # all there again


def test_each_lesson_is_read_once(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    below = bottom(model, 1)
    assert below is not None
    packed = batch([(x.ids, x.start) for x in LESSONS], model.end_id, "cpu").packed
    first = below.states(LESSONS, packed)
    monkeypatch.setattr(LocalModel, "before", None)  # would fail if it were called
    assert torch.equal(below.states(LESSONS, packed), first)


def moved(model: LocalModel, above: int, steps: int, *, halves: bool) -> list[Tensor]:
    moving = lora.expand(model, rank=2, targets=lora.MLP, seed=0, above=above)
    below = bottom(model, above) if halves else None
    assert (below is not None) is halves
    config = TrainingConfig(rehearsal_rows=1, warm_up=0.0)
    for _ in train(model, moving, [LESSONS] * steps, LESSONS[:2], config, seed=0, below=below):
        pass
    return [p.detach().clone() for p in moving]


def test_what_is_learnt_is_the_same(model: LocalModel) -> None:
    whole = moved(model, 1, 3, halves=False)
    model.wear(None)
    for a, b in zip(whole, moved(model, 1, 3, halves=True), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_new_rank_below_stays_at_nothing(model: LocalModel, tmp_path: Path) -> None:
    moved(model, 1, 3, halves=True)
    added = {
        name: float(module.get_delta_weight("default").detach().abs().max())
        for name, module in model.network.named_modules()
        if hasattr(module, "lora_A")
    }
    lower = [x for name, x in added.items() if ".layers.0." in name]
    upper = [x for name, x in added.items() if ".layers.1." in name]
    assert lower and not any(lower) and upper and all(upper)
    lora.save(model, tmp_path / "night")
    model.wear(tmp_path / "night")  # a plain adapter of all layers


@pytest.mark.parametrize("layer", [0, 2, 7])
def test_without_a_layer_above_or_below_there_are_no_halves(
    tiny_checkpoint: Path, layer: int
) -> None:
    assert bottom(LocalModel.load(tiny_checkpoint, name="x", device="cpu"), layer) is None


def test_layers_that_want_more_than_states_are_gone_through_whole(tiny_checkpoint: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="x", device="cpu")
    inner = bare_inside(model.network).model

    class Counted(nn.Module):
        """A layer that only works at its own place in a whole network."""

        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, states: Tensor, **options: object) -> Tensor:
            out: Tensor = self.layer(states, **options)
            return out * len(inner.layers)

    inner.layers = nn.ModuleList(Counted(layer) for layer in inner.layers)
    assert bottom(model, 1) is None
    inner.layers = nn.ParameterList()
    assert depth(model) == 0 and bottom(model, 1) is None


def test_the_trial_is_no_lesson(model: LocalModel) -> None:
    below = bottom(model, 1)
    assert below is not None and not below.known
