"""Which memories lie close to each other, and which of them contradict."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from agent import prompt
from agent.local_model import LocalModel
from agent.model import Sampling
from agent.packing import chunks
from memory.episode import Dream, DreamKind, Memory, MemoryId, MemoryState
from memory.quarantine import HEARSAY
from memory.store import Embedder
from sleep.dreams import is_true_to, parse
from sleep.plan import CUES
from sleep.words import agrees, normal

CLOSE = 0.6  # cosine from which two memories may be about the same thing
NEAR = 3  # of how many nearest memories a cue's own must be one
NEIGHBOURS = 8  # of a memory, among which one may contradict it
ROWS = 256  # compared with all others at once


def embedded(embedder: Embedder, memories: Sequence[Memory]) -> np.ndarray:
    """Unit vectors (len(memories), D)."""
    return np.array(embedder.embed([m.text for m in memories]), dtype=np.float32)


def histories(ledger: Any, memories: Sequence[Memory]) -> dict[MemoryId, tuple[str, ...]]:
    """What was told about each memory: the statements whose place it took, oldest first, then its own."""
    before: dict[int, list[Memory]] = {}
    for m in ledger.memories(state=MemoryState.SUPERSEDED):
        if m.superseded_by is not None and m.text:
            before.setdefault(m.superseded_by, []).append(m)
    out = {}
    for memory in memories:
        line = [memory]
        for m in line:  # grows: what took the place of another may have had its place taken
            line += before.pop(m.id, [])
        older = sorted(line[1:], key=lambda m: (m.at, m.id))
        changed = {normal(m.text): m.text for m in older if normal(m.text) != normal(memory.text)}
        out[memory.id] = (*changed.values(), memory.text)
    return out


def nearest(
    embedder: Embedder, memories: Sequence[Memory], among: Sequence[Memory], k: int
) -> dict[MemoryId, list[str]]:
    """The texts of the k nearest other memories of each."""
    if not memories or not among:
        return {}
    left, right = embedded(embedder, memories), embedded(embedder, among)
    out: dict[MemoryId, list[str]] = {}
    for some in chunks(range(len(memories)), ROWS):
        for i, row in zip(some, left[some] @ right.T, strict=True):
            order = [among[j] for j in np.argsort(-row)[: k + 1] if among[j].id != memories[i].id]
            out[memories[i].id] = [m.text for m in order[:k]]
    return out


def leading(
    embedder: Embedder, dreams: Sequence[Dream], told: Mapping[MemoryId, Sequence[str]]
) -> tuple[list[Dream], set[Dream]]:
    """The dreams whose cue leads to their memory, being among the first few by similarity; and those where it is first.

    "Who did I tell you about?" fits any. A neighbour, which nothing answers, need not lead anywhere.
    """
    if not dreams:
        return [], set()
    owner = np.array([m for m, statements in told.items() for _ in statements])  # (S,)
    statements = np.array(embedder.embed([t for said in told.values() for t in said]))  # (S, D)
    kept, first = [], set()
    for some in chunks(dreams, ROWS):
        cosines = np.array(embedder.embed([d.cue for d in some])) @ statements.T  # (ROWS, S)
        for dream, row in zip(some, cosines, strict=True):
            own = row[np.isin(owner, dream.memories)].max()
            nearer = set(owner[row > own].tolist())
            if dream.kind is DreamKind.NEVER or len(nearer) < NEAR:
                kept.append(dream)
            if not nearer:
                first.add(dream)
    return kept, first


def pairs(
    embedder: Embedder, fresh: Sequence[Memory], every: Sequence[Memory], most: int
) -> list[tuple[Memory, Memory]]:
    """(older, newer) of each of the fresh and its nearest neighbours, where they may be about the same thing.

    At most `most`, the closest first to be kept; in the order in which the newer ones were said. `fresh` are among
    `every`. What a document says never overrides the user, and what is in quarantine overrides nothing.
    """
    vectors = embedded(embedder, every)  # (N, D)
    at = {m.id: i for i, m in enumerate(every)}
    close: dict[tuple[int, int], float] = {}
    for some in chunks([at[m.id] for m in fresh if m.id in at], ROWS):
        cosines = vectors[some] @ vectors.T  # (ROWS, N)
        cosines[range(len(some)), some] = -1.0  # itself
        k = min(NEIGHBOURS, len(every))
        nearest_k = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        for i, row, columns in zip(some, cosines, nearest_k, strict=True):
            for j in columns.tolist():
                old, new = sorted((i, j), key=lambda n: _when(every[n]))
                if row[j] >= CLOSE and _overrides(every[new]):
                    close[old, new] = float(row[j])
    best = sorted(close, key=lambda pair: -close[pair])[:most]
    chosen = [(every[old], every[new]) for old, new in best]
    return sorted(chosen, key=lambda pair: (_when(pair[1]), _when(pair[0])))


def _when(memory: Memory) -> tuple[datetime, int]:
    return memory.at, memory.id


def _overrides(memory: Memory) -> bool:
    return memory.state is not MemoryState.QUARANTINED and not memory.text.startswith(HEARSAY)


def supersede(
    model: LocalModel,
    embedder: Embedder,
    ledger: Any,
    fresh: Sequence[Memory],
    *,
    most: int = sys.maxsize,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[MemoryId, MemoryId]]:
    """Mark memories that a newer one contradicts as superseded by it; return (old, new) pairs.

    Two memories contradict when the newer one changes the answer to a question that the older one answers: the model
    dreams questions about the older, and answers them with the older alone and with both. Nothing else counts, so the
    dog's name doesn't supersede the cat's. At most `most` pairs are asked about, the closest.
    """
    settled = {MemoryState.SUPERSEDED, MemoryState.FORGOTTEN}
    others = [m for m in ledger.memories() if m.state not in settled and m.text]
    if not fresh or len(others) < 2:
        return []
    close = pairs(embedder, fresh, others, most)
    olds = list({old.id: old for old, _ in close}.values())
    asked = [(old, k) for old in olds for k in (DreamKind.FACT,) * CUES]
    rows = model.decode(
        [model.encode(prompt.dreaming([old.text], kind)) for old, kind in asked],
        Sampling(max_tokens=48, temperature=0.7, top_p=0.9, seed=1),
        adapter=False,
        progress=lambda done: progress(done, 2 * len(asked)),
    )
    cues: dict[MemoryId, dict[str, str]] = {}
    for (old, kind), row in zip(asked, rows, strict=True):
        parsed = parse(model.text(row))
        if parsed and is_true_to(old.text, kind, *parsed):
            cues.setdefault(old.id, {})[parsed[0]] = parsed[1]
    trials = [
        (old, new, cue, reply) for old, new in close for cue, reply in cues.get(old.id, {}).items()
    ]
    read = model.decode(
        [model.encode(prompt.reading(cue, [old.text, new.text])) for old, new, cue, _ in trials],
        Sampling(max_tokens=32),
        adapter=False,
        progress=lambda done: progress(len(trials) + done, 2 * len(trials)),
    )
    answers = [model.text(row) for row in read]
    changed: dict[tuple[MemoryId, MemoryId], list[bool]] = {}
    for (old, new, cue, reply), answer in zip(trials, answers, strict=True):
        # The answer with both in view is the newer one's, and no longer the older one's.
        moved = not agrees(answer, cue, reply, old.text) and agrees(answer, cue, answer, new.text)
        changed.setdefault((old.id, new.id), []).append(moved)
    found = [pair for pair, votes in changed.items() if sum(votes) > len(votes) / 2]
    for old_id, new_id in found:
        ledger.set_memory(
            old_id,
            state=MemoryState.SUPERSEDED,
            superseded_by=new_id,
            reason="a newer statement took its place",
        )
    return found
