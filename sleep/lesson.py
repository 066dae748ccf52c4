"""Lessons: tokenised training items with the teacher's top-k log-probabilities on the answer tokens.

Axes: B rows, T tokens of the widest row, N answer tokens of a batch, K kept log-probabilities, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

TOP_K = 20
ROWS = 24  # sequences scored together
ROW_TOKENS = (
    768  # longest row of a packed batch: beyond it, attention costs more than sharing saves
)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """`ids` is prompt + answer, which begins at `start`; the tops are what the teacher thinks of each answer token."""

    ids: tuple[int, ...]
    start: int
    top_ids: Tensor  # (A, K) int
    top_logp: Tensor  # (A, K) natural log; the rest of the mass is the tail bucket
    weight: float = 1.0

    @property
    def answers(self) -> int:
        return len(self.ids) - self.start


def hard(prompt: Sequence[int], answer: Sequence[int], weight: float = 1.0) -> Lesson:
    """A lesson whose teacher is certain: the KL divergence becomes plain cross-entropy."""
    ids = torch.tensor(answer).unsqueeze(1)  # (A, 1)
    return Lesson((*prompt, *answer), len(prompt), ids, torch.zeros(ids.shape), weight)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Sequences packed as prefix trees: what several begin with is computed once, and next to nothing is padding.

    A token sees its ancestors alone, so every sequence gets the very log-probabilities that it would get by itself.
    """

    ids: Tensor  # (B, T)
    seen: Tensor  # (B, 1, T, T) bool: [b, 0, i, j] is whether token i sees token j
    positions: Tensor  # (B, T) depth in the tree
    rows: Tensor  # (N,) with `cols`: the tokens that predict the answers, in the order of the sequences given
    cols: Tensor  # (N,)
    targets: Tensor  # (N,)
    lengths: tuple[int, ...]  # answer tokens of each sequence; sums to N


class _Tree:
    """One row of a batch while it is being packed."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.parents: list[int] = []
        self.children: dict[tuple[int, int], int] = {}

    def missing(self, ids: Sequence[int]) -> int:
        """How many tokens this sequence would add."""
        at = -1
        for depth, token in enumerate(ids):
            found = self.children.get((at, token))
            if found is None:
                return len(ids) - depth
            at = found
        return 0

    def add(self, ids: Sequence[int]) -> list[int]:
        """The sequence's path through the tree."""
        path, at = [], -1
        for token in ids:
            found = self.children.get((at, token))
            if found is None:
                found = self.children[at, token] = len(self.ids)
                self.ids.append(token)
                self.parents.append(at)
            at = found
            path.append(at)
        return path


def _packed(
    items: Sequence[tuple[Sequence[int], int]], row: int
) -> tuple[list[_Tree], dict[int, tuple[int, list[int]]]]:
    """Rows of up to `row` tokens, and for each sequence its row and its path."""
    trees: list[_Tree] = []
    places: dict[int, tuple[int, list[int]]] = {}
    # In alphabetical order, sequences that begin alike stand together.
    for i in sorted(range(len(items)), key=lambda i: tuple(items[i][0])):
        ids = items[i][0]
        if not trees or len(trees[-1].ids) + trees[-1].missing(ids) > row:
            trees.append(_Tree())
        places[i] = len(trees) - 1, trees[-1].add(ids)
    return trees, places


def batch(
    items: Sequence[tuple[Sequence[int], int]], pad: int, device: Any, *, row: int = ROW_TOKENS
) -> Batch:
    """Collate (ids, start) pairs into trees of up to `row` tokens; a longer sequence has a row to itself."""
    trees, places = _packed(items, row)
    if len(trees) > 1:  # rows of one width, so that the last isn't mostly padding
        even, there = _packed(items, math.ceil(1.05 * sum(len(t.ids) for t in trees) / len(trees)))
        if len(even) == len(trees):
            trees, places = even, there
    width = max(len(t.ids) for t in trees)
    ids = torch.full((len(trees), width), pad)
    positions = torch.zeros((len(trees), width), dtype=torch.long)
    seen = torch.eye(width, dtype=torch.bool).repeat(len(trees), 1, 1)  # padding too: no NaN
    for r, tree in enumerate(trees):
        ids[r, : len(tree.ids)] = torch.tensor(tree.ids)
        depth: list[int] = []
        for i, parent in enumerate(tree.parents):
            depth.append(depth[parent] + 1 if parent >= 0 else 0)
            if parent >= 0:
                seen[r, i] |= seen[r, parent]
        positions[r, : len(depth)] = torch.tensor(depth)
    answers: list[tuple[int, int, int]] = []
    for i, (sequence, start) in enumerate(items):
        r, path = places[i]
        answers += [(r, path[at - 1], token) for at, token in enumerate(sequence[start:], start)]
    rows, cols, targets = torch.tensor(answers, device=device).unbind(1)
    return Batch(
        ids=ids.to(device),
        seen=seen.unsqueeze(1).to(device),
        positions=positions.to(device),
        rows=rows,
        cols=cols,
        targets=targets,
        lengths=tuple(len(sequence) - start for sequence, start in items),
    )


def answer_logp(model: Any, network: Any, b: Batch) -> Tensor:
    """Log-probabilities (N, V) for the answer tokens of a batch; logits only where they are needed."""
    hidden = model.hidden(network, b.ids, b.seen, b.positions)[b.rows, b.cols]  # (N, D)
    return torch.log_softmax(model.logits(network, hidden), dim=-1)


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
            b = batch(items, model.end_id, model.device)
            logp = answer_logp(model, network, b)  # (N, V)
            own = logp.gather(1, b.targets.unsqueeze(1)).squeeze(1)  # (N,)
            top = logp.topk(min(top_k, logp.shape[-1]))
            parts = (own, top.indices.int(), top.values)
            for i, *piece in zip(chunk, *(p.cpu().split(b.lengths) for p in parts), strict=True):
                out[i] = (piece[0].clone(), piece[1].clone(), piece[2].clone())
            progress(len(chunk))
    return [o for o in out if o is not None]


def chunks(order: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive slices of at most `size`."""
    for begin in range(0, len(order), size):
        yield order[begin : begin + size]
