"""Lessons: tokenised training items with the teacher's top-k log-probabilities on the answer tokens.

Axes: N answer tokens of a batch, K kept log-probabilities, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from agent.packing import EVEN
from agent.scoring import Batch
from agent.speech import Deaf, Heard, say

TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """`ids` is prompt + answer, which begins at `start`; the tops are what the teacher thinks of each answer token."""

    ids: tuple[int, ...]
    start: int
    top_ids: Tensor  # (A, K) int
    top_logp: Tensor  # (A, K) natural log; the rest of the mass is the tail bucket
    weight: float = 1.0

    @property
    def answers(self) -> int:
        return len(self.ids) - self.start

    def parted(self, most: int | None = None) -> tuple[list[int], list[int]]:
        """(prompt, answer), of the answer at most the first `most` tokens."""
        return list(self.ids[: self.start]), list(self.ids[self.start :][:most])


def hard(prompt: Sequence[int], answer: Sequence[int], weight: float = 1.0) -> Lesson:
    """A lesson whose teacher is certain: the KL divergence becomes plain cross-entropy."""
    ids = torch.tensor(answer).unsqueeze(1)  # (A, 1)
    return Lesson((*prompt, *answer), len(prompt), ids, torch.zeros(ids.shape), weight)


def surer(lesson: Lesson, own: Tensor, share: float) -> Lesson:
    """The lesson with `share` of the teacher's mass moved to the answer itself, which has passed every filter.

    A small teacher that would rather abstain spoils the first token of a true answer. `own` (A,) is its log-probability
    of each answer token.
    """
    target = torch.tensor(lesson.ids[lesson.start :]).unsqueeze(1)  # (A, 1)
    ids, p = lesson.top_ids.clone(), lesson.top_logp.exp()  # (A, K)
    absent = ~(ids == target).any(1)
    ids[absent, -1] = target[absent, 0].to(ids.dtype)
    p[absent, -1] = own[absent].exp().to(p)
    mixed = (1.0 - share) * p + share * (ids == target)
    return replace(lesson, top_ids=ids, top_logp=mixed.clamp_min(TINY).log())


def beginning(lesson: Lesson, tokens: int) -> Lesson:
    """The lesson without what follows the first tokens of its answer."""
    return replace(
        lesson,
        ids=lesson.ids[: lesson.start + tokens],
        top_ids=lesson.top_ids[:tokens],
        top_logp=lesson.top_logp[:tokens],
    )


def lead_weights(answers: int, lead: int, weight: float) -> Tensor:
    """Weights (A,) of an answer's tokens: the first `lead` weigh so much, the rest one."""
    weights = torch.ones(answers)
    weights[:lead] = weight
    return weights


def answer_logits(model: Any, network: Any, b: Batch, *begun: Any) -> Tensor:
    """Logits (N, V) for the answer tokens of a batch, and for no others.

    `begun` are the states before a layer, and that layer, where they are known.
    """
    count = len(b.targets)
    at = torch.arange(count + -count % EVEN, device=b.rows.device).clamp_max(count - 1)
    hidden = model.hidden(network, b.packed, *begun)[
        b.rows[at], b.cols[at]
    ]  # (N and a few more, D)
    logits: Tensor = model.logits(network, hidden)[:count]
    return logits


def said(
    model: Any, network: Any, some: Sequence[Heard], layer: int = 0, deaf: Deaf | None = None
) -> Tensor:
    """Log-probabilities (N, V) for the answer tokens of what was heard up to `layer`."""
    return torch.log_softmax(model.logits(network, say(model, network, some, layer, deaf)), dim=-1)
