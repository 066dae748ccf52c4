"""One flat training loop over lessons, for the instincts and for every night. No trainer class, no callbacks.

Only the LoRA factors named in `trainable` move; the base stays frozen, so a step costs two thirds of a full one.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agent.local_model import LocalModel
from memory.paths import write_atomic
from sleep.bottom import Bottom
from sleep.lesson import Batch, Lesson, answer_logp, batch, chunks
from sleep.loss import divergence

SAVE_SECONDS = 120.0
TOGETHER = 9  # lessons and texts that go through the network at once


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How the student learns."""

    lr: float = 1.4e-3
    """Peak learning rate; LoRA wants about ten times that of full training (LoRA Without Regret)."""
    rows: int = 8
    """Lessons a step."""
    rehearsal_rows: int = 1
    """Rehearsal texts in every step."""
    rehearsal_weight: float = 6.0
    """Weight of their divergence beside the lessons'."""
    passes: float = 2.5
    """Lessons seen, as a multiple of those there are: each once, then the less known ones again …"""
    least_steps: int = 72
    """… or more, after a day on which little was said: below this a name is not learnt, only hinted at."""
    lead: int = 6
    """Tokens at the beginning of an answer, where it is decided which memory is told …"""
    lead_weight: float = 2.0
    """… and their weight: the rest is recited, and would drown them in the mean."""
    warm_up: float = 0.05
    """Share of steps with rising learning rate."""
    beta: float = 0.0
    """0 forward KL, 1 reverse KL, between: Jensen–Shannon."""
    clip: float = 10.0
    """Largest divergence of one token, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did."""

    done: int
    total: int
    loss: float
    rehearsal_loss: float
    seconds_left: float


def train(
    model: LocalModel,
    trainable: Sequence[Tensor],
    steps: Sequence[Sequence[Lesson]],
    rehearsal: Sequence[Lesson],
    config: TrainingConfig,
    *,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
    deadline: float = math.inf,
    resume: Path | None = None,
    beside: Callable[[], None] = lambda: None,
    heard: Callable[[Sequence[Lesson], Sequence[float]], None] = lambda lessons, losses: None,
    below: Bottom | None = None,
) -> Iterator[Step]:
    """One optimiser step for each of `steps`, and a yield after it.

    Ends early, at a step's end, when `stop()` or past `deadline` (monotonic). The learning rate falls linearly to zero
    over the planned steps; when the deadline is nearer than the planned end, it falls with the time instead, so that an
    early end still ends on a small step. `resume` names a safetensors file in which the run is kept every two minutes,
    and from which it goes on. `beside` may add the gradient of another loss to every step; `heard` is told what each of
    a step's lessons cost at its worst token. `below` has the layers in which nothing moves.
    """
    texts = _endless(rehearsal, random.Random(seed + 1))
    with _masters(model, trainable) as masters:
        yield from _steps(
            model,
            trainable,
            masters,
            steps,
            texts,
            config,
            stop=stop,
            deadline=deadline,
            resume=resume,
            beside=beside,
            heard=heard,
            below=below,
        )


