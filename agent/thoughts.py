"""What comes to mind: the likeliest beginnings of a reply, each gone on with greedily.

Axes: n rows at work, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from agent import engine
from agent.decoding import bare_inside, merged

if TYPE_CHECKING:
    from agent.local_model import LocalModel

FIRST, SECOND = 4, 3  # first tokens that are tried, and second ones after each
THOUGHTS = 5  # of these beginnings, the likeliest, are gone on with; more find no more (LAB)
ROWS = 64  # gone on with at once: keys and values of more would be half a gigabyte


def come_to_mind(
    model: LocalModel, prompts: Sequence[Sequence[int]], most: int
) -> list[list[tuple[list[int], float]]]:
    """For each prompt's ids up to `THOUGHTS` replies of at most `most` tokens, at least one, and their mean
    log-probability a token, in nats.
    """
    with model.worn() as network, merged(network, len(prompts)) as kept, torch.inference_mode():

        def run(
            begun: Sequence[Begun], most: int, choose: engine.Choice
        ) -> Iterator[tuple[int, int]]:
            return engine.generate(
                bare_inside(network), [[*prompts[i], *given] for i, given, _ in begun], choose,
                most=most, end=model.end_id, listening=lambda: model.listening(network, kept),
                begun=[len(given) for _, given, _ in begun], rows=ROWS,
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
                (i, [*given, token], logp + more)
                for at, (i, given, logp) in enumerate(begun)
                for token, more in [
                    (t, m) for t, m in zip(*after[at], strict=True) if t != model.end_id
                ][:count]
            ]

        every = onwards(onwards([(i, [], 0.0) for i in range(len(prompts))], FIRST), SECOND)
        chosen: list[Begun] = []
        for i in range(len(prompts)):
            mine = sorted((b for b in every if b[0] == i), key=lambda b: -b[2])
            chosen += mine[:THOUGHTS]
        replies, totals = [list(given) for _, given, _ in chosen], [logp for *_, logp in chosen]
        last: dict[int, float] = {}

        def greedily(logits: Tensor, who: Sequence[int]) -> Tensor:
            best = logits.log_softmax(-1).max(-1)
            last.update(zip(who, best.values.tolist(), strict=True))
            return best.indices

        for at, token in run(chosen, max(1, most - 2), greedily):
            if token != model.end_id:
                replies[at].append(token)
                totals[at] += last[at]
    out: list[list[tuple[list[int], float]]] = [[] for _ in prompts]
    for (i, *_), reply, total in zip(chosen, replies, totals, strict=True):
        out[i].append((reply, total / len(reply)))
    return out


Begun = tuple[int, list[int], float]
"""Which prompt, the first tokens of a reply, and their log-probability."""
