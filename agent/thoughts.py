"""What comes to mind: the likeliest beginnings of a reply, each gone on with greedily.

Axes: n rows at work, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from agent import engine
from agent.decoding import bare_inside, merged

if TYPE_CHECKING:
    from agent.local_model import LocalModel

FIRST, SECOND = 4, 3  # first tokens that are tried, and second ones after each
THOUGHTS = 5  # of these beginnings, the likeliest, are gone on with; more find no more (LAB)
ROWS = 64  # gone on with at once: keys and values of more would be half a gigabyte


class Begun(NamedTuple):
    """Which prompt, the first tokens of a reply to it, and their log-probability."""

    prompt: int
    reply: list[int]
    logp: float


class Said(NamedTuple):
    """A reply without its end, its mean log-probability a token, in nats, and whether it came to its end."""

    reply: list[int]
    logp: float
    ended: bool


def come_to_mind(
    model: LocalModel, prompts: Sequence[Sequence[int]], most: int
) -> list[list[Said]]:
    """For each prompt's ids up to `THOUGHTS` replies of at most `most` tokens, at least one."""
    with model.worn() as network, merged(network, len(prompts)) as kept, torch.inference_mode():

        def run(
            begun: Sequence[Begun], most: int, choose: engine.Choice
        ) -> Iterator[tuple[int, int]]:
            return engine.generate(
                bare_inside(network), [[*prompts[b.prompt], *b.reply] for b in begun], choose,
                most=most, end=model.end_id, listening=lambda: model.listening(network, kept),
                begun=[len(b.reply) for b in begun], rows=ROWS,
            )  # fmt: skip

        def onwards(begun: Sequence[Begun], count: int) -> list[Begun]:
            """Each with its likeliest next tokens, but not with the reply's end."""
            after: dict[int, tuple[list[int], list[float]]] = {}

            def choose(logits: Tensor, who: Sequence[int]) -> Tensor:
                top = logits.log_softmax(-1).topk(count + 1)
                for i, ids, logp in zip(
                    who, top.indices.tolist(), top.values.tolist(), strict=True
                ):
                    after[i] = ids, logp
                return top.indices[:, 0]

            for _ in run(begun, 1, choose):
                pass
            return [
                Begun(b.prompt, [*b.reply, token], b.logp + logp)
                for at, b in enumerate(begun)
                for token, logp in _without(model.end_id, *after[at])[:count]
            ]

        every = onwards(onwards([Begun(i, [], 0.0) for i in range(len(prompts))], FIRST), SECOND)
        chosen: list[Begun] = []
        for i in range(len(prompts)):
            mine = sorted((b for b in every if b.prompt == i), key=lambda b: -b.logp)
            chosen += mine[:THOUGHTS]
        replies, totals = [list(b.reply) for b in chosen], [b.logp for b in chosen]
        ended = [False] * len(chosen)
        last: dict[int, float] = {}

        def greedily(logits: Tensor, who: Sequence[int]) -> Tensor:
            best = logits.log_softmax(-1).max(-1)
            last.update(zip(who, best.values.tolist(), strict=True))
            return best.indices

        for at, token in run(chosen, max(1, most - 2), greedily):
            ended[at] = token == model.end_id
            if not ended[at]:
                replies[at].append(token)
                totals[at] += last[at]
    out: list[list[Said]] = [[] for _ in prompts]
    for b, reply, total, whole in zip(chosen, replies, totals, ended, strict=True):
        out[b.prompt].append(Said(reply, total / len(reply), whole))
    return out


def _without(end: int, tokens: Sequence[int], logp: Sequence[float]) -> list[tuple[int, float]]:
    return [pair for pair in zip(tokens, logp, strict=True) if pair[0] != end]
