"""What each step of training learns from, made by processes beside it where there are cores to spare.

A step's exercises follow from the seed and its number alone, so a run that was stopped goes on with the same ones.
Axes: N answer tokens of the exercises, N' of the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from agent.encoding import Encoder
from agent.scoring import Batch, batch
from sleep.instincts.alignment import ROW, AlignmentConfig, Asked, asked, drawn
from sleep.instincts.examples import Example, scenes
from sleep.instincts.talk import Talk
from sleep.lesson import Lesson, lead_weights


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """One step: exercises, questions to align, and texts of the base."""

    said: Batch  # the exercises, and after them the texts
    weights: Tensor  # (N,)
    top_ids: Tensor  # (N', K)
    top_logp: Tensor  # (N', K)
    asked: Asked


def apart(every: Iterator[list[Example]], seen: Callable[[str], bool]) -> Iterator[list[Example]]:
    """The exercises without a question or a statement that may not be used: people do ask alike."""
    for scene in every:
        kept = []
        for example in scene:
            said = [*example.turns[-1].content.splitlines(), *example.reply.splitlines()]
            if not any(map(seen, said)):
                kept.append(example)
        if kept:
            yield kept


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig:
    """How much of what makes a step."""

    seed: int = 0
    scenes: int = 2
    """Scenes a step, about ten exercises."""
    texts: int = 2
    """Texts of the base a step."""
    lead: int = 6
    """Tokens at the beginning of a reply, where it is decided what is told …"""
    lead_weight: float = 3.0
    """… and their weight."""
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)


class Feed(torch.utils.data.Dataset[Portion]):
    """The portions by number. `seen` tells which questions and statements may not be used."""

    def __init__(
        self,
        tokenizer: Any,
        texts: Sequence[Lesson],
        config: FeedConfig,
        near: Mapping[str, Sequence[str]],
        seen: Callable[[str], bool],
    ) -> None:
        self.encoder = Encoder(tokenizer)
        self.texts = texts
        self.config = config
        self.near = near
        self.seen = seen

    def __getitem__(self, number: int) -> Portion:
        config = self.config
        talk = Talk(config.seed * 1_000_003 + number, near=self.near)
        # 1. exercises
        drawn_scenes = apart(scenes(talk), self.seen)
        exercises = [e for _ in range(config.scenes) for e in next(drawn_scenes)]
        pairs = [
            (self.encoder.encode(e.turns), self.encoder.encode_reply(e.reply)) for e in exercises
        ]
        weights = torch.cat(
            [lead_weights(len(reply), config.lead, config.lead_weight) for _, reply in pairs]
        )
        # 2. questions
        questions, about = drawn(talk, config.alignment, self.seen)
        # 3. texts
        kept = talk.rng.sample(self.texts, min(config.texts, len(self.texts)))
        items = [((*p, *r), len(p)) for p, r in pairs] + [(x.ids, x.start) for x in kept]
        return Portion(
            batch(items, self.encoder.end_id, "cpu", row=ROW),
            weights,
            torch.cat([x.top_ids for x in kept]),
            torch.cat([x.top_logp for x in kept]),
            asked(self.encoder, questions, about),
        )
