"""Doubt: whether what came to mind, or was looked up, answers the question at all, or is only nearest to it.

The model itself is asked, with its night's adapter off, for two of its instincts know. The reader says that it wasn't
told where what it reads has no answer. And the dreamer dreams up questions that a statement answers, and others close
by that it doesn't: as which of them would this question be dreamt? Language models mostly know what they know (Kadavath
et al. 2022, arXiv 2207.05221); here nothing is trained for it, the likelihoods are at hand.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent import prompt
from agent.model import LanguageModel
from memory.episode import DreamKind

ADMITS = "You haven't told me"  # how the reader's abstaining begins
ANSWERED = (DreamKind.FACT, DreamKind.REVERSE, DreamKind.INDIRECT)
LEAST = 0.5
"""Nats below which it is doubted: 2 % of what families held out from the instincts ask about what was told, half of
what they ask about what wasn't (LAB)."""


def doubts(
    model: LanguageModel, questions: Sequence[str], views: Sequence[Sequence[str]]
) -> list[bool]:
    """Whether the statements in view of each question seem not to answer it; a model without instincts never doubts."""
    if not model.has_instincts:
        return [False] * len(questions)
    return [nats < LEAST for nats in certainty(model, questions, views)]


def certainty(
    model: LanguageModel, questions: Sequence[str], views: Sequence[Sequence[str]]
) -> list[float]:
    """How sure it is, in nats, that the statements in view of each question, at least one, answer it.

    −log P(the reader abstains) + log P(question | the likeliest kind it would answer) − log P(question | `NEVER`).
    """
    asked = [
        pair
        for question, view in zip(questions, views, strict=True)
        for pair in (
            (prompt.reading(question, view), ADMITS),
            *((prompt.dreaming(view, kind), f"{question}\n") for kind in ANSWERED),
            (prompt.dreaming(view, DreamKind.NEVER), f"{question}\n"),
        )
    ]
    logp = model.log_likelihood(*zip(*asked, strict=True)) if asked else []
    each = len(ANSWERED) + 2
    return [
        max(kinds) - never - abstaining
        for abstaining, *kinds, never in (logp[i : i + each] for i in range(0, len(logp), each))
    ]
