"""Small pieces around a network: devices, taking adapters off and merging them, stopping."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

import torch

LEAST_PARAMETERS = 30_000_000  # below, arithmetic is not what takes the time


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


@cache
def bfloat16_is_faster() -> bool:
    """Whether this processor multiplies bfloat16 clearly faster than float32, as those with AMX do: measured."""

    def seconds(dtype: torch.dtype) -> float:
        x, w = torch.ones(256, 576, dtype=dtype), torch.ones(1536, 576, dtype=dtype)
        multiply: Callable[[], Any] = lambda: torch.nn.functional.linear(x, w)  # noqa: E731
        tries = []
        for _ in range(8):
            began = time.perf_counter()
            multiply()
            tries.append(time.perf_counter() - began)
        return min(tries)

    return seconds(torch.float32) > 1.5 * seconds(torch.bfloat16)


def round_off(weights: Iterable[Any]) -> Callable[[], None]:
    """Put frozen float32 weights into bfloat16; what is returned puts the very same tensors back."""
    frozen = [p for p in weights if p.dtype is torch.float32 and not p.requires_grad]
    kept = [p.data for p in frozen]
    for p in frozen:
        p.data = p.data.to(torch.bfloat16)

    def undo() -> None:
        for p, data in zip(frozen, kept, strict=True):
            p.data = data

    return undo


def give_back() -> None:
    """Hand freed memory back to the system, where the C library keeps it otherwise: long work leaves much of it."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def bare(network: Any) -> Any:
    """The transformers model with every adapter layer removed."""
    from peft import PeftModel

    return network.unload() if isinstance(network, PeftModel) else network


def bare_inside(network: Any) -> Any:
    """The transformers model inside a PeftModel, adapter layers still in place."""
    from peft import PeftModel

    return network.get_base_model() if isinstance(network, PeftModel) else network


@contextmanager
def only(inner: Any, some: slice) -> Iterator[None]:
    """Some of a network's layers, as if there were no others."""
    every = inner.layers
    inner.layers = every[some]
    try:
        yield
    finally:
        inner.layers = every


FEW = 4


Kept = list[tuple[Any, Any]]
"""Layers and the weights that they had."""


@contextmanager
def merged(network: Any, replies: int) -> Iterator[Kept]:
    """The adapter that is on merged into the weights of its layers, and afterwards exactly as before.

    The weights that were there, which are yielded, are put aside and put back, not computed back. For a few replies it
    isn't worth it.
    """
    if not has_on(network) or replies <= FEW:
        yield []
        return
    kept = merge(bare_inside(network))
    try:
        with network.disable_adapter() if kept else nullcontext():
            yield kept
    finally:
        put_back(kept)


def has_on(network: Any) -> bool:
    """Whether an adapter is on the network, and not disabled."""
    if bare_inside(network) is network:
        return False
    first = next((m for m in network.modules() if hasattr(m, "lora_A")), None)
    return first is not None and not first.disable_adapters


def merge(inner: Any) -> Kept:
    """Add the adapter that is on to the weights of the layers it is on; returns what `put_back` takes."""
    kept: Kept = []
    for module in inner.modules():
        if not hasattr(module, "lora_A") or module.disable_adapters:
            continue
        base = module.get_base_layer()
        with torch.no_grad():
            delta = sum(module.get_delta_weight(a) for a in module.active_adapters)
            if not delta.any():  # a layer in which nothing was learnt
                continue
            weight = base.weight + delta.to(base.weight.dtype)
        kept.append((base, base.weight))
        base.weight = torch.nn.Parameter(weight, requires_grad=False)
    return kept


def put_back(kept: Sequence[tuple[Any, Any]]) -> Kept:
    """Give layers the very weights that they had; returns what gives them those that they have now."""
    present = [(layer, layer.weight) for layer, _ in kept]
    for layer, weight in kept:
        layer.weight = weight
    return present


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
