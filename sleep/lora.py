"""Making, growing and saving plain LoRA adapters: no DoRA, bias or rsLoRA, so that others take them too.

A night's are activated ones (`agent/speech.py`); their configuration says so, to PEFT and what else knows aLoRA.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from agent.local_model import LocalModel
from memory.faults import reached
from memory.paths import write_atomic, writing

ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MLP = ("gate_proj", "up_proj", "down_proj")
LAYER = re.compile(r"\.layers\.(\d+)\.")
WEIGHTS = "adapter_model.safetensors"


def expand(
    model: LocalModel,
    *,
    rank: int,
    targets: Sequence[str],
    seed: int,
    past: Path | None = None,
    above: int = 0,
    scale: float = 2.0,
) -> list[Tensor]:
    """Unmask new rank on the network and return the tensors that may move (Sleep, arXiv 2606.03979: expansion).

    The network becomes, in memory, what the adapter of earlier nights in `past` makes of it, so that with the new rank
    off it is the smaller self: the teacher, and the control of the exam. In the layers below `above` the new rank stays
    at nothing. It adds `scale`·B·A.
    """
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    config = LoraConfig(
        r=rank, lora_alpha=scale * rank, target_modules=list(targets), lora_dropout=0.0
    )
    with model.lock:
        network = model.become(past) if past is not None else model.bare()
        network.requires_grad_(False)
        model.network = get_peft_model(network, config).eval()
        for name, factor in _factors(model):
            if (found := LAYER.search(name)) and int(found[1]) < above:
                factor.requires_grad_(False)
        return [p for p in model.network.parameters() if p.requires_grad]


def state(model: LocalModel) -> dict[str, Tensor]:
    """A copy of the new rank's factors, for going on after an interruption."""
    return {n: p.detach().cpu().clone() for n, p in _factors(model)}


def restore(model: LocalModel, tensors: dict[str, Tensor]) -> None:
    """Put a copy made by `state` back."""
    with torch.no_grad():
        for name, parameter in _factors(model):
            parameter.copy_(tensors[name])


def _factors(model: LocalModel) -> list[tuple[str, Tensor]]:
    return [(n, p) for n, p in model.network.named_parameters() if "lora_" in n]


def shrink(model: LocalModel, share: float) -> None:
    """Multiply what the new rank adds to the weights by `share`."""
    with torch.no_grad():
        for name, parameter in _factors(model):
            if "lora_B" in name:
                parameter.mul_(share)


def save(
    model: LocalModel, folder: Path, *, past: Path | None = None, dtype: torch.dtype = torch.float32
) -> None:
    """Write the new rank, with that of `past` concatenated exactly, as one plain PEFT folder.

    B·A of a concatenation is the sum of the parts' B·A; each part's scale goes into its B, so that lora_alpha = r.
    """
    from safetensors.torch import load_file

    earlier = load_file(past / WEIGHTS) if past is not None else {}
    tensors: dict[str, Tensor] = {}
    rank = 0
    for path, module in model.network.named_modules():
        if not hasattr(module, "lora_A"):
            continue
        a = module.lora_A["default"].weight.detach().cpu()  # (r, in)
        b = module.lora_B["default"].weight.detach().cpu() * module.scaling["default"]  # (out, r)
        names = f"{path}.lora_A.weight", f"{path}.lora_B.weight"
        if names[0] in earlier:
            a = torch.cat([earlier[names[0]].to(a), a], dim=0)
            b = torch.cat([earlier[names[1]].to(b), b], dim=1)
        rank = a.shape[0]
        tensors[names[0]] = a.to(dtype)
        tensors[names[1]] = b.to(dtype)
    _write(folder, tensors, rank=rank, base=model.name, activated=[model.opening_id])


def _write(
    folder: Path,
    tensors: dict[str, Tensor],
    *,
    rank: int,
    base: str | None = None,
    activated: list[int] | None = None,
) -> None:
    """A plain PEFT folder whose scale is in its weights, on from the last of the tokens `activated` if there are any.

    Raises HomeError when the disk refuses.
    """
    from peft import LoraConfig
    from safetensors.torch import save as packed

    targets = sorted({n.split(".lora_")[0].rsplit(".", 1)[1] for n in tensors})
    config = LoraConfig(
        r=rank, lora_alpha=rank, target_modules=targets, lora_dropout=0.0, task_type="CAUSAL_LM",
        inference_mode=True, base_model_name_or_path=base, alora_invocation_tokens=activated,
    )  # fmt: skip
    whole = {n: t.contiguous() for n, t in tensors.items()}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        reached("adapter.config")
        config.save_pretrained(folder)
    write_atomic(folder / WEIGHTS, packed(whole, metadata={"format": "pt"}))


