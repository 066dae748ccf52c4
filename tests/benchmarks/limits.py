"""What the machine can do, as the benchmarks measure it: which it is, its matrix products, its memory."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from agent.decoding import bare_inside
from agent.local_model import LocalModel

TELLING = ("avx2", "avx512f", "amx_bf16")  # what makes single precision fast, and what bfloat16


def machine() -> str:
    """The processor by its name, with those of its abilities that matter."""
    file = Path("/proc/cpuinfo")
    lines = [line.partition(":") for line in file.read_text().splitlines()] if file.exists() else []
    told = {key.strip(): value.strip() for key, _, value in lines}
    name = told.get("model name") or platform.processor() or platform.machine()
    able = told.get("flags", "").split()
    return ", ".join([name, *(a for a in TELLING if a in able)])


def rate(work: Callable[[], int], runs: int) -> float:
    """Median tokens/s of a piece of work that says how many tokens it did."""
    rates = []
    for _ in range(runs):
        began = time.perf_counter()
        tokens = work()
        rates.append(tokens / (time.perf_counter() - began))
    return round(statistics.median(rates), 1)


def limits(model: LocalModel) -> dict[str, float]:
    """What the machine can do: matrix products at several heights, and memory read."""
    out: dict[str, float] = {"weights in millions": round(weights(model) / 1e6, 1)}
    for rows in (1, 16, 64, 512):
        x, w = torch.randn(rows, 576), [torch.randn(1536, 576) for _ in range(64)]
        flop = 2 * rows * 576 * 1536

        def product(x: torch.Tensor = x, w: list[torch.Tensor] = w) -> int:
            for each in w * 4:
                torch.nn.functional.linear(x, each)
            return len(w) * 4

        product()
        out[f"GFLOP/s at {rows} rows"] = round(rate(product, 5) * flop / 1e9, 1)
        if rows == 1:  # every weight is read from memory once
            out["GB/s read"] = round(out["GFLOP/s at 1 rows"] * 2, 1)
    return out


def weights(model: LocalModel) -> int:
    """Weights that take part in a token's matrix products, without the vocabulary."""
    layers = bare_inside(model.network).model.layers
    return sum(p.numel() for p in layers.parameters() if p.dim() > 1)
