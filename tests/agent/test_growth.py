"""A wider model says what the smaller one said, and has more room."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import make_checkpoint
from torch import nn

from agent.growth import WIDER, widen, wider
from agent.local_model import LocalModel
from agent.weights import resolve
from memory.errors import WeightsError

IDS = torch.arange(3, 40).unsqueeze(0)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma"])
def test_what_comes_out_is_what_came_out_before(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    smaller = resolve(str(make_checkpoint(tmp_path / kind, kind)))
    with pytest.raises(WeightsError, match="widened"):
        wider(smaller, lambda *_: None, make=False)
    grown = wider(smaller, lambda *_: None)
    assert wider(smaller, lambda *_: None, make=False) == grown
    assert grown.name.endswith(WIDER) and grown.base_hash != smaller.base_hash
    before = LocalModel.load(smaller.path, name="x", device="cpu")
    after = LocalModel.load(grown.path, name="y", device="cpu")
    assert before.tokens == after.tokens
    old, new = (m.network.config.intermediate_size for m in (before, after))
    assert new >= 1.5 * old
    with torch.inference_mode():
        difference = before.network(IDS).logits - after.network(IDS).logits
    assert difference.abs().max() < 1e-4
    down = after.network.model.layers[0].mlp.down_proj
    assert down.in_features == new and not down.weight[:, old:].any()


def test_what_has_other_mlps_is_refused() -> None:
    network = nn.Module()
    network.config = type("Config", (), {"intermediate_size": 4})()
    with pytest.raises(WeightsError, match="name a larger checkpoint"):
        widen(network, "odd")
