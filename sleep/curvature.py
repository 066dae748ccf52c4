"""General ability, kept by its curvature: what writing into the weights would change in what the base says.

To second order, KL(base ‖ base + ΔW) on the base's own texts is a sum over layers,
    ½ · tr(G ΔW C ΔWᵀ) a token,      C = E[x xᵀ] of what goes into a layer, G = E[g gᵀ] of the gradient coming back
(K-FAC, Martens and Grosse 2015, arXiv 1503.05671; against forgetting: Ritter et al. 2018, arXiv 1805.07810). Both are
measured once. Then every step feels all texts at once for the price of a few small products, where a text gone through
in every step pulled at itself alone, and too far (measured; see LAB.md).

Axes: D in, O out, r new rank, R rank of the past.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from agent.decoding import bare_inside
from agent.local_model import LocalModel
from agent.packing import chunks
from agent.scoring import batch
from memory.paths import write_atomic
from sleep.hearing import splits
from sleep.lesson import Lesson, answer_logits
from sleep.lora import LAYER, MLP, WEIGHTS

TOGETHER = 2  # texts gone through at once: what backward needs of them is memory
WHOLE = 1024  # outputs up to which G is kept whole; beyond, its diagonal
MOST_BYTES = 400_000_000  # of factors in memory; a larger network rehearses texts instead
Factors = Mapping[str, Tensor]
"""By layer: "NAME.in" (D, D), which layers that read the same share, and "NAME.out" (O, O) or (O,), nats a token."""


def measured(
    model: LocalModel,
    texts: Sequence[Lesson],
    lowest: int,
    cache: Path | None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Factors | None:
    """The factors of a bare network, from layer `lowest` on; None where they would take too much memory.

    `cache` is a safetensors file that is read if it is there, and written otherwise.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load, save

    layers = _layers(model, lowest)
    if not layers or 4 * sum(map(math.prod, _shapes(layers).values())) > MOST_BYTES:
        return None
    if cache is not None and cache.exists():
        try:
            found = load(cache.read_bytes())
        except SafetensorError:  # torn: measured anew below
            found = {}
        if {n: tuple(t.shape) for n, t in found.items()} == _shapes(layers):  # of this network
            return {n: t.float().to(model.device) for n, t in found.items()}
    factors = _measure(model, texts, layers, lowest, progress)
    if cache is not None:
        write_atomic(cache, save({n: t.bfloat16().cpu() for n, t in factors.items()}))
    return factors


def _layers(model: LocalModel, lowest: int) -> dict[str, nn.Linear]:
    """The layers that a night writes into, by name."""
    return {
        name: module
        for name, module in bare_inside(model.network).named_modules()
        if name.rsplit(".", 1)[-1] in MLP
        and (found := LAYER.search(name))
        and int(found[1]) >= lowest
        and isinstance(module, nn.Linear)
    }


def _reads(name: str, size: int) -> str:
    """What a layer reads: others of the same block and size read the same."""
    return f"{name.rsplit('.', 1)[0]}.{size}.in"


def _shapes(layers: Mapping[str, nn.Linear]) -> dict[str, tuple[int, ...]]:
    """The shapes of the factors of these layers."""
    inputs = {_reads(n, m.in_features): (m.in_features, m.in_features) for n, m in layers.items()}
    outputs = {
        f"{n}.out": (m.out_features,) * (2 if m.out_features <= WHOLE else 1)
        for n, m in layers.items()
    }
    return inputs | outputs


def _measure(
    model: LocalModel,
    texts: Sequence[Lesson],
    layers: Mapping[str, nn.Linear],
    lowest: int,
    progress: Callable[[int, int], None],
) -> dict[str, Tensor]:
    """One pass over the texts and back, with answers that the network itself draws: no labels, the Fisher's own."""
    sums: dict[str, Tensor] = {}
    tokens = answers = 0
    halves = splits(model, lowest)
    draw = torch.Generator().manual_seed(0)
    with model.worn() as network, _watched(layers, sums) as watching:
        for some in chunks(list(texts), TOGETHER):
            b = batch([(x.ids, x.start) for x in some], model.end_id, model.device)
            real = torch.zeros_like(b.packed.ids, dtype=torch.bool)
            for row, path in b.packed.paths:
                real[row, path] = True
            watching[:] = [real]
            with torch.no_grad():
                if halves:
                    states = model.before(network, b.packed, lowest)
                else:
                    states = bare_inside(network).get_input_embeddings()(b.packed.ids)
            states.requires_grad_(True)
            logits = answer_logits(model, network, b, states, lowest if halves else 0)
            chosen = torch.multinomial(logits.detach().softmax(-1).cpu(), 1, generator=draw)
            nn.functional.cross_entropy(
                logits, chosen.squeeze(1).to(logits.device), reduction="sum"
            ).backward()
            tokens += int(real.sum())
            answers += len(b.targets)
            progress(answers, sum(x.answers for x in texts))
    # The sum over tokens of (gᵀ ΔW x)² is taken for T · tr(G ΔW C ΔWᵀ); it is wanted for one answer token.
    return {n: s / (tokens if n.endswith(".in") else answers) for n, s in sums.items()}


