"""By heart: what comes to mind, and which of it answers the question.

A network that has learnt many things says the one whose beginning is likeliest, which isn't always the one that was
asked for. So its likeliest beginnings are gone on with, greedily, and of the replies that come of them that one is said
which is likely and near to the question, as the sentence embedder has it: a verifier over a model's own candidates
(Cobbe et al. 2021, arXiv 2110.14168). Nothing is looked up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.model import LanguageModel, Sampling, Thought
from agent.telling import abstains
from memory.episode import Turn

NEARNESS = 2.0  # what a cosine of 1 to the question is worth, in nats a token of the reply
ABSTAINING = 0.2  # the cosine of a reply that admits to know nothing: it repeats the question

Likeness = Callable[[str, Sequence[str]], list[float]]
"""Cosines of a question with texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHeart:
    """A reply, its cosine to the question, and whether it came to its end."""

    text: str
    likeness: float
    ended: bool


def by_heart(
    model: LanguageModel,
    questions: Sequence[str],
    prompts: Sequence[Sequence[Turn]],
    likeness: Likeness,
    sampling: Sampling,
) -> list[ByHeart]:
    """What the night's adapter knows about each question; `prompts` ask them, with nothing in view."""
    return [
        _nearest(question, thoughts, likeness)
        for question, thoughts in zip(questions, model.thoughts(prompts, sampling), strict=True)
    ]


def _nearest(question: str, thoughts: Sequence[Thought], likeness: Likeness) -> ByHeart:
    near = likeness(question, [t.text for t in thoughts])
    near = [ABSTAINING if abstains(t.text) else n for t, n in zip(thoughts, near, strict=True)]
    best = max(range(len(near)), key=lambda i: thoughts[i].logp + NEARNESS * near[i])
    chosen = thoughts[best]
    return ByHeart(text=chosen.text, likeness=near[best], ended=chosen.ended)
