"""Learning to imitate: reinforcement learning on the student's own completions of its teacher's dreams.

After distillation the student has the knowledge but has not learnt to use it (Sleep, arXiv 2606.03979, stage 1). For
each dream the teacher's reply is cut at a random prefix; the student completes it several times; a completion earns
    r = γ · r_sem + (1 − γ) · (1 − edit distance / longer length),
r_sem being 1 when it says what the dream says (`words.agrees`, deterministic). Advantages are normalised within the
group, and the divergence from the teacher anchors the step. Reverse-mode through sampling is never needed.
"""

from __future__ import annotations

import difflib
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agent.local_model import LocalModel
from agent.model import Sampling
from agent.speech import hear
from agent.telling import abstains
from memory.episode import MemoryId
from sleep.lesson import Lesson, said
from sleep.loss import divergence
from sleep.teaching import Rehearsed
from sleep.words import agrees


@dataclass(frozen=True, slots=True, kw_only=True)
class ImitationConfig:
    """A bounded budget: on two cores a round is a few seconds."""

    rounds: int = 3
    dreams: int = 6
    """Dreams a round."""
    group: int = 4
    """Completions a dream."""
    temperature: float = 0.9
    lr: float = 5e-5
    gamma: float = 0.7
    """Share of the semantic reward; the rest is closeness of wording."""
    alpha: float = 0.5
    """Share of the anchor (divergence from the teacher) in the objective."""


def reward(completion: str, dream: Rehearsed, memory: str, gamma: float) -> float:
    """γ · same meaning + (1 − γ) · similarity of wording, in [0, 1]."""
    wanted = dream.dream.reply
    asked = dream.dream.cue
    same = abstains(completion) if abstains(wanted) else agrees(completion, asked, wanted, memory)
    wording = difflib.SequenceMatcher(None, completion, wanted, autojunk=False).ratio()
    return gamma * same + (1.0 - gamma) * wording


def imitate(
    model: LocalModel,
    trainable: Sequence[Tensor],
    dreams: Sequence[Rehearsed],
    told: Mapping[MemoryId, Sequence[str]],
    config: ImitationConfig,
    *,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
    deadline: float = math.inf,
) -> Iterator[float]:
    """Yield the mean reward of each round's completions. Ends early at `stop()` or past `deadline` (monotonic)."""
    draw = random.Random(seed)
    used = [r for r in dreams if r.dream.used]
    optimiser = torch.optim.AdamW(list(trainable), lr=config.lr, weight_decay=0.0)
    for number in range(config.rounds if used else 0):
        if stop() or time.monotonic() >= deadline:
            return
        # 1. cut each dream at a random prefix and let the student go on
        chosen = draw.sample(used, min(config.dreams, len(used)))
        cuts = [
            draw.randint(r.lesson.start, max(r.lesson.start, len(r.lesson.ids) - 3)) for r in chosen
        ]
        prompts = [
            list(r.lesson.ids[:c])
            for r, c in zip(chosen, cuts, strict=True)
            for _ in range(config.group)
        ]
        sampling = Sampling(
            max_tokens=24, temperature=config.temperature, seed=seed * 1000 + number
        )
        starts = [r.lesson.start for r in chosen for _ in range(config.group)]
        begun = [len(p) - start for p, start in zip(prompts, starts, strict=True)]
        rows = model.decode(prompts, sampling, begun=begun)
        # 2. reward, normalised within each dream's group
        rewards = torch.tensor(
            [
                reward(
                    model.text([*prompts[i][r.lesson.start :], *rows[i]]),
                    r, " ".join(t for m in r.dream.memories for t in told[m]), config.gamma,
                )
                for g, r in enumerate(chosen)
                for i in range(g * config.group, (g + 1) * config.group)
            ]
        ).view(-1, config.group)  # (dreams, group) # fmt: skip
        spread = rewards.std(dim=1, keepdim=True)
        advantages = ((rewards - rewards.mean(dim=1, keepdim=True)) / (spread + 1e-4)).flatten()
        yield float(rewards.mean())
        # 3. one step: (1 − α) · policy gradient + α · divergence from the teacher
        informative = [i for i, a in enumerate(advantages.tolist()) if abs(a) > 1e-3 and rows[i]]
        if informative:
            items = [
                ([*prompts[i], *rows[i], model.end_id], starts[i], begun[i]) for i in informative
            ]
            _policy_gradient(model, items, advantages[informative], 1.0 - config.alpha)
        _anchor(model, [r.lesson for r in chosen], config.alpha)
        torch.nn.utils.clip_grad_norm_(list(trainable), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def _policy_gradient(
    model: LocalModel, items: Sequence[tuple[list[int], int, int]], advantages: Tensor, scale: float
) -> None:
    """Of (ids, where the reply starts, how many of its tokens were given)."""
    targets = torch.tensor([t for ids, start, _ in items for t in ids[start:]], device=model.device)
    with model.worn() as network:
        logp = said(model, network, hear(model, network, [(ids, start) for ids, start, _ in items]))
        own = logp.gather(1, targets.unsqueeze(1)).squeeze(1)  # (N,)
        replies = own.split([len(ids) - start for ids, start, _ in items])
        each = torch.stack(
            [x[given:].mean() for x, (*_, given) in zip(replies, items, strict=True)]
        )
        (-(each * advantages.to(each)).mean() * scale).backward()


def _anchor(model: LocalModel, lessons: Sequence[Lesson], scale: float) -> None:
    with model.worn() as network:
        logp = said(model, network, hear(model, network, [(x.ids, x.start) for x in lessons]))
        parts = [
            divergence(x.top_logp.to(q), q, x.top_ids.to(q.device))
            for x, q in zip(lessons, logp.split([x.answers for x in lessons]), strict=True)
        ]
        (torch.cat(parts).mean() * scale).backward()
