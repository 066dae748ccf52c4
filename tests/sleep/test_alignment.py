"""Questions about the same memory are drawn together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from agent.local_model import LocalModel
from agent.packing import Packed
from sleep import lora
from sleep.instincts.alignment import AlignmentConfig, align, asked, contrast, drawn
from sleep.instincts.families import families
from sleep.instincts.feed import Feed, FeedConfig
from sleep.instincts.nearness import nearness
from sleep.instincts.talk import Talk, related
from sleep.instincts.train import InstinctsConfig, Step, evaluated, is_evaluated, train_instincts
from sleep.lesson import hard
from sleep.words import normal

SMALL = AlignmentConfig(memories=4, questions=2, depths=(0.5, 1.0))


def test_every_memory_is_asked_about_in_several_ways() -> None:
    questions, about = drawn(Talk(3), AlignmentConfig(never=0.0))
    counts = torch.bincount(torch.tensor(about))
    assert len(questions) == len(about) and len(set(questions)) > 0.95 * len(questions)
    assert 24 <= len(counts) <= 48 and counts.max() == 3 and counts.float().mean() > 2


def test_what_is_evaluated_is_not_asked() -> None:
    questions, _ = drawn(Talk(3), SMALL)
    banned = {normal(questions[0])}
    again, _ = drawn(Talk(3), SMALL, lambda q: normal(q) in banned)
    assert questions[0] not in again and again
    assert len(evaluated()) > 200


def test_states_that_belong_together_and_lie_together_cost_little() -> None:
    about = torch.tensor([0, 0, 1, 1])
    near = torch.tensor([[1.0, 1.0], [0.9, 1.1], [-1.0, -1.0], [-1.1, -0.9]])
    crossed = near[[0, 2, 1, 3]]
    assert contrast(near, about, 0.1) < 0.1 < contrast(crossed, about, 0.1)
    shifted = near * torch.tensor([1.0, 30.0]) + 9.0  # what all have in common says nothing
    assert torch.allclose(contrast(shifted, about, 0.1), contrast(near, about, 0.1), atol=0.02)
    alone = torch.tensor([0, 0, 1, 2])
    assert torch.isfinite(contrast(near, alone, 0.1))


def test_what_a_memory_leaves_open_stands_alone() -> None:
    config = AlignmentConfig(never=1.0)
    questions, about = drawn(Talk(3), config)
    counts = torch.bincount(torch.tensor(about))
    alone = [q for q, owner in zip(questions, about, strict=True) if counts[owner] == 1]
    assert len(alone) > 20


def test_aligning_brings_them_nearer(tiny_checkpoint: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    moving = lora.expand(model, rank=4, targets=lora.ALL_LINEAR, seed=0)
    optimiser = torch.optim.AdamW(moving, lr=1e-2)
    batch = asked(model, *drawn(Talk(5), SMALL))
    losses = []
    for _ in range(12):
        losses.append(align(model, batch, SMALL))
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < losses[0]


def test_a_training_that_was_stopped_goes_on_with_the_same_steps(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    feed = FeedConfig(scenes=1, texts=1, alignment=SMALL)
    config = InstinctsConfig(steps=4, feed=feed, rank=2, texts=2)

    def run(folder: Path, most: int, workers: int = 0) -> list[Step]:
        model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
        done: list[Step] = []
        for step in train_instincts(
            model, folder, config, near={}, workers=workers, stop=lambda: len(done) == most
        ):
            done.append(step)
        return done

    whole = run(tmp_path / "whole", 9)
    parts = run(tmp_path / "parts", 2) + run(tmp_path / "parts", 9, workers=1)
    assert [s.done for s in whole] == [1, 2, 3, 4] == [s.done for s in parts]
    for one, other in zip(whole, parts, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert one.likeness == pytest.approx(other.likeness, rel=1e-3)
    assert (tmp_path / "parts" / "adapter_model.safetensors").exists()
    assert not (tmp_path / "parts" / "unfinished.safetensors").exists()


def test_a_step_has_nothing_that_may_not_be_used(tiny_checkpoint: Path) -> None:
    tokenizer = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu").tokenizer
    config = FeedConfig(scenes=1, texts=1, alignment=SMALL)
    texts = [hard([1, 2], [3, 4, 5])]
    heard: list[str] = []

    def none(text: str) -> bool:
        heard.append(text)
        return False

    whole = Feed(tokenizer, texts, config, {}, none)[0]
    assert len(whole.said.targets) == len(whole.weights) + 3 > 20
    banned = set(heard)
    left = Feed(tokenizer, texts, config, {}, lambda text: text in banned)[0]
    assert _sequences(left.said.packed) & _sequences(whole.said.packed) == {texts[0].ids}
    assert not _sequences(left.asked.packed) & _sequences(whole.asked.packed)


def _sequences(packed: Packed) -> set[tuple[int, ...]]:
    return {tuple(packed.ids[row, path].tolist()) for row, path in packed.paths}


def test_the_instincts_use_nothing_that_is_evaluated(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_evaluated("What do I do for a living?") and not is_evaluated("What does nobody ask?")
    assert len(evaluated()) > 200
    asked_about: list[str] = []

    def known() -> frozenset[str]:
        asked_about.append("")
        return frozenset()

    monkeypatch.setattr("sleep.instincts.train.evaluated", known)
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    feed = FeedConfig(scenes=1, texts=1, alignment=SMALL)
    config = InstinctsConfig(steps=1, feed=feed, rank=2, texts=2)
    assert len(list(train_instincts(model, tmp_path / "i", config, near={}))) == 1
    assert len(asked_about) > 10


def test_near_families_are_found_once_and_never_related(tmp_path: Path) -> None:
    some = families()[:40]
    calls: list[int] = []

    def embed(texts: Sequence[str]) -> list[list[float]]:
        """Letters alone, which is enough to be near or far."""
        calls.append(len(texts))
        counts = torch.tensor([[t.lower().count(c) for c in "abcdefghijklmnop"] for t in texts])
        unit: list[list[float]] = torch.nn.functional.normalize(counts.float(), dim=-1).tolist()
        return unit

    near = nearness(lambda: embed, some, tmp_path)
    assert near == nearness(lambda: embed, some, tmp_path) and len(calls) == 1
    by_name = {f.name: f for f in some}
    for name, names in near.items():
        assert name not in names
        assert not any(related(by_name[name], by_name[n]) for n in names)
    talk = Talk(0, near={some[0].name: [some[3].name]})
    assert talk.nearer(some[0], some) == [some[3]]
