"""An exam's questions about what was told are asked of the weights alone; those about what wasn't may be doubted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import attentive, make_checkpoint

from agent.local_model import LocalModel
from memory.episode import Dream, DreamKind, MemoryId
from sleep import exam, lora


def test_only_what_was_never_told_is_doubted(
    tmp_path: Path, embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LocalModel.load(
        make_checkpoint(tmp_path / "m", "llama"), name="x", has_instincts=True, device="cpu"
    )
    attentive(model.network)
    torch.manual_seed(3)
    with torch.no_grad():
        for tensor in lora.expand(model, rank=2, targets=lora.ALL_LINEAR, seed=0):
            tensor.normal_(0.0, 0.3)
    dreams = [
        Dream(night=1, memories=(MemoryId(1),), kind=kind, cue=cue, reply="Biscuit.", held_out=True)
        for kind, cue in (
            (DreamKind.FACT, "What is my cat called?"),
            (DreamKind.NEVER, "How old is my cat?"),
        )
    ]
    told = {MemoryId(1): ["My cat is Biscuit."]}
    answers = {}
    for least in (-1e9, 1e9):
        monkeypatch.setattr("agent.doubt.LEAST", least)
        answers[least] = exam.ask(model, dreams, told, night=1, embedder=embedder)
    fact, never = answers[1e9]
    assert (fact.answer, never.answer) == (answers[-1e9][0].answer, never.control_answer)
    assert answers[-1e9][1].answer != never.control_answer
