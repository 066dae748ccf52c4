"""What is known of general texts to second order, and how it pulls."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from agent.decoding import bare_inside
from agent.local_model import LocalModel
from agent.scoring import scored
from sleep import curvature, exam, lora
from sleep.curvature import Curvature, measured
from sleep.lesson import Lesson
from sleep.training import TrainingConfig, train

SAID = [
    "My cat is called Biscuit.", "The code of the cellar is 5093.", "Oda lives in Porto.",
    "Answer in a few words, please.", "What is worth remembering?", "You are somnus.",
]  # fmt: skip


@pytest.fixture
def model(tiny_checkpoint: Path) -> LocalModel:
    return LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")


@pytest.fixture
def texts(model: LocalModel) -> list[Lesson]:
    pairs = [(ids[:1], ids[1:]) for ids in map(model.encode_reply, SAID * 3)]
    tops = scored(model, pairs, adapter=False, top_k=64)
    return [
        Lesson((*p, *a), len(p), ids, logp)
        for (p, a), (_, ids, logp) in zip(pairs, tops, strict=True)
    ]


def shaken(model: LocalModel, size: float) -> list[Tensor]:
    """New rank that already says something."""
    moving = lora.expand(model, rank=4, targets=lora.MLP, seed=0, scale=3.0)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in moving:
            p.copy_(torch.randn(p.shape, generator=draw) * size)
    return moving


def divergence(model: LocalModel, factors: curvature.Factors) -> Tensor:
    """½ tr(G ΔW C ΔWᵀ), as it is written."""
    total = torch.zeros(())
    for name, m in bare_inside(model.network).named_modules():
        if hasattr(m, "lora_A"):
            change = m.scaling["default"] * m.lora_B["default"].weight @ m.lora_A["default"].weight
            block, _ = name.rsplit(".", 1)
            c, g = factors[f"{block}.{m.in_features}.in"], factors[f"{name}.out"]
            total = total + 0.5 * (g @ change @ c @ change.T).trace()
    return total


def test_the_pull_is_the_gradient(model: LocalModel, texts: list[Lesson]) -> None:
    factors = measured(model, texts, 0, None)
    assert factors is not None
    moving = shaken(model, 0.1)
    expected = divergence(model, factors)
    (2.5 * expected).backward()
    wanted = [p.grad.clone() for p in moving if p.grad is not None]
    for p in moving:
        p.grad = None
    assert Curvature(model, factors).pull(2.5) == pytest.approx(expected.item(), rel=1e-4)
    for p, w in zip(moving, wanted, strict=True):
        assert p.grad is not None and torch.allclose(p.grad, w, rtol=1e-3, atol=1e-7)
    Curvature(model, factors).pull(2.5)  # is added to what is there
    assert moving[0].grad is not None and torch.allclose(moving[0].grad, 2 * wanted[0], rtol=1e-3)


def test_a_small_change_costs_about_what_it_says(model: LocalModel, texts: list[Lesson]) -> None:
    factors = measured(model, texts, 0, None)
    assert factors is not None
    shaken(model, 0.2)
    told, real = Curvature(model, factors).pull(0.0), exam.kl_to_base(model, texts)
    assert real / 6 < told < 6 * real


def test_what_undoes_the_past_is_not_pulled_at(
    model: LocalModel, texts: list[Lesson], tmp_path: Path
) -> None:
    factors = measured(model, texts, 0, None)
    assert factors is not None
    shaken(model, 0.1)
    lora.save(model, tmp_path / "past")
    before = lora.state(model)
    moving = lora.expand(model, rank=4, targets=lora.MLP, seed=0, past=tmp_path / "past", scale=3.0)
    lora.restore(model, {n: -t if "lora_B" in n else t for n, t in before.items()})
    Curvature(model, factors, tmp_path / "past").pull(1.0)
    assert all(p.grad is not None and p.grad.abs().max() < 1e-6 for p in moving)
    Curvature(model, factors).pull(1.0)
    assert any(p.grad is not None and p.grad.abs().max() > 1e-6 for p in moving)


def test_padding_and_company_change_nothing(
    model: LocalModel, texts: list[Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = texts[:4]  # none begins like another, so that they share no token
    assert len({x.ids[0] for x in some}) == 4
    monkeypatch.setattr(curvature, "TOGETHER", 4)
    together = measured(model, some, 0, None)
    monkeypatch.setattr(curvature, "TOGETHER", 1)
    alone = measured(model, some, 0, None)
    assert together is not None and alone is not None and together.keys() == alone.keys()
    for name in (n for n in alone if n.endswith(".in")):
        assert torch.allclose(together[name], alone[name], rtol=1e-4, atol=1e-6)


def test_it_is_measured_once_and_a_torn_file_anew(
    model: LocalModel, texts: list[Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.curvature"
    first = measured(model, texts, 1, file)
    assert first is not None and all(".layers.1." in n for n in first)
    monkeypatch.setattr(curvature, "_measure", lambda *_: {})
    again = measured(model, [], 1, file)
    assert again is not None
    assert all(torch.allclose(again[n], t, rtol=0.02, atol=1e-6) for n, t in first.items())
    whole = file.read_bytes()
    for spoilt, lowest in ((whole, 0), (whole[:99], 1)):  # of other layers, torn
        file.write_bytes(spoilt)
        assert measured(model, [], lowest, file) == {}


def test_a_network_that_is_too_large_rehearses_texts(
    model: LocalModel, texts: list[Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curvature, "MOST_BYTES", 1000)
    assert measured(model, texts, 0, None) is None


def test_learning_with_it_changes_general_texts_less(
    model: LocalModel, texts: list[Lesson]
) -> None:
    factors = measured(model, texts, 0, None)
    assert factors is not None
    lesson = texts[0]
    wrong = Lesson(lesson.ids, lesson.start, lesson.top_ids.flip(0), lesson.top_logp)
    cost = {}
    for weight in (0.0, 300.0):
        moving = lora.expand(model, rank=4, targets=lora.MLP, seed=0, scale=3.0)
        config = TrainingConfig(lr=5e-3, curvature_weight=weight)
        pull = Curvature(model, factors)
        steps = list(
            train(model, moving, [[wrong]] * 25, texts, config, seed=0, curvature=pull)
        )  # fmt: skip
        cost[weight] = exam.kl_to_base(model, texts[1:]), steps[-1].rehearsal_loss
    assert cost[300.0][0] < cost[0.0][0] and cost[300.0][1] < cost[0.0][1]