@contextmanager
def _watched(layers: Mapping[str, nn.Linear], sums: dict[str, Tensor]) -> Iterator[list[Tensor]]:
    """Meanwhile the sums of x xᵀ and g gᵀ are taken wherever these layers are gone through, over the tokens that the
    mask (B, T) in the list that is yielded calls real; nothing while the list is empty.
    """

    def add(key: str, states: Tensor, whole: bool) -> None:
        rows = states.detach()[watching[0]].float()
        term = rows.T @ rows if whole else rows.pow(2).sum(0)
        sums[key] = sums[key] + term if key in sums else term

    def watch(name: str) -> Callable[[nn.Linear, Any, Tensor], None]:
        def passed(module: nn.Linear, given: Any, out: Tensor) -> None:
            if not watching or not out.requires_grad:
                return
            key = _reads(name, module.in_features)
            if key not in first or first[key] == name:
                first[key] = name
                add(key, given[0], whole=True)
            whole = module.out_features <= WHOLE
            out.register_hook(lambda g: add(f"{name}.out", g, whole))

        return passed

    first: dict[str, str] = {}
    watching: list[Tensor] = []
    hooks = [m.register_forward_hook(watch(n)) for n, m in layers.items()]
    try:
        yield watching
    finally:
        for hook in hooks:
            hook.remove()


class Curvature:
    """The pull back to the base on a network's new rank, what earlier nights wrote included."""

    def __init__(self, model: LocalModel, factors: Factors, past: Path | None = None) -> None:
        from safetensors.torch import load_file

        earlier = load_file(past / WEIGHTS) if past is not None else {}
        self._layers = []
        for name, module in bare_inside(model.network).named_modules():
            if not hasattr(module, "lora_A"):
                continue
            a, b = (getattr(module, f)["default"].weight for f in ("lora_A", "lora_B"))
            if not a.requires_grad:
                continue
            c, g = factors[_reads(name, module.in_features)], factors[f"{name}.out"]
            key = f"base_model.model.{name}"
            before = None
            if f"{key}.lora_A.weight" in earlier:
                old_a = earlier[f"{key}.lora_A.weight"].to(c)  # (R, D), its scale is in B
                old_b = earlier[f"{key}.lora_B.weight"].to(c)  # (O, R)
                before = old_a @ c, _times(g, old_b)
            self._layers.append((a, b, module.scaling["default"], c, g, before))

    def pull(self, weight: float) -> float:
        """Add the gradient of `weight` times the divergence to that of the new rank; returns the new rank's divergence,
        in nats an answer token.

        With P = G·s·B and Q = A·C it is ½ tr((s Bᵀ P)(Q Aᵀ)); what the past adds to the gradient goes the same way.
        """
        total = 0.0
        with torch.no_grad():
            for a_, b_, scale, c, g, before in self._layers:
                a, b = a_.to(c), b_.to(c) * scale
                q, p = a @ c, _times(g, b)  # (r, D), (O, r)
                s, t = q @ a.T, b.T @ p  # (r, r) each
                total += 0.5 * float((s * t).sum())
                to_a, to_b = t @ q, p @ s
                if before is not None:
                    old_q, old_p = before  # (R, D), (O, R)
                    to_a = to_a + (b.T @ old_p) @ old_q
                    to_b = to_b + old_p @ (old_q @ a.T)
                _add(a_, weight * to_a)
                _add(b_, weight * scale * to_b)
        return total


def _times(g: Tensor, b: Tensor) -> Tensor:
    """G·B, where G may be a diagonal."""
    return g @ b if g.dim() == 2 else g.unsqueeze(1) * b


def _add(p: Tensor, gradient: Tensor) -> None:
    gradient = gradient.to(p)
    p.grad = gradient if p.grad is None else p.grad + gradient
