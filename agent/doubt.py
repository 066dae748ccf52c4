"""Doubt: whether what came to mind answers the question at all, or is only what is known nearest to it.

The model itself is asked, with its night's adapter off, for two of its instincts know. The reader says that it wasn't
told where what it reads has no answer. And the dreamer dreams up questions that a statement answers, and others close
by that it doesn't: as which of them would this question be dreamt? Language models mostly know what they know (Kadavath
et al. 2022, arXiv 2207.05221); here nothing is trained for it, the likelihoods are at hand.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent import prompt
from agent.model import LanguageModel
from agent.telling import abstains
from memory.episode import DreamKind

ADMITS = "You haven't told me"  # how the reader's abstaining begins
ANSWERED = (DreamKind.FACT, DreamKind.REVERSE, DreamKind.INDIRECT)
LEAST = 0.5
"""Nats below which a reply is doubted: 2 % of what families held out from the instincts ask about what was told, half
of what they ask about what wasn't (LAB)."""


def doubts(model: LanguageModel, questions: Sequence[str], replies: Sequence[str]) -> list[bool]:
    """Whether each reply seems to be no answer to its question. One that abstains, or is empty, isn't doubted.

    A model without instincts never doubts: it has none to do so by.
    """
    told = [bool(r.strip()) and not abstains(r) and model.has_instincts for r in replies]
    pairs = [p for p, t in zip(zip(questions, replies, strict=True), told, strict=True) if t]
    sure = iter(certainty(model, [q for q, _ in pairs], [r for _, r in pairs]))
    return [t and next(sure) < LEAST for t in told]


def certainty(
    model: LanguageModel, questions: Sequence[str], replies: Sequence[str]
) -> list[float]:
    """How sure it is, in nats, that each reply answers its question.

    −log P(the reader abstains) + log P(question | the likeliest kind it would answer) − log P(question | `NEVER`).
    """
    asked = [
        pair
        for question, reply in zip(questions, replies, strict=True)
        for pair in (
            (prompt.reading(question, [reply]), ADMITS),
            *((prompt.dreaming([reply], kind), f"{question}\n") for kind in ANSWERED),
            (prompt.dreaming([reply], DreamKind.NEVER), f"{question}\n"),
        )
    ]
    logp = model.log_likelihood(*zip(*asked, strict=True)) if asked else []
    each = len(ANSWERED) + 2
    return [
        max(kinds) - never - abstaining
        for abstaining, *kinds, never in (logp[i : i + each] for i in range(0, len(logp), each))
    ]
