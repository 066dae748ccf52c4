"""What fits into a night: most important memories first, the rest next time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memory.episode import Episode, Memory, MemoryState

# Measured on two cores with the default model, rounded up (sleep/LAB.md).
START_SECONDS = 90.0  # the base's own texts, drift, saving
DREAM_SECONDS = 0.22  # sampling and reading one dream
LESSON_SECONDS = 0.27  # one lesson once, with its share of rehearsal
EXAM_SECONDS = 1.7  # a memory's questions, with and without the adapter


def estimate(count: int, config: Any) -> float:
    """Seconds that a night with `count` memories takes."""
    kept = min(config.dreams.keep, 0.5 * config.dreams.samples)
    each = (
        config.dreams.samples * DREAM_SECONDS
        + config.training.passes * kept * (1.0 + config.in_view) * LESSON_SECONDS
        + EXAM_SECONDS
    )
    return float(START_SECONDS + count * each)


def fitting(memories: Sequence[Memory], seconds: float, config: Any) -> list[Memory]:
    """The first memories that fit into `seconds`; training itself stops at the deadline, so half its time is enough."""
    fixed = estimate(0, config) / 2
    each = (estimate(1, config) - estimate(0, config)) * 0.6
    return list(memories[: max(0, int((seconds - fixed) / each))])


def waiting(ledger: Any, episodes: Sequence[Episode], config: Any) -> list[Memory]:
    """Memories of these episodes that a night may still learn, the most important first."""
    inside = {e.id for e in episodes}
    able = {MemoryState.BUFFER, MemoryState.KEPT_BACK}
    every = [m for m in ledger.memories() if m.episode in inside and m.state in able]
    still = [m for m in every if m.failures < config.most_failures]
    return sorted(still, key=lambda m: (not m.pinned, m.failures, m.at, m.id))
