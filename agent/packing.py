"""Token sequences packed as prefix trees: what several of them begin with is computed once.

A token sees its ancestors alone, so the network says of each sequence what it would say of it by itself. Axes: B rows
of the batch, T tokens of the widest row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

# Widths are multiples of it. Where bfloat16 may be in use, a processor prepares its kernels anew for every other shape.
EVEN = 64 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 16
ROW_TOKENS = 768  # longest row: beyond it, attention costs more than sharing saves


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A batch of trees, and where each sequence went."""

    ids: Tensor  # (B, T)
    seen: Tensor  # (B, 1, T, T) bool: [b, 0, i, j] is whether token i sees token j
    positions: Tensor  # (B, T) depth in the tree
    paths: tuple[
        tuple[int, list[int]], ...
    ]  # of each sequence: its row, and its tokens' places there

    def to(self, device: Any) -> Packed:
        """The same on another device."""
        return Packed(
            self.ids.to(device), self.seen.to(device), self.positions.to(device), self.paths
        )


class _Tree:
    """One row of a batch while it is being packed."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.children: dict[tuple[int, int], int] = {}
        self.branches: list[tuple[list[int], int]] = []  # a path, and where it leaves the others

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
        path, at, before = list[int](), -1, len(self.ids)
        for token in ids:
            found = self.children.get((at, token))
            if found is None:
                found = self.children[at, token] = len(self.ids)
                self.ids.append(token)
            at = found
            path.append(at)
        self.branches.append((path, len(path) - (len(self.ids) - before)))
        return path


def pack(
    sequences: Sequence[Sequence[int]], pad: int, device: Any, *, row: int = ROW_TOKENS
) -> Packed:
    """Rows of up to `row` tokens; a longer sequence has a row to itself."""
    trees, places = _grow(sequences, row)
    if len(trees) > 1:  # rows of one width, so that the last isn't mostly padding
        even = math.ceil(1.05 * sum(len(t.ids) for t in trees) / len(trees))
        again = _grow(sequences, even)
        if len(again[0]) == len(trees):
            trees, places = again
    width = max(len(t.ids) for t in trees)
    width += -width % EVEN if width > EVEN else 0
    ids = torch.full((len(trees), width), pad)
    positions = torch.zeros((len(trees), width), dtype=torch.long)
    seen = torch.eye(width, dtype=torch.bool).repeat(len(trees), 1, 1)  # padding too: no NaN
    for r, tree in enumerate(trees):
        ids[r, : len(tree.ids)] = torch.tensor(tree.ids)
        for path, known in tree.branches:
            at = torch.tensor(path)
            own = at[known:]
            seen[r, own[:, None], at] = torch.ones(len(own), len(at), dtype=torch.bool).tril(known)
            positions[r, own] = torch.arange(known, len(at))
    return Packed(
        ids=ids.to(device),
        seen=seen.unsqueeze(1).to(device),
        positions=positions.to(device),
        paths=tuple(places[i] for i in range(len(sequences))),
    )


def _grow(
    sequences: Sequence[Sequence[int]], row: int
) -> tuple[list[_Tree], dict[int, tuple[int, list[int]]]]:
    """Trees of up to `row` tokens, and for each sequence its row and its path."""
    trees: list[_Tree] = []
    places: dict[int, tuple[int, list[int]]] = {}
    # In alphabetical order, sequences that begin alike stand together.
    for i in sorted(range(len(sequences)), key=lambda i: tuple(sequences[i])):
        ids = sequences[i]
        if not trees or len(trees[-1].ids) + trees[-1].missing(ids) > row:
            trees.append(_Tree())
        places[i] = len(trees) - 1, trees[-1].add(ids)
    return trees, places


def chunks(order: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive slices of at most `size`."""
    for begin in range(0, len(order), size):
        yield order[begin : begin + size]
