"""What is heard of lessons, kept: the night changes how somnus speaks, not how it listens.

Nor does it write anything into the lowest layers: what a reply is there is computed once, too. Step for step a night
learns less with new rank in the upper layers alone, but second for second it learns more (measured; see LAB.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from agent.decoding import bare_inside
from agent.local_model import LocalModel
from agent.speech import Heard, hear, say
from sleep.lesson import Lesson

TOLERANCE = 1e-2  # between a network gone through at once and in two halves, of its largest state
MOST_BYTES = 700_000_000  # kept; what is beyond is listened to again whenever it is learnt


def depth(model: LocalModel) -> int:
    """The number of the network's layers, or 0 where it isn't built as one list of them."""
    layers = getattr(bare_inside(model.network).model, "layers", None)
    return len(layers) if isinstance(layers, nn.ModuleList) else 0


class Hearing:
    """What was heard of every lesson that was asked about, and its reply up to `layer`, below which nothing moves."""

    def __init__(self, model: LocalModel, layer: int = 0) -> None:
        self.model = model
        self.layer = layer if splits(model, layer) else 0
        dtype = next(model.network.parameters()).dtype
        # half the memory, and three digits are more than they need
        self.dtype = torch.float16 if dtype is torch.float32 else dtype
        self.known: dict[int, Heard] = {}
        self.bytes = 0

    def of(self, lessons: Sequence[Lesson]) -> list[Heard]:
        """What was heard of these, in this order."""
        new = [x for x in lessons if id(x) not in self.known]
        fresh: dict[int, Heard] = {}
        if new:
            with self.model.worn() as network:
                items = [(x.ids, x.start) for x in new]
                heard = hear(self.model, network, items, self.layer, dtype=self.dtype)
            fresh = {id(x): h for x, h in zip(new, heard, strict=True)}
            if self.bytes < MOST_BYTES:
                self.known |= fresh
                self.bytes += sum(h.bytes for h in heard)
        return [fresh.get(id(x)) or self.known[id(x)] for x in lessons]


def splits(model: LocalModel, layer: int) -> bool:
    """Whether this network can be gone through in two halves: up to `layer`, and from there on."""
    if not 0 < layer < depth(model):
        return False
    trial = [(model.encode_reply("One two three four."), 2)]
    with model.worn() as network, torch.no_grad():
        whole = say(model, network, hear(model, network, trial))
        try:
            halves = say(model, network, hear(model, network, trial, layer), layer)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, RuntimeError):
            return False  # layers that want more than states
    return bool((whole - halves).abs().max() <= TOLERANCE * whole.abs().max())
