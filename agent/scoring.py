"""How likely a network finds given replies. Axes: N reply tokens of a batch, V vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from agent.packing import ROW_TOKENS, Packed, chunks, pack

if TYPE_CHECKING:
    from agent.local_model import LocalModel

SLICE = 256  # reply tokens whose log-probabilities are held at once: a vocabulary beside every token is much memory
PAIRS = 80  # read together


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Sequences packed as prefix trees, and where their answers stand."""

    packed: Packed
    rows: Tensor  # (N,) with `cols`: the tokens that predict the answers, in the order of the sequences given
    cols: Tensor  # (N,)
    targets: Tensor  # (N,)
    lengths: tuple[int, ...]  # answer tokens of each sequence; sums to N

    def to(self, device: Any) -> Batch:
        """The same on another device."""
        rows, cols, targets = (t.to(device) for t in (self.rows, self.cols, self.targets))
        return Batch(self.packed.to(device), rows, cols, targets, self.lengths)


def batch(
    items: Sequence[tuple[Sequence[int], int]], pad: int, device: Any, *, row: int = ROW_TOKENS
) -> Batch:
    """Collate (ids, start) pairs."""
    packed = pack([ids for ids, _ in items], pad, device, row=row)
    answers: list[tuple[int, int, int]] = []
    for (ids, start), (r, path) in zip(items, packed.paths, strict=True):
        answers += [(r, path[at - 1], token) for at, token in enumerate(ids[start:], start)]
    rows, cols, targets = torch.tensor(answers, device=device).unbind(1)
    lengths = tuple(len(ids) - start for ids, start in items)
    return Batch(packed, rows, cols, targets, lengths)


def log_likelihood(
    model: LocalModel, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[float]:
    """Of (prompt ids, reply ids) pairs log P(reply | prompt) in nats, with the night's adapter off."""
    out = [0.0] * len(pairs)
    # In alphabetical order, those that begin alike are read together.
    order = sorted(range(len(pairs)), key=lambda i: tuple(pairs[i][0]))
    with model.worn(False) as network, torch.inference_mode():
        for some in chunks(order, PAIRS):
            items = [((*pairs[i][0], *pairs[i][1]), len(pairs[i][0])) for i in some]
            b = batch(items, model.end_id, model.device)
            hidden = model.hidden(network, b.packed)[b.rows, b.cols]  # (N, D)
            own = torch.cat(
                [
                    -torch.nn.functional.cross_entropy(
                        model.logits(network, states), targets, reduction="none"
                    )
                    for states, targets in zip(
                        hidden.split(SLICE), b.targets.split(SLICE), strict=True
                    )
                ]
            )  # (N,)
            for i, part in zip(some, own.split(b.lengths), strict=True):
                out[i] = float(part.sum())
    return out