def rank_of(folder: Path) -> int:
    """Rank of the adapter in a folder."""
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="pt") as tensors:
        names = tensors.keys()
        return int(tensors.get_slice(next(n for n in names if "lora_A" in n)).get_shape()[0])


@dataclass(frozen=True, slots=True)
class Part:
    """An adapter to blend, and how much of it: of its attention, and of its multilayer perceptrons."""

    folder: Path
    attention: float
    mlp: float


def blend(parts: Sequence[Part], folder: Path, *, rank: int) -> None:
    """Write the weighted sum of adapters over the same base as one of `rank`, in float16.

    Adapters that learnt the same from other examples blend into one that is better than either (model soups, Wortsman
    et al. 2022, arXiv 2203.05482). Exact but for the cut to `rank`.
    """
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = {}
    for part in parts:
        config = json.loads((part.folder / "adapter_config.json").read_text("utf-8"))
        for name, factor in load_file(part.folder / WEIGHTS).items():
            weight = part.mlp if ".mlp." in name else part.attention
            scale = weight * config["lora_alpha"] / config["r"]
            mine = factor.float() * (scale if ".lora_B." in name else 1.0)
            axis = 1 if ".lora_B." in name else 0
            tensors[name] = torch.cat([tensors[name], mine], axis) if name in tensors else mine
    _write(folder, {n: t.half() for n, t in _cut(tensors, rank).items()}, rank=rank)


def compress(past: Path, folder: Path, *, rank: int) -> None:
    """Write the adapter of `past`, cut to its `rank` largest singular directions in every layer, into `folder`."""
    from safetensors.torch import load_file

    _write(folder, _cut(load_file(past / WEIGHTS), rank), rank=rank)


def _cut(tensors: dict[str, Tensor], rank: int) -> dict[str, Tensor]:
    """Factors cut to their `rank` largest singular directions in every layer.

    Exact up to the cut: B·A = Q_b (R_b R_aᵀ) Q_aᵀ, and only the small matrix in the middle is decomposed.
    """
    small: dict[str, Tensor] = {}
    for name in (n for n in tensors if ".lora_A." in n):
        other = name.replace(".lora_A.", ".lora_B.")
        a, b = tensors[name].double(), tensors[other].double()  # (R, in), (out, R)
        (qa, ra), (qb, rb) = torch.linalg.qr(a.T), torch.linalg.qr(b)
        u, s, vt = torch.linalg.svd(rb @ ra.T, full_matrices=False)
        root = s[:rank].sqrt()
        pad = rank - len(root)  # a layer narrower than the rank
        small[name] = _padded((root[:, None] * vt[:rank]) @ qa.T, pad, 0).to(tensors[name])
        small[other] = _padded(qb @ (u[:, :rank] * root), pad, 1).to(tensors[other])
    return small


def _padded(factor: Tensor, more: int, axis: int) -> Tensor:
    """A factor with `more` zero rows (axis 0) or columns (axis 1), which change nothing."""
    shape = list(factor.shape)
    shape[axis] = max(0, more)
    return torch.cat([factor, factor.new_zeros(shape)], dim=axis)


def reload(model: LocalModel, folder: Path, *, past: Path | None, rank: int) -> list[Tensor]:
    """Put the new rank that `save` wrote back on over the smaller self."""
    from safetensors.torch import load_file

    saved = load_file(folder / WEIGHTS)
    targets = sorted({name.split(".lora_")[0].rsplit(".", 1)[1] for name in saved})
    moving = expand(model, rank=rank, targets=targets, seed=0, past=past)
    with torch.no_grad():
        for path, module in model.network.named_modules():
            if hasattr(module, "lora_A"):
                a, b = saved[f"{path}.lora_A.weight"], saved[f"{path}.lora_B.weight"]
                module.lora_A["default"].weight.copy_(a[-rank:])
                module.lora_B["default"].weight.copy_(b[:, -rank:] / module.scaling["default"])
    return moving
