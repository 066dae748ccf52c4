"""Likeness: what the sentence embedder finds alike begins to look alike to the language model too.

The families say which questions belong together, but only in their own words. The embedder, which has read far more
questions than this model, says how alike any two are; its softmax over a batch is the teacher of the model's own
(relational distillation: Park et al. 2019, arXiv 1904.05068; Passalis and Tefas 2018, arXiv 1803.10837, equation 7).
The questions are the families' and such as the base itself comes up with, so that far more words occur.
Axes: Q questions, D hidden, E embedding.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agent.local_model import LocalModel
from agent.model import Sampling
from memory.store import Embedder
from sleep.instincts.alignment import AlignmentConfig, drawn, spread
from sleep.instincts.talk import Talk
from sleep.lesson import chunks
from sleep.rehearsal import user_turn

OPENERS = [
    "Who",
    "Whose",
    "Whom did I",
    "What",
    "What's my",
    "What did I",
    "What do I",
    "Which",
    "Which of my",
    "Where",
    "Where do I",
    "Where's my",
    "Where did I",
    "When",
    "When's my",
    "When did I",
    "How",
    "How do I",
    "How much",
    "How many",
    "How long",
    "How often",
    "At what time",
    "In which",
    "On what day",
    "Why",
    "Why did I",
    "Why don't I",
    "Who's my",
    "Do I",
]
LONGEST = 24  # tokens of a question


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessConfig:
    """Whom the embedder compares, and how sharply."""

    own: int = 3000
    """Questions that the base comes up with …"""
    families: int = 6000
    """… and those of the families, about."""
    drawn: int = 16
    """Questions drawn for a batch, each with `near` others out of its `among` nearest."""
    near: int = 2
    among: int = 12
    teacher_temperature: float = 0.05
    temperature: float = 0.1
    weight: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """Questions with the embedder's opinion of them."""

    questions: Sequence[str]
    embeddings: Tensor
    """(Q, E), of length 1."""

    def batches(self, config: LikenessConfig, seed: int) -> Iterator[tuple[list[str], Tensor]]:
        """Without end: some questions among which several are alike, and the cosines of every two."""
        draw = random.Random(seed)
        while True:
            chosen: set[int] = set()
            for first in draw.sample(range(len(self.questions)), config.drawn):
                cosines = self.embeddings @ self.embeddings[first]
                nearest = cosines.topk(min(config.among + 1, len(cosines))).indices.tolist()
                chosen |= {first, *draw.sample(nearest[1:], min(config.near, len(nearest) - 1))}
            order = sorted(chosen)
            some = self.embeddings[order]
            yield [self.questions[i] for i in order], some @ some.T


def likeness(
    model: LocalModel,
    embedder: Embedder,
    talk: Talk,
    config: LikenessConfig,
    seen: Callable[[str], bool] = lambda question: False,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Likeness:
    """Gather the questions and have them embedded."""
    found: dict[str, str] = {}
    begun = user_turn(model)
    openings = [OPENERS[i % len(OPENERS)] for i in range(config.own)]
    prompts = [[*begun, *model.tokenizer(o, add_special_tokens=False).input_ids] for o in openings]
    sampling = Sampling(
        max_tokens=LONGEST, temperature=1.0, top_p=0.95, stop=("?", "\n"), seed=talk.rng.randrange(2**31)
    )  # fmt: skip
    rows = model.decode(
        prompts, sampling, adapter=False, progress=lambda done: progress(done, 2 * len(prompts))
    )
    for opening, row in zip(openings, rows, strict=True):
        said = model.text(row).strip().split("\n")[0].rstrip("?!., ")
        if said.count(" ") > 1:
            question = f"{opening} {said}?"
            found.setdefault(question.lower(), question)
    many = AlignmentConfig()
    while len(found) < config.own + config.families:
        before = len(found)
        for question in drawn(talk, many, seen)[0]:
            found.setdefault(question.lower(), question)
        if len(found) == before:
            break
    questions = [q for q in found.values() if not seen(q)]
    embeddings: list[list[float]] = []
    for some in chunks(questions, 256):
        embeddings += embedder.embed(some)
        progress(len(questions) + len(embeddings), 2 * len(questions))
    return Likeness(questions, torch.nn.functional.normalize(torch.tensor(embeddings), dim=-1))


def imitate_likeness(
    model: LocalModel,
    questions: Sequence[str],
    cosines: Tensor,
    config: LikenessConfig,
    alignment: AlignmentConfig,
) -> float:
    """Accumulate the gradient of one batch's loss; returns the loss, in nats."""
    itself = torch.eye(len(questions), dtype=torch.bool, device=model.device)
    teacher = cosines.to(model.device) / config.teacher_temperature
    p = teacher.masked_fill(itself, -torch.inf).softmax(1)
    log_p = p.clamp_min(1e-9).log()
    losses = []
    with spread(model, questions, alignment) as layers:
        for z in layers:
            log_q = (z @ z.T / config.temperature).masked_fill(itself, -1e9).log_softmax(1)
            losses.append((p * (log_p - log_q)).sum(1).mean())
        loss = torch.stack(losses).mean()
        (config.weight * loss).backward()
    return float(loss.detach())
