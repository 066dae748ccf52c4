"""Which memories lie close to each other, and which of them contradict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from agent import prompt
from agent.local_model import LocalModel
from agent.model import Sampling
from memory.episode import Dream, DreamKind, Memory, MemoryId, MemoryState
from memory.quarantine import HEARSAY
from memory.store import Embedder
from sleep.dreams import is_true_to, parse
from sleep.words import agrees, normal

CLOSE = 0.6  # cosine from which two memories may be about the same thing
NEAR = 3  # of how many nearest memories a cue's own must be one
CUES = 4  # questions asked to find out


def similarity(embedder: Embedder, left: Sequence[Memory], right: Sequence[Memory]) -> np.ndarray:
    """Cosines (len(left), len(right))."""
    a = np.array(embedder.embed([m.text for m in left]), dtype=np.float32)
    b = np.array(embedder.embed([m.text for m in right]), dtype=np.float32)
    return np.asarray(a @ b.T)


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
    cosines = similarity(embedder, memories, among)
    out: dict[MemoryId, list[str]] = {}
    for row, memory in zip(cosines, memories, strict=True):
        order = [among[i] for i in np.argsort(-row) if among[i].id != memory.id]
        out[memory.id] = [m.text for m in order[:k]]
    return out


def leading(
    embedder: Embedder, dreams: Sequence[Dream], told: Mapping[MemoryId, Sequence[str]]
) -> tuple[list[Dream], set[Dream]]:
    """The dreams whose cue leads to their memory, being among the first few by similarity; and those where it is first.

    "Who did I tell you about?" fits any. A neighbour, which nothing answers, need not lead anywhere.
    """
    if not dreams:
        return [], set()
    owner = [m for m, statements in told.items() for _ in statements]
    statements = np.array(embedder.embed([t for said in told.values() for t in said]))  # (S, D)
    cosines = np.array(embedder.embed([d.cue for d in dreams])) @ statements.T  # (dreams, S)
    kept, first = [], set()
    for dream, row in zip(dreams, cosines, strict=True):
        own = max(value for value, m in zip(row, owner, strict=True) if m in dream.memories)
        nearer = {m for value, m in zip(row, owner, strict=True) if value > own}
        if dream.kind is DreamKind.NEVER or len(nearer) < NEAR:
            kept.append(dream)
        if not nearer:
            first.add(dream)
    return kept, first


def supersede(
    model: LocalModel,
    embedder: Embedder,
    ledger: Any,
    fresh: Sequence[Memory],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[MemoryId, MemoryId]]:
    """Mark memories that a newer one contradicts as superseded by it; return (old, new) pairs.

    Two memories contradict when the newer one changes the answer to a question that the older one answers: the model
    dreams questions about the older, and answers them with the older alone and with both. Nothing else counts, so the
    dog's name doesn't supersede the cat's.
    """
    settled = {MemoryState.SUPERSEDED, MemoryState.FORGOTTEN}
    others = [m for m in ledger.memories() if m.state not in settled and m.text]
    if not fresh or len(others) < 2:
        return []
    cosines = similarity(embedder, fresh, others)
    pairs = [
        (old, new)
        for i, new in enumerate(fresh)
        for j, old in enumerate(others)
        if (old.at, old.id) < (new.at, new.id)
        and cosines[i, j] >= CLOSE
        and not new.text.startswith(HEARSAY)  # what a document says never overrides the user
    ]
    olds = list({old.id: old for old, _ in pairs}.values())
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
        (old, new, cue, reply) for old, new in pairs for cue, reply in cues.get(old.id, {}).items()
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
