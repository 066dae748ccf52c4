"""Alignment: however a thing is asked for, the reply begins from nearly the same state.

A night teaches some ways of asking; a person finds others. What the student learnt for the first carries over to the
second as far as both look alike to it, so the instincts are trained for that: of a batch of made-up questions, those
about the same memory are drawn together, and all others apart (supervised contrastive loss, Khosla et al. 2020,
arXiv 2004.11362, equation 2), in several layers, at the token from which the reply begins. What a memory leaves open is
asked in nearly its own words; such questions are apart from everything, so that a night can teach to say so.
Axes: Q questions, D hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agent import prompt
from agent.encoding import Encoder
from agent.local_model import LocalModel
from agent.packing import Packed, pack
from sleep.instincts.talk import WHOLE, Talk, Told

ROW = 512  # tokens of a packed row


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentConfig:
    """What a step draws together."""

    memories: int = 24
    """Memories a batch; a sibling of some is a memory of its own, told apart by its values alone."""
    questions: int = 3
    """Ways of asking for each."""
    siblings: float = 0.25
    """Share of the memories that have one."""
    never: float = 0.5
    """Share of the memories beside which stands a question that they don't answer."""
    temperature: float = 0.1
    weight: float = 0.5
    depths: tuple[float, ...] = (0.4, 0.6, 0.8, 0.93)
    """Layers that are aligned, as shares of the network's depth."""


def drawn(
    talk: Talk, config: AlignmentConfig, seen: Callable[[str], bool] = lambda question: False
) -> tuple[list[str], list[int]]:
    """Questions, and which memory each is about. `seen` tells which may not be used."""
    rng = talk.rng
    told: list[Told] = []
    for one in talk.tell(config.memories):
        pair = talk.sibling(one) if rng.random() < config.siblings else None
        told += pair or (one,)
    questions: list[str] = []
    about: list[int] = []
    for number, memory in enumerate(told):
        blocks = [a for a in memory.asks() if a.kind in WHOLE]
        tries = 2 * config.questions if blocks else 0
        asked = (talk.question(talk.weighed(blocks), memory)[0] for _ in range(tries))
        mine = list({q.lower(): q for q in asked if not seen(q)}.values())[: config.questions]
        questions += mine
        about += [number] * len(mine)
        if memory.family.never and rng.random() < config.never:
            left_open = talk.question(rng.choice(memory.family.never), memory)[0]
            if not seen(left_open):
                questions.append(left_open)
                about.append(len(told) + number)
    return questions, about


def contrast(states: Tensor, about: Tensor, temperature: float) -> Tensor:
    """The supervised contrastive loss of states (Q, D), in nats; `about` (Q,) says which belong together.

    What all states have in common, and how much each dimension varies, is taken out first: a language model's states
    are nearly parallel otherwise.
    """
    centred = (states - states.mean(0).detach()) / (states.std(0).detach() + 1e-4)
    z = torch.nn.functional.normalize(centred, dim=-1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    same = (about[:, None] == about[None]) & ~itself  # (Q, Q)
    logp = (z @ z.T / temperature).masked_fill(itself, -torch.inf).log_softmax(1)
    each = -logp.masked_fill(~same, 0.0).sum(1) / same.sum(1).clamp_min(1)  # (Q,)
    return each[same.any(1)].mean()


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A batch of questions as prompts, the token of each from which its reply begins, and what each is about."""

    packed: Packed
    rows: Tensor  # (Q,) with `cols`
    cols: Tensor  # (Q,)
    about: Tensor  # (Q,)

    def to(self, device: Any) -> Asked:
        return Asked(
            self.packed.to(device),
            self.rows.to(device),
            self.cols.to(device),
            self.about.to(device),
        )


def asked(encoder: Encoder, questions: Sequence[str], about: Sequence[int]) -> Asked:
    """Questions tokenised and packed, on the processor."""
    packed = pack(
        [encoder.encode(prompt.chat(q)) for q in questions], encoder.end_id, "cpu", row=ROW
    )
    last = [(row, path[-1]) for row, path in packed.paths]
    rows, cols = torch.tensor(last).unbind(1)
    return Asked(packed, rows, cols, torch.tensor(about))


def align(model: LocalModel, batch: Asked, config: AlignmentConfig) -> float:
    """Accumulate the gradient of one batch's loss; returns the loss, in nats."""
    batch = batch.to(model.device)
    with model.worn() as network:
        layers = model.states(network, batch.packed)
        chosen = {round(depth * (len(layers) - 1)) for depth in config.depths}
        states = (layers[i][batch.rows, batch.cols].float() for i in chosen)
        each = [contrast(x, batch.about, config.temperature) for x in states]
        loss = torch.stack(each).mean()
        (config.weight * loss).backward()
    return float(loss.detach())
