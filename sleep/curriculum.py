"""Which of the night's true dreams are learnt, and which are kept unseen for the exam."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from memory.episode import Dream, DreamKind, MemoryId
from sleep.dreams import DreamConfig
from sleep.teaching import Rehearsed
from sleep.words import content, normal, stem

ASKING = frozenset(("who", "whom", "whose", "what", "which", "when", "where", "why", "how"))
NEIGHBOURS = 4  # questions a memory, at most, whose answer was never told
LEAST_QUESTIONS = 3  # below, nothing is proved


def choose(
    rehearsed: Sequence[Rehearsed],
    config: DreamConfig,
    *,
    exam: int,
    seed: int,
    before: Sequence[Dream] = (),
) -> list[Rehearsed]:
    """Set cues aside for the exam, then keep the top k by gap and some at random; `used` and `held_out` say which.

    Held-out cues come from as many kinds as there are; none is worded like one that is trained on, nor like one that
    was trained on in a night `before`, and what was an exam question then isn't learnt.
    """
    trained: dict[tuple[MemoryId, ...], list[Dream]] = defaultdict(list)
    examined: dict[tuple[MemoryId, ...], list[Dream]] = defaultdict(list)
    for d in before:
        (examined if d.held_out else trained)[d.memories].append(d)
    draw = random.Random(seed)
    groups: dict[tuple[MemoryId, ...], list[Rehearsed]] = defaultdict(list)
    for r in rehearsed:
        groups[r.dream.memories].append(r)
    out: list[Rehearsed] = []
    for memories, every in groups.items():
        group = _unlike(every, examined[memories])
        told = [r for r in group if r.dream.kind is not DreamKind.NEVER]
        never = [r for r in group if r.dream.kind is DreamKind.NEVER]
        held = _held_out(_unlike(told, trained[memories]), exam, draw)
        rest = _unlike(told, [h.dream for h in held])
        rest.sort(key=lambda r: -r.dream.gap)
        best, others = (
            rest[: config.keep - config.at_random],
            rest[config.keep - config.at_random :],
        )
        best += draw.sample(others, min(len(others), config.at_random))
        draw.shuffle(never)
        unseen, best = never[: len(never) // 2][:1], best + never[len(never) // 2 :][:NEIGHBOURS]
        out += [replace(r, dream=replace(r.dream, used=True)) for r in best]
        out += [replace(r, dream=replace(r.dream, held_out=True)) for r in (*held, *unseen)]
    return out


def _unlike(rehearsed: Sequence[Rehearsed], others: Sequence[Dream]) -> list[Rehearsed]:
    """Those that ask for none of the same things as `others` in the same words."""
    return [r for r in rehearsed if not any(alike(r.dream.cue, o.cue) for o in others)]


def _held_out(told: Sequence[Rehearsed], exam: int, draw: random.Random) -> list[Rehearsed]:
    """Up to `exam` cues, a kind after the other: at most half of the dreams, but for the least that proves anything."""
    most = min(exam, max(LEAST_QUESTIONS, len(told) // 2), len(told) - 1)
    pools: dict[DreamKind, list[Rehearsed]] = defaultdict(list)
    for r in told:
        pools[r.dream.kind].append(r)
    # Every other cue, from the farthest on: the hardest that there are, and as many of them left to learn from.
    for pool in pools.values():
        draw.shuffle(pool)
        pool.sort(key=nearness)
        pool[:] = [*pool[1::2][::-1], *pool[0::2][::-1]]
    held: list[Rehearsed] = []
    while len(held) < most and any(pools.values()):
        for kind in (DreamKind.FACT, DreamKind.REVERSE, DreamKind.INDIRECT, DreamKind.WAS):
            if pools[kind] and len(held) < most:
                held.append(pools[kind].pop())
    return held


def nearness(rehearsed: Rehearsed) -> float:
    """Share of a cue's content words that its reply has too, 0 to 1."""
    asked = {stem(w) for w in content(rehearsed.dream.cue)}
    return len(asked & {stem(w) for w in content(rehearsed.dream.reply)}) / max(1, len(asked))


def alike(cue: str, other: str) -> bool:
    """Whether two cues ask the same thing in the same words, but for those without content."""

    def gist(text: str) -> set[str]:
        return {stem(w) for w in content(text)} | ASKING.intersection(normal(text).split())

    return gist(cue) == gist(other)
