"""Small pieces of decoding and loading that know no prompt: sampling, stopping, padding, devices, adapter wrapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria


def pick_device(wish: str) -> torch.device:
    """The device asked for, or the best there is."""
    if wish != "auto":
        return torch.device(wish)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def pick_dtype(wish: str, device: torch.device) -> torch.dtype:
    """float32 on CPU and Apple (measured faster there without AMX), bfloat16 on CUDA, unless asked otherwise."""
    names = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    return names.get(wish, torch.bfloat16 if device.type == "cuda" else torch.float32)


def bare(network: Any) -> Any:
    """The transformers model with every adapter layer removed."""
    from peft import PeftModel

    return network.unload() if isinstance(network, PeftModel) else network


def bare_inside(network: Any) -> Any:
    """The transformers model inside a PeftModel, adapter layers still in place."""
    from peft import PeftModel

    return network.get_base_model() if isinstance(network, PeftModel) else network


class Nucleus(LogitsProcessor):
    """Temperature and top-p among the 128 likeliest tokens: sorting a whole vocabulary costs more than the network."""

    def __init__(self, temperature: float, top_p: float) -> None:
        self.temperature, self.top_p = temperature, top_p

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        top = (scores / self.temperature).topk(min(128, scores.shape[-1]))  # (B, K), falling
        p = top.values.softmax(-1)
        outside = p.cumsum(-1) - p > self.top_p
        kept = top.values.masked_fill(outside, -torch.inf)
        return torch.full_like(scores, -torch.inf).scatter(1, top.indices, kept)


class Cancelled(StoppingCriteria):
    """Ends a generation at the next token once `cancelled()` is true."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self.cancelled = cancelled

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return torch.full((input_ids.shape[0],), self.cancelled(), device=input_ids.device)


def until_stop(pieces: Iterator[str], stop: Sequence[str]) -> Iterator[str]:
    """Pass pieces on until a stop string appears; hold back what could be the beginning of one."""
    held, longest = "", max(map(len, stop), default=0)
    for piece in pieces:
        held += piece
        found = [held.find(s) for s in stop if s in held]
        if found:
            yield held[: min(found)]
            return
        ready = len(held) - (longest - 1 if longest else 0)
        if ready > 0:
            yield held[:ready]
            held = held[ready:]
    if held:
        yield held


def pad_left(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids and attention mask (B, T), padded on the left, where generation wants its padding."""
    width = max(map(len, rows))
    ids = torch.tensor([[pad] * (width - len(r)) + list(r) for r in rows], device=device)
    mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows], device=device)
    return ids, mask


def seed_torch(seed: int | None) -> None:
    """Make sampling repeatable, if asked to."""
    if seed is not None:
        torch.manual_seed(seed)
