"""Adapters are put on by our own configuration; what a file in their folder says is not asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from agent.adapter import put_on
from agent.local_model import LocalModel
from agent.speech import hear, say
from memory.episode import Role, Turn
from memory.errors import WeightsError
from sleep import lora

ASKED = [Turn(role=Role.USER, content="What is my cat called?")]


@pytest.fixture
def model(tiny_checkpoint: Path) -> LocalModel:
    return LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")


@pytest.fixture
def folder(model: LocalModel, tmp_path: Path) -> Path:
    """A night's adapter that changes what is said."""
    torch.manual_seed(1)
    for parameter in lora.expand(model, rank=4, targets=lora.MLP, seed=0):
        parameter.data.normal_(std=0.5)
    lora.save(model, tmp_path / "night")
    model.wear(None)
    return tmp_path / "night"


def logits(model: LocalModel) -> Any:
    """Of the first token of a reply."""
    ids = model.encode(ASKED)
    with torch.inference_mode(), model.worn() as network:
        heard = hear(model, network, [([*ids, model.end_id], len(ids))])
        return model.logits(network, say(model, network, heard))[0]


def test_it_is_what_peft_makes_of_its_own_file(model: LocalModel, folder: Path) -> None:
    from peft import PeftModel

    bare = logits(model)
    model.wear(folder)
    ours = logits(model)
    model.wear(None)
    theirs = PeftModel.from_pretrained(model.network, folder)
    with torch.inference_mode():
        wanted = theirs(input_ids=torch.tensor([model.encode(ASKED)])).logits[0, -1]
    assert torch.allclose(ours, wanted, atol=1e-5) and not torch.allclose(ours, bare, atol=1e-2)


@pytest.mark.parametrize(
    "evil",
    [
        {"auto_mapping": {"base_model_class": "x", "parent_library": "antigravity"}},
        {"megatron_config": {"a": 1}, "megatron_core": "antigravity"},
        {"peft_type": "XLORA"},
        {"lora_alpha": 4000, "use_rslora": True, "layer_replication": [[0, 2], [0, 2]]},
    ],
)
def test_fields_of_its_file_are_not_read(
    model: LocalModel, folder: Path, evil: dict[str, Any]
) -> None:
    model.wear(folder)
    before = logits(model)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | evil))
    model.wear(folder)
    assert torch.equal(logits(model), before)
    file.unlink()
    model.wear(folder)
    assert torch.equal(logits(model), before)


def test_what_is_no_plain_lora_is_refused(model: LocalModel, folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(iter(tensors))
    for odd in (
        tensors | {"base_model.model.lm_head.modules_to_save.weight": torch.zeros(2, 2)},
        tensors | {name: torch.zeros(9, 9)},
        {},
    ):
        save_file(odd, file)
        with pytest.raises(WeightsError):
            put_on(model.network, folder)
    file.unlink()
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(WeightsError):
        put_on(model.network, folder)
