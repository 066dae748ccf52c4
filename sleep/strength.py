"""How well each learnt memory is known, by its exams, and whose turn it is to be rehearsed and asked again.

Spaced by measured strength, not by the clock: a memory that stood one exam more is due half as often, one that failed
is due at once (expanding retrieval, Landauer and Bjork 1978), so that what a night repeats doesn't grow with what is
known.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memory.episode import Dream, ExamAnswer, MemoryId, Phase

LONGEST = 6  # exams stood in a row beyond which a memory isn't asked more seldom: every 64th night


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """What a memory's exams say of it."""

    stood: int  # exams in a row, up to the latest, in which all was right
    nights: int  # since the latest

    @property
    def due(self) -> float:
        """How much it is its turn: 1 after as many nights as it has earned, more when it waits longer."""
        return float(self.nights / 2 ** min(self.stood, LONGEST))


def strengths(answers: Iterable[ExamAnswer], night: int) -> dict[MemoryId, Strength]:
    """The strength of every memory that was ever examined before `night`."""
    exams: dict[MemoryId, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for a in answers:
        if a.memory is not None and a.night < night:
            exams[a.memory][a.night].append(a.right)
    out = {}
    for memory, nights in exams.items():
        stood = 0
        for number in sorted(nights):
            stood = stood + 1 if all(nights[number]) else 0
        out[memory] = Strength(stood=stood, nights=night - max(nights))
    return out


def measured(ledger: Any, night: int) -> dict[MemoryId, Strength]:
    """The same from the ledger; the exams of nights that were undone don't count."""
    undone = {n.number for n in ledger.nights() if n.phase is Phase.ROLLED_BACK}
    return strengths([a for a in ledger.answers() if a.night not in undone], night)


def due(
    dreams: Sequence[Dream], known: Mapping[MemoryId, Strength], most: int, seed: int
) -> list[Dream]:
    """The exam questions of the memories whose turn it is, all of a memory's or none, at most `most`."""
    draw = random.Random(seed)
    groups: dict[tuple[MemoryId, ...], list[Dream]] = defaultdict(list)
    for d in dreams:
        groups[d.memories].append(d)
    order = sorted(draw.sample(list(groups), len(groups)), key=lambda m: -_due(m, known))
    out: list[Dream] = []
    for memories in order:
        if len(out) + len(groups[memories]) <= most:
            out += groups[memories]
    return out


def weakest(
    dreams: Sequence[Dream], known: Mapping[MemoryId, Strength], most: int, seed: int
) -> list[Dream]:
    """At most `most` dreams to rehearse: a memory's chances are as good as it is due.

    Without replacement, in proportion to the weights (Efraimidis and Spirakis 2006).
    """
    draw = random.Random(seed)
    each = Counter(d.memories for d in dreams)
    keys = [
        math.log(1.0 - draw.random()) * each[d.memories] / _due(d.memories, known) for d in dreams
    ]
    return [dreams[i] for i in sorted(range(len(dreams)), key=lambda i: -keys[i])[:most]]


def _due(memories: Sequence[MemoryId], known: Mapping[MemoryId, Strength]) -> float:
    """Of a dream of several memories the one that is most due; never examined is due at once."""
    return max((known[m].due if m in known else 1.0 for m in memories), default=1.0)
