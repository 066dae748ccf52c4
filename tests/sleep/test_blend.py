"""Instincts that learnt the same from other examples blend into one adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factors import added, made

from agent.local_model import LocalModel
from memory.errors import InputError
from sleep import lora
from sleep.instincts.train import blend
from sleep.lora import Part


def carded(model: LocalModel, folder: Path, rank: int, base: str) -> Path:
    made(model, folder, rank, lora.ALL_LINEAR)
    (folder / "card.json").write_text(json.dumps({"base_hash": base}))
    return folder


def test_a_blend_is_the_weighted_sum_and_its_card_holds_the_parts(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    one, other = carded(model, tmp_path / "one", 2, "b"), carded(model, tmp_path / "other", 3, "b")
    card = blend([Part(one, 0.3, 0.5), Part(other, 0.2, 0.8)], tmp_path / "both", rank=5)
    first, second, both = added(one), added(other), added(tmp_path / "both")
    for name, delta in both.items():
        half, most = (0.5, 0.8) if ".mlp." in name else (0.3, 0.2)
        wanted = half * first[name] + most * second[name]
        assert (delta - wanted).norm() < 0.01 * wanted.norm()
    assert [p["mlp"] for p in card["parts"]] == [0.5, 0.8] and card["base_hash"] == "b"
    model.wear(tmp_path / "both")  # as plain LoRA


def test_what_cannot_be_blended_is_said(tiny_checkpoint: Path, tmp_path: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    one, other = carded(model, tmp_path / "one", 2, "b"), carded(model, tmp_path / "other", 2, "c")
    with pytest.raises(InputError, match="different base models"):
        blend([Part(one, 1.0, 1.0), Part(other, 1.0, 1.0)], tmp_path / "both")
    with pytest.raises(InputError, match="no instincts in"):
        blend([Part(one, 1.0, 1.0), Part(tmp_path / "none", 1.0, 1.0)], tmp_path / "both")
