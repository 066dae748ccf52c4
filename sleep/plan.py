"""What fits into a night: most important memories first, the rest next time."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from memory.episode import Episode, Memory, MemoryState, Phase

# Seconds on two cores with the default model, in float32 and hastened (sleep/LAB.md). Hastened ones are of an earlier,
# slower night. Learning ends with the time, so a little too few do no harm.
START = 90.0, 50.0  # the base's own texts, drift, saving
DREAM = 0.2, 0.065  # sampling and reading one dream
LESSON = 0.05, 0.03  # one visit to a lesson, with its share of listening to it
EXAM = 2.9, 2.2  # a memory's questions, by heart and without the adapter
CUES = 4  # questions asked to find out whether two memories contradict
USED = 0.6  # share of the dreams sampled that are learnt from
FEWEST = 20  # dreams a memory: fewer prove nothing
ENOUGH = 100  # dreams of a night that tell how fast a machine is
NIGHTS = 3  # that the pace is taken from: one may have shared its cores with something else
PACES = 0.25, 8.0  # what is believed of it
COMPARING = 0.1  # of a night's time, at most, to find out which memories contradict


def pace(reports: Iterable[Mapping[str, Any]], *, hastened: bool = False) -> float:
    """How many times as long as foreseen the dreams of these nights took, the oldest first; 1.0 where none tells.

    A larger model, a slower machine: what follows is foreseen to take as many times as long. Nights that were planned
    with it dream less, so that learning keeps its share of their time.
    """
    found = []
    for report in reports:
        sampled = report.get("dreams", {}).get("sampled", 0)
        seconds = report.get("seconds", {}).get(Phase.DREAMT.value, 0.0)
        if sampled >= ENOUGH and seconds > 0.0:
            found.append(seconds / (sampled * DREAM[hastened]))
    least, most = PACES
    return min(most, max(least, statistics.median(found[-NIGHTS:]))) if found else 1.0


def estimate(count: int, config: Any, *, hastened: bool = False) -> float:
    """Seconds that a night with `count` memories takes."""
    start, dream, lesson, exam = (pair[hastened] for pair in (START, DREAM, LESSON, EXAM))
    dreams = config.dreams
    kept = min(dreams.keep, USED * dreams.samples)
    each = (
        dreams.samples * dream
        + config.training.passes * kept * (1.0 + config.in_view) * lesson
        + exam
    )
    return float(start + count * each)


def ending(count: float, *, hastened: bool = False) -> float:
    """Seconds that a night needs after learning: weighing what it cost, the exam of `count` memories, saving."""
    return float(0.55 * START[hastened] + count * EXAM[hastened])


def modest(count: int, seconds: float, config: Any, *, hastened: bool = False) -> Any:
    """The configuration with fewer dreams a memory, where all of them would not fit into `seconds`."""
    while estimate(count, config, hastened=hastened) > seconds and config.dreams.samples > FEWEST:
        fewer = max(FEWEST, int(0.95 * config.dreams.samples))
        config = replace(config, dreams=replace(config.dreams, samples=fewer))
    return config


def fitting(
    memories: Sequence[Memory], seconds: float, config: Any, *, hastened: bool = False
) -> list[Memory]:
    """The first memories that fit into `seconds`; training itself stops at the deadline, so half its time is enough."""
    return list(memories[: _count(seconds, config, hastened)])


def capacity(seconds: float, config: Any, *, hastened: bool = False) -> int:
    """How many memories a night of `seconds` can learn at most: with the fewest dreams for each."""
    return _count(seconds, modest(sys.maxsize, seconds, config, hastened=hastened), hastened)


def comparisons(seconds: float, *, hastened: bool = False) -> int:
    """How many pairs of memories there is time to compare: a few cues are sampled and read for each."""
    return max(1, int(COMPARING * seconds / (CUES * DREAM[hastened])))


def _count(seconds: float, config: Any, hastened: bool) -> int:
    fixed = estimate(0, config, hastened=hastened)
    each = (estimate(1, config, hastened=hastened) - fixed) * 0.6
    return max(0, int((seconds - fixed / 2) / each))


def waiting(ledger: Any, episodes: Sequence[Episode], config: Any) -> list[Memory]:
    """Memories of these episodes that a night may still learn, the most important first."""
    inside = {e.id for e in episodes}
    able = {MemoryState.BUFFER, MemoryState.KEPT_BACK}
    every = [m for m in ledger.memories() if m.episode in inside and m.state in able]
    still = [m for m in every if m.failures < config.most_failures]
    return sorted(still, key=lambda m: (not m.pinned, m.failures, m.at, m.id))
