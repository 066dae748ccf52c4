"""Which families are easily taken for one another.

A buffer shows the reader what resembles a question, so exercises must too: beside what was told stand things near to
it, and what was never told is asked about where something near was. Axes: F families, D an embedding's width.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from memory.paths import write_atomic
from sleep.instincts.families import Family, fill
from sleep.instincts.talk import WHOLE, related

Embed = Callable[[Sequence[str]], list[list[float]]]
MOST = 24
"""Near families that are kept for each."""
QUESTIONS = 6
"""Questions by which a family is known."""
SAME = 0.45
"""Cosine from which two memories may be about the same thing, and one may answer what is asked about the other."""


def nearness(
    embed: Callable[[], Embed], families: Sequence[Family], folder: Path
) -> dict[str, list[str]]:
    """For each family the names of those whose memories lie nearest to its questions, nearest first.

    Kept in `folder`; `embed` is only called where what it would say isn't there yet.
    """
    digest = hashlib.sha256(repr(families).encode()).hexdigest()
    cache = folder / f"near-{digest[:16]}.json"
    if cache.exists():
        near: dict[str, list[str]] = json.loads(cache.read_text("utf-8"))
        return near
    rng = random.Random(0)
    memories, questions = [], []
    for family in families:
        memories.append(fill(family.memory, family.draw(rng)))
        every = [q for kind in WHOLE for a in family.asked(kind) for q in a.questions]
        questions += [fill(rng.choice(every), family.draw(rng)) for _ in range(QUESTIONS)]
    vectors = torch.tensor(embed()([*memories, *questions]))
    told, asked = vectors[: len(memories)], vectors[len(memories) :]
    likeness = asked.view(len(memories), QUESTIONS, -1).mean(1) @ told.T  # (F, F)
    likeness[(told @ told.T) >= SAME] = -1.0
    order = likeness.argsort(1, descending=True).tolist()
    near = {}
    for family, row in zip(families, order, strict=True):
        apart = [families[i] for i in row if not related(family, families[i])]
        near[family.name] = [f.name for f in apart[:MOST]]
    write_atomic(cache, json.dumps(near).encode())
    return near
