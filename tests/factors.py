"""Adapters with made-up factors, and what an adapter adds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from agent.local_model import LocalModel
from sleep import lora


def added(folder: Path) -> dict[str, torch.Tensor]:
    """What an adapter adds to each weight."""
    tensors = {n: t.float() for n, t in load_file(folder / lora.WEIGHTS).items()}
    return {
        n: tensors[n.replace("lora_A", "lora_B")] @ tensors[n] for n in tensors if "lora_A" in n
    }


def made(model: LocalModel, folder: Path, rank: int, targets: Sequence[str] = lora.MLP) -> Path:
    """An adapter whose factors are random."""
    torch.manual_seed(rank)
    for parameter in lora.expand(model, rank=rank, targets=targets, seed=0):
        parameter.data.normal_(std=0.2)
    lora.save(model, folder)
    model.wear(None)
    return folder
