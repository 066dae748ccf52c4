"""How likely a network finds given replies. Axes: A tokens of a reply, N of a batch of them, K kept, V vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agent.packing import ROW_TOKENS, Packed, chunks, pack
from agent.speech import hear, say

SLICE = 256  # reply tokens whose log-probabilities are held at once: a vocabulary beside every token is much memory
TOP_K = 20
ROWS = 24  # sequences scored together


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


def read(
    model: Any, network: Any, items: Sequence[tuple[Sequence[int], int]]
) -> tuple[Iterator[tuple[Tensor, Tensor]], tuple[int, ...]]:
    """Of (ids, start) pairs (log-probabilities (≤ SLICE, V), answer tokens (≤ SLICE,)), a few at a time, and how many
    answer tokens each pair has: a vocabulary beside every token is most of a night's memory.
    """
    if model.differs(network):
        hidden = say(model, network, hear(model, network, items))  # (N, D)
        answers = [token for ids, start in items for token in ids[start:]]
        targets = torch.tensor(answers, device=hidden.device)
        lengths = tuple(len(ids) - start for ids, start in items)
    else:  # then what prompts share need be read once
        b = batch(items, model.end_id, model.device)
        hidden = model.hidden(network, b.packed)[b.rows, b.cols]
        targets, lengths = b.targets, b.lengths
    slices = (
        (torch.log_softmax(model.logits(network, some), dim=-1), target)
        for some, target in zip(hidden.split(SLICE), targets.split(SLICE), strict=True)
    )
    return slices, lengths


def scored(
    model: Any,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    adapter: bool,
    top_k: int = TOP_K,
    progress: Callable[[int], None] = lambda done: None,
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each (prompt ids, answer ids): (log p of each answer token (A,), top ids (A, K), top log p (A, K)).

    One forward pass gives both the second reading (how likely the reader finds the answer) and the teacher's targets.
    """
    out: list[tuple[Tensor, Tensor, Tensor] | None] = [None] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda i: tuple(pairs[i][0]))
    with model.worn(adapter) as network, torch.inference_mode():
        for chunk in chunks(order, ROWS):
            items = [((*pairs[i][0], *pairs[i][1]), len(pairs[i][0])) for i in chunk]
            slices, lengths = read(model, network, items)
            own, ids, tops = [], [], []
            for logp, target in slices:
                own.append(logp.gather(1, target.unsqueeze(1)).squeeze(1))
                top = logp.topk(min(top_k, logp.shape[-1]))
                ids.append(top.indices.int())
                tops.append(top.values)
            parts = torch.cat(own), torch.cat(ids), torch.cat(tops)  # (N,), (N, K), (N, K)
            for i, *piece in zip(chunk, *(p.cpu().split(lengths) for p in parts), strict=True):
                out[i] = (piece[0].clone(), piece[1].clone(), piece[2].clone())
            progress(len(chunk))
    return [o for o in out if o is not None]