def _steps(
    model: LocalModel,
    trainable: Sequence[Tensor],
    masters: Sequence[Tensor],
    steps: Sequence[Sequence[Lesson]],
    texts: Iterator[Lesson],
    config: TrainingConfig,
    *,
    stop: Callable[[], bool],
    deadline: float,
    resume: Path | None,
    beside: Callable[[], None],
    heard: Callable[[Sequence[Lesson], Sequence[float]], None],
    below: Bottom | None,
) -> Iterator[Step]:
    optimiser = torch.optim.AdamW(masters, lr=config.lr, betas=(0.9, 0.99), weight_decay=0.0)
    first = _load(resume, masters, optimiser) if resume else 0
    _follow(trainable, masters)
    began = saved = time.monotonic()
    for step in range(first, len(steps)):
        chosen = steps[step]
        now = time.monotonic()
        if resume and now - saved > SAVE_SECONDS:
            _save(resume, masters, optimiser, step)
            saved = now
        if stop() or now >= deadline:
            if resume:
                _save(resume, masters, optimiser, step)
            return
        # 1. learning rate: warm up, then fall linearly with steps or with time, whichever is further
        through = max(step / len(steps), (now - began) / (deadline - began))
        rising = (step + 1) / max(1.0, config.warm_up * len(steps))
        for group in optimiser.param_groups:
            group["lr"] = config.lr * min(1.0, rising) * (1.0 - through)
        # 2. the lessons, and beside them what must stay as it is
        kept = list(itertools.islice(texts, config.rehearsal_rows))
        costs, loss, kept_loss = _backward(model, chosen, kept, config, below)
        heard(chosen, costs)
        beside()
        # 3. one step
        _hand_over(trainable, masters)
        torch.nn.utils.clip_grad_norm_(masters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        _follow(trainable, masters)
        spent = time.monotonic() - began
        left = spent / (step + 1 - first) * (len(steps) - step - 1)
        yield Step(
            done=step + 1,
            total=len(steps),
            loss=loss,
            rehearsal_loss=kept_loss,
            seconds_left=min(left, deadline - time.monotonic()),
        )


@contextmanager
def _masters(model: LocalModel, trainable: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors that the optimiser moves, in float32: the factors themselves, or masters of factors in bfloat16.

    Where the network computes in bfloat16 its factors do too, and at the end they are in float32 again: a step is often
    smaller than bfloat16 can tell.
    """
    rough = next(model.network.parameters()).dtype is torch.bfloat16
    masters = [p.detach().float().clone() for p in trainable] if rough else list(trainable)
    for p in trainable if rough else ():
        p.data = p.data.to(torch.bfloat16)
    try:
        yield masters
    finally:
        for p, master in zip(trainable, masters, strict=True):
            p.data = master.data


def _follow(trainable: Sequence[Tensor], masters: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for p, master in zip(trainable, masters, strict=True):
            if p is not master:
                p.copy_(master)


def _hand_over(trainable: Sequence[Tensor], masters: Sequence[Tensor]) -> None:
    """Gradients go to the masters."""
    for p, master in zip(trainable, masters, strict=True):
        if p is not master and p.grad is not None:
            master.grad, p.grad = p.grad.to(master), None


def _backward(
    model: LocalModel,
    lessons: Sequence[Lesson],
    kept: Sequence[Lesson],
    config: TrainingConfig,
    below: Bottom | None = None,
) -> tuple[list[float], float, float]:
    """Accumulate the gradient of the mean divergence over the answer tokens of both; return what each lesson cost at
    its worst token, in nats, and the two means.

    A few at a time: what backward needs of them at once is most of a night's memory.
    """
    weights = [x.weight * _weights(x.answers, config) for x in lessons]
    weights += [torch.ones(x.answers) for x in kept]
    count = len(lessons)
    totals = [float(sum(w.sum() for w in some)) for some in (weights[:count], weights[count:])]
    costs, loss, kept_loss = [0.0] * count, 0.0, 0.0
    for some in chunks(list(enumerate([*lessons, *kept])), TOGETHER):
        b: Batch = batch([(x.ids, x.start) for _, x in some], model.end_id, model.device)
        begun = (below.states([x for _, x in some], b.packed), below.layer) if below else ()
        with model.worn() as network:
            student = answer_logp(model, network, b, *begun).split(b.lengths)  # each (A, V)
            parts: list[Tensor] = []
            for (i, x), q in zip(some, student, strict=True):
                each = divergence(
                    x.top_logp.to(q), q, x.top_ids.to(q.device), beta=config.beta, clip=config.clip
                )  # (A,)
                cost = (weights[i].to(each) * each).sum()
                if i < count:
                    costs[i] = float(each.detach().max())
                    loss += float(cost.detach()) / totals[0]
                    parts.append(cost / totals[0])
                else:
                    kept_loss += float(cost.detach()) / totals[1]
                    parts.append(config.rehearsal_weight * cost / totals[1])
            torch.stack(parts).sum().backward()
    return costs, loss, kept_loss


def _weights(answers: int, config: TrainingConfig) -> Tensor:
    """Weight of each answer token (A,)."""
    weights = torch.ones(answers)
    weights[: config.lead] = config.lead_weight
    return weights


def _save(
    file: Path, trainable: Sequence[Tensor], optimiser: torch.optim.Optimizer, step: int
) -> None:
    from safetensors.torch import save

    tensors = {"step": torch.tensor(step)}
    for i, p in enumerate(trainable):
        moments = optimiser.state.get(p, {})
        tensors[f"{i}"] = p.detach().cpu().contiguous()
        tensors |= {f"{i}.{k}": torch.as_tensor(v).cpu().contiguous() for k, v in moments.items()}
    write_atomic(file, save(tensors))


def _load(file: Path, trainable: Sequence[Tensor], optimiser: torch.optim.Optimizer) -> int:
    """Put a saved run back; return the step at which it goes on."""
    from safetensors.torch import load

    if not file.exists():
        return 0
    tensors = load(file.read_bytes())
    with torch.no_grad():
        for i, p in enumerate(trainable):
            p.copy_(tensors[f"{i}"])
            keys = [k for k in tensors if k.startswith(f"{i}.")]
            if keys:
                optimiser.state[p] = {k.split(".", 1)[1]: tensors[k].to(p.device) for k in keys}
                optimiser.state[p]["step"] = tensors[f"{i}.step"]
    return int(tensors["step"])


def _endless(items: Sequence[Lesson], draw: random.Random) -> Iterator[Any]:
    while items:
        yield from draw.sample(items, len(items))
