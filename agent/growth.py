"""A wider self: the same function with more room to learn in, where no bigger checkpoint is at hand.

Every MLP gets half as many neurons again, each made of one old neuron's gate and another's input, and connected to
nothing yet: what goes out is what went out before (Net2Net, arXiv 1511.05641, with new neurons in place of copies).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.cache import cached, stamp_of
from agent.weights import Checkpoint
from agent.wheels import Progress
from memory.errors import WeightsError
from memory.paths import cache_path

WIDER = "wider"  # the student's name that asks for one
SHARE = 0.5  # neurons added, of those there are
MULTIPLE = 64  # widths that processors like


def wider(smaller: Checkpoint, progress: Progress, *, make: bool = True) -> Checkpoint:
    """The widened checkpoint of `smaller`, instincts included; made once and cached.

    Raises WeightsError when it can't be widened, or would have to be made and `make` is off.
    """
    folder = cache_path() / "models" / f"{smaller.path.name}-{WIDER}"
    if make:
        cached(folder, lambda to: _grow(smaller.path, to, progress))
    stamp = stamp_of(folder)
    if stamp is None:
        raise WeightsError(f"{smaller.name} isn't widened yet; the next chat or night does it.")
    return Checkpoint(
        name=f"{smaller.name}-{WIDER}", base_path=folder, path=folder, base_hash=str(stamp["sha256"]),
        instincts_hash=smaller.instincts_hash,
    )  # fmt: skip


def _grow(path: Path, to: Path, progress: Progress) -> None:
    from agent.loading import remake

    progress("widening the model (once)", None)
    remake(path, to, lambda network: widen(network, path.name))


def widen(network: Any, name: str) -> Any:
    """Widen a network's MLPs in place, and return it. Raises WeightsError where they are of another kind."""
    import torch

    parts = ("gate_proj", "up_proj", "down_proj")
    blocks = [m for m in network.modules() if all(hasattr(m, part) for part in parts)]
    old = int(getattr(network.config, "intermediate_size", 0))
    linear = all(isinstance(getattr(b, p), torch.nn.Linear) for b in blocks for p in parts)
    if not blocks or not linear or any(b.down_proj.in_features != old for b in blocks):
        raise WeightsError(
            f"{name} has no MLPs that can be widened; name a larger checkpoint as the student."
        )
    new = -(-int(old * (1.0 + SHARE)) // MULTIPLE) * MULTIPLE
    draw = torch.Generator().manual_seed(0)
    for block in blocks:
        for part in parts[:2]:
            chosen = torch.randint(old, (new - old,), generator=draw)
            layer = getattr(block, part)
            _set(layer, torch.cat([layer.weight, layer.weight[chosen]]))
            if layer.bias is not None:
                layer.bias = torch.nn.Parameter(torch.cat([layer.bias, layer.bias[chosen]]))
        down = block.down_proj
        _set(down, torch.cat([down.weight, down.weight.new_zeros(len(down.weight), new - old)], 1))
        if hasattr(block, "intermediate_size"):
            block.intermediate_size = new
    network.config.intermediate_size = new
    return network


def _set(layer: Any, weight: Any) -> None:
    """Give a linear layer a weight (out, in) of another size."""
    import torch

    layer.weight = torch.nn.Parameter(weight.detach().contiguous(), requires_grad=False)
    layer.out_features, layer.in_features = weight.shape
