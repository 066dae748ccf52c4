"""Questions about the same memory are drawn together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from agent.local_model import LocalModel
from sleep import lora
from sleep.instincts.alignment import AlignmentConfig, align, contrast, drawn
from sleep.instincts.talk import Talk
from sleep.instincts.train import InstinctsConfig, evaluated, train_instincts
from sleep.words import normal

SMALL = AlignmentConfig(memories=4, questions=2, depths=(0.5, 1.0))


def test_every_memory_is_asked_about_in_several_ways() -> None:
    questions, about = drawn(Talk(3), AlignmentConfig())
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


def test_aligning_brings_them_nearer(tiny_checkpoint: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    moving = lora.expand(model, rank=4, targets=lora.ALL_LINEAR, seed=0)
    optimiser = torch.optim.AdamW(moving, lr=1e-2)
    losses = []
    for _ in range(12):
        losses.append(align(model, Talk(5), SMALL))
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < losses[0]


def test_the_instincts_are_aligned_in_every_step_and_never_on_what_is_evaluated(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    calls: list[Any] = []
    monkeypatch.setattr("sleep.instincts.train.align", lambda *given: calls.append(given))
    config = InstinctsConfig(steps=2, scenes=1, rank=2, texts=2, alignment=SMALL)
    assert len(list(train_instincts(model, tmp_path / "i", config))) == 2 == len(calls)
    *_, aligned, seen = calls[0]
    assert aligned is SMALL
    assert seen("What do I do for a living?") and not seen("What does nobody ask?")
