"""In which order lessons are taken: each once, then again by how badly it was known when it was last seen.

What is known already has little more to teach, and going through it costs as much as through the rest (prioritised
replay, Schaul et al. 2016, arXiv 1511.05952; selective backpropagation, Jiang et al. 2019, arXiv 1910.00762).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from sleep.lesson import Lesson
from sleep.training import TrainingConfig

KNOWN, UNKNOWN = 0.05, 1.0
"""Nats at the worst token, between which they make a difference: above, a dream may as well be false as not learnt."""


class Course(Sequence[Sequence[Lesson]]):
    """The lessons of every step. `heard` tells it how well they are known; untold, every lesson is as urgent."""

    def __init__(self, lessons: Sequence[Lesson], config: TrainingConfig, seed: int) -> None:
        self.lessons, self.rows, self.seed = lessons, config.rows, seed
        once = math.ceil(len(lessons) / config.rows)
        self.steps = max(round(config.passes * once), config.least_steps, once) if lessons else 0
        self.order = random.Random(seed).sample(range(len(lessons)), len(lessons))
        self.costs = dict.fromkeys(map(id, lessons), math.inf)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> list[Lesson]:  # type: ignore[override]  # no slices
        if not 0 <= step < self.steps:
            raise IndexError(step)
        if first := self.order[step * self.rows : (step + 1) * self.rows]:
            return [self.lessons[i] for i in first]
        draw = random.Random(f"{self.seed} {step}")
        # without replacement, in proportion to what they cost (Efraimidis and Spirakis 2006)
        urgent = (min(UNKNOWN, max(KNOWN, self.costs[id(x)])) for x in self.lessons)
        keys = [math.log(1.0 - draw.random()) / u for u in urgent]
        best = sorted(range(len(keys)), key=lambda i: -keys[i])[: self.rows]
        return [self.lessons[i] for i in best]

    def heard(self, lessons: Sequence[Lesson], costs: Sequence[float]) -> None:
        """What each of these lessons cost when it was last seen, at its worst token, in nats.

        The worst, since one wrong name makes a memory wrong and drowns in the mean.
        """
        self.costs.update(zip(map(id, lessons), costs, strict=True))
