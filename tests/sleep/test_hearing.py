"""What doesn't change is kept: what is learnt is the same as if all had been gone through each time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import attentive, make_checkpoint
from torch import Tensor, nn

from agent.decoding import bare_inside
from agent.local_model import LocalModel
from sleep import lora
from sleep.hearing import Hearing, depth, splits
from sleep.lesson import hard
from sleep.training import TrainingConfig, train

LESSONS = [hard([3, 4, 9], [7])] + [hard(range(3, 9), [n, 5, 6]) for n in range(10, 18)]


@pytest.fixture(params=["llama", "qwen3", "gemma"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> LocalModel:
    return LocalModel.load(make_checkpoint(tmp_path / "m", request.param), name="x", device="cpu")


def test_each_lesson_is_heard_once(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    hearing = Hearing(model, 1)
    assert hearing.layer == 1 and depth(model) == 2 and not hearing.known
    first = hearing.of(LESSONS)
    monkeypatch.setattr("sleep.hearing.hear", None)  # would fail if it were called
    assert all(a is b for a, b in zip(hearing.of(LESSONS), first, strict=True))
    assert len(bare_inside(model.network).model.layers) == 2  # all there again


def test_what_is_too_much_to_keep_is_heard_again(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sleep.hearing.MOST_BYTES", 0)
    hearing = Hearing(model, 1)
    a, b = hearing.of(LESSONS), hearing.of(LESSONS)
    assert not hearing.known
    assert all(torch.equal(x.states, y.states) for x, y in zip(a, b, strict=True))


def moved(
    model: LocalModel, above: int, steps: int, *, halves: bool, deaf: float = 0.0
) -> list[Tensor]:
    moving = lora.expand(model, rank=2, targets=lora.MLP, seed=0, above=above)
    hearing = Hearing(model, above if halves else 0)
    assert hearing.layer == (above if halves else 0)
    config = TrainingConfig(rehearsal_rows=1, warm_up=0.0, deaf=deaf)
    for _ in train(model, moving, [LESSONS] * steps, LESSONS[:2], config, seed=0, hearing=hearing):
        pass
    return [p.detach().clone() for p in moving]


def test_what_is_learnt_is_the_same(model: LocalModel) -> None:
    whole = moved(model, 1, 3, halves=False)
    model.wear(None)
    for a, b in zip(whole, moved(model, 1, 3, halves=True), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_lessons_are_learnt_without_some_of_their_cue(model: LocalModel) -> None:
    attentive(model.network)
    whole = moved(model, 1, 3, halves=True)
    model.wear(None)
    partly = moved(model, 1, 3, halves=True, deaf=0.9)
    assert any(not torch.allclose(a, b, atol=1e-4) for a, b in zip(whole, partly, strict=True))


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
    assert not splits(LocalModel.load(tiny_checkpoint, name="x", device="cpu"), layer)


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
    assert not splits(model, 1)
    inner.layers = nn.ParameterList()
    assert depth(model) == 0 and not splits(model, 1)
