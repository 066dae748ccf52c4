"""One flat training loop over a night's lessons. No trainer class, no callbacks.

Only the LoRA factors named in `trainable` move; the base stays frozen, so a step costs two thirds of a full one.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agent.local_model import LocalModel
from agent.packing import chunks
from agent.speech import Deaf
from sleep.curvature import Curvature
from sleep.hearing import Hearing
from sleep.lesson import Lesson, lead_weights, said
from sleep.loss import divergence
from sleep.optimiser import Optimiser

TOGETHER = 8  # lessons and texts that go through the network at once: 16 take a tenth longer, and 4 (measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How the student learns."""

    lr: float = 1e-3
    """Peak learning rate; LoRA wants about ten times that of full training (LoRA Without Regret)."""
    rows: int = 16
    """Lessons a step."""
    curvature_weight: float = 450.0
    """Weight, beside the lessons' divergence, of what the new rank changes in general texts; large, since the second
    order tells a tenth of what such changes do (measured) …"""
    rehearsal_rows: int = 1
    """… and where that can't be had, texts gone through in every step …"""
    rehearsal_weight: float = 6.0
    """… and the weight of their divergence."""
    passes: float = 5.0
    """Lessons seen, as a multiple of those there are: each once, then the less known ones again …"""
    least_steps: int = 72
    """… or more, after a day on which little was said: below this a name is not learnt, only hinted at."""
    lead: int = 6
    """Tokens at the beginning of an answer, where it is decided which memory is told …"""
    lead_weight: float = 2.0
    """… and their weight: the rest is recited, and would drown them in the mean."""
    deaf: float = 0.2
    """Share of a cue's tokens that a reply is learnt without, others every time: no word of it may decide alone."""
    warm_up: float = 0.05
    """Share of steps with rising learning rate."""
    beta: float = 0.0
    """0 forward KL, 1 reverse KL, between: Jensen–Shannon."""
    clip: float = 10.0
    """Largest divergence of one token, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did."""

    done: int
    total: int
    loss: float
    rehearsal_loss: float
    seconds_left: float


def train(
    model: LocalModel,
    trainable: Sequence[Tensor],
    steps: Sequence[Sequence[Lesson]],
    rehearsal: Sequence[Lesson],
    config: TrainingConfig,
    *,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
    deadline: float = math.inf,
    resume: Path | None = None,
    heard: Callable[[Sequence[Lesson], Sequence[float]], None] = lambda lessons, losses: None,
    hearing: Hearing | None = None,
    curvature: Curvature | None = None,
) -> Iterator[Step]:
    """One optimiser step for each of `steps`, and a yield after it.

    Ends early, at a step's end, when `stop()` or past `deadline`, and goes on from the file `resume`: see
    `Optimiser.paced`. `heard` is told what each of a step's lessons cost at its worst token. `hearing` keeps what
    doesn't change. With a `curvature` no text of `rehearsal` is gone through.
    """
    hearing = hearing or Hearing(model)
    deaf = Deaf(config.deaf, torch.Generator().manual_seed(seed))
    texts = _endless(rehearsal, random.Random(seed + 1))
    with closing(Optimiser(model, trainable, config.lr)) as optimiser:
        for pace in optimiser.paced(
            len(steps), warm_up=config.warm_up, stop=stop, deadline=deadline, resume=resume
        ):
            # 1. the lessons, and beside them what must stay as it is
            chosen = steps[pace.number]
            kept = list(itertools.islice(texts, 0 if curvature else config.rehearsal_rows))
            costs, loss, kept_loss = _backward(model, chosen, kept, config, hearing, deaf)
            if curvature is not None:
                kept_loss = curvature.pull(config.curvature_weight)
            heard(chosen, costs)
            # 2. one step
            optimiser.step()
            yield Step(
                done=pace.number + 1,
                total=len(steps),
                loss=loss,
                rehearsal_loss=kept_loss,
                seconds_left=pace.seconds_left(),
            )


def _backward(
    model: LocalModel,
    lessons: Sequence[Lesson],
    kept: Sequence[Lesson],
    config: TrainingConfig,
    hearing: Hearing,
    deaf: Deaf,
) -> tuple[list[float], float, float]:
    """Accumulate the gradient of the mean divergence over the answer tokens of both; return what each lesson cost at
    its worst token, in nats, and the two means.

    A few at a time: what backward needs of them at once is most of a night's memory.
    """
    weights = [x.weight * lead_weights(x.answers, config.lead, config.lead_weight) for x in lessons]
    weights += [torch.ones(x.answers) for x in kept]
    count = len(lessons)
    totals = [float(sum(w.sum() for w in some)) for some in (weights[:count], weights[count:])]
    costs, loss, kept_loss = [0.0] * count, 0.0, 0.0
    for some in chunks(list(enumerate([*lessons, *kept])), TOGETHER):
        heard = hearing.of([x for _, x in some])
        with model.worn() as network:
            logp = said(model, network, heard, hearing.layer, deaf)
            student = logp.split([x.answers for _, x in some])  # each (A, V)
            parts: list[Tensor] = []
            for (i, x), q in zip(some, student, strict=True):
                each = divergence(
                    x.top_logp.to(q), q, x.top_ids.to(q.device), beta=config.beta, clip=config.clip
                )  # (A,)
                cost = (weights[i].to(each) * each).sum()
                if i < count:
                    costs[i] = float(each.detach().max())
                    loss += float(cost.detach()) / totals[0]
                    parts.append(cost / totals[0])
                else:
                    kept_loss += float(cost.detach()) / totals[1]
                    parts.append(config.rehearsal_weight * cost / totals[1])
            torch.stack(parts).sum().backward()
    return costs, loss, kept_loss


def _endless(items: Sequence[Lesson], draw: random.Random) -> Iterator[Any]:
    while items:
        yield from draw.sample(items, len(items))
