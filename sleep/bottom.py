"""The lowest layers, in which a night writes nothing: what they say of a lesson is computed once and kept.

Step for step a night learns less with new rank in the upper layers alone, but second for second it learns more, since
the lower ones need be gone through once, and never backwards (measured; see LAB.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from agent.decoding import bare_inside
from agent.local_model import LocalModel
from agent.packing import Packed, pack
from sleep.lesson import Lesson

TOLERANCE = 1e-2  # between a network gone through at once and in two halves, of its largest state


def depth(model: LocalModel) -> int:
    """The number of the network's layers, or 0 where it isn't built as one list of them."""
    layers = getattr(bare_inside(model.network).model, "layers", None)
    return len(layers) if isinstance(layers, nn.ModuleList) else 0


class Bottom:
    """The states before `layer` of every lesson that was asked about."""

    def __init__(self, model: LocalModel, layer: int) -> None:
        self.model, self.layer = model, layer
        self.known: dict[int, Tensor] = {}

    def states(self, lessons: Sequence[Lesson], packed: Packed) -> Tensor:
        """States (B, T, D) before the layer, for these lessons in this order, packed."""
        new = [x for x in lessons if id(x) not in self.known]
        if new:
            trees = pack([x.ids for x in new], self.model.end_id, self.model.device)
            with self.model.worn() as network, torch.no_grad():
                read = self.model.before(network, trees, self.layer)  # (B, T, D)
            for x, (row, path) in zip(new, trees.paths, strict=True):
                self.known[id(x)] = read[row, path]  # (T, D)
        each = [self.known[id(x)] for x in lessons]
        out = each[0].new_zeros((*packed.ids.shape, each[0].shape[-1]))
        for (row, path), states in zip(packed.paths, each, strict=True):
            out[row, path] = states
        return out


def bottom(model: LocalModel, layer: int) -> Bottom | None:
    """The layers below `layer`, where this network can be gone through in two halves; None where it can't."""
    if not 0 < layer < depth(model):
        return None
    made = Bottom(model, layer)
    trial = Lesson(
        tuple(model.encode_reply("One two three four.")), 1, torch.empty(0), torch.empty(0)
    )
    packed = pack([trial.ids], model.end_id, model.device)
    with model.worn() as network, torch.no_grad():
        whole = model.hidden(network, packed)
        try:
            halves = model.hidden(network, packed, made.states([trial], packed), layer)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, RuntimeError):
            return None  # layers that want more than states
    near = bool((whole - halves).abs().max() <= TOLERANCE * whole.abs().max())
    return Bottom(model, layer) if near else None
