"""AdamW over LoRA factors: the learning rate ends at nothing whatever ends the run, and a run goes on later."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from agent.local_model import LocalModel
from memory.paths import write_atomic

SAVE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Pace:
    """A step, and what is known of the run that it belongs to; times are monotonic."""

    number: int
    first: int
    steps: int
    began: float
    deadline: float

    def seconds_left(self) -> float:
        """How long the steps after this one will take, once it is done."""
        now, done = time.monotonic(), self.number + 1
        each = (now - self.began) / (done - self.first)
        return min(each * (self.steps - done), self.deadline - now)


class Optimiser:
    """Moves the tensors named in `trainable`, by way of masters in float32 where they compute in bfloat16.

    Where the network computes in bfloat16 its factors do too, and after `close` they are in float32 again: a step is
    often smaller than bfloat16 can tell.
    """

    def __init__(self, model: LocalModel, trainable: Sequence[Tensor], lr: float) -> None:
        rough = next(model.network.parameters()).dtype is torch.bfloat16
        self._lr = lr
        self._trainable = list(trainable)
        self._masters = [p.detach().float().clone() if rough else p for p in trainable]
        for p in trainable if rough else ():
            p.data = p.data.to(torch.bfloat16)
        self._adam = torch.optim.AdamW(self._masters, lr=lr, betas=(0.9, 0.99), weight_decay=0.0)

    def step(self) -> None:
        """One step along the gradients that were accumulated, at most of length 1."""
        for p, master in zip(self._trainable, self._masters, strict=True):
            if p is not master and p.grad is not None:
                master.grad, p.grad = p.grad.to(master), None
        torch.nn.utils.clip_grad_norm_(self._masters, 1.0)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        self._follow()

    def close(self) -> None:
        for p, master in zip(self._trainable, self._masters, strict=True):
            p.data = master.data

    def paced(
        self,
        steps: int,
        *,
        warm_up: float,
        stop: Callable[[], bool] = lambda: False,
        deadline: float = math.inf,
        resume: Path | None = None,
    ) -> Iterator[Pace]:
        """The steps that are left, by number.

        Ends early when `stop()` or past `deadline` (monotonic). The learning rate rises over the first `warm_up` of the
        steps and falls linearly to zero over them all; when the deadline is nearer than the planned end, it falls with
        the time instead, so that an early end still ends on a small step. `resume` names a safetensors file in which
        the run is kept every two minutes, and from which it goes on.
        """
        first = self._load(resume) if resume else 0
        self._follow()
        began = saved = time.monotonic()
        for step in range(first, steps):
            now = time.monotonic()
            ending = stop() or now >= deadline
            if resume and (ending or now - saved > SAVE_SECONDS):
                self._save(resume, step)
                saved = now
            if ending:
                return
            through = max(step / steps, (now - began) / (deadline - began))
            rising = (step + 1) / max(1.0, warm_up * steps)
            for group in self._adam.param_groups:
                group["lr"] = self._lr * min(1.0, rising) * (1.0 - through)
            yield Pace(step, first, steps, began, deadline)

    def _follow(self) -> None:
        with torch.no_grad():
            for p, master in zip(self._trainable, self._masters, strict=True):
                if p is not master:
                    p.copy_(master)

    def _save(self, file: Path, step: int) -> None:
        from safetensors.torch import save

        tensors = {"step": torch.tensor(step)}
        for i, p in enumerate(self._masters):
            moments = self._adam.state.get(p, {})
            tensors[f"{i}"] = p.detach().cpu().contiguous()
            tensors |= {
                f"{i}.{k}": torch.as_tensor(v).cpu().contiguous() for k, v in moments.items()
            }
        write_atomic(file, save(tensors))

    def _load(self, file: Path) -> int:
        """Put a saved run back; return the step at which it goes on."""
        from safetensors.torch import load

        if not file.exists():
            return 0
        tensors = load(file.read_bytes())
        with torch.no_grad():
            for i, p in enumerate(self._masters):
                p.copy_(tensors[f"{i}"])
                keys = [k for k in tensors if k.startswith(f"{i}.")]
                if keys:
                    kept = {k.split(".", 1)[1]: tensors[k].to(p.device) for k in keys}
                    self._adam.state[p] = kept | {"step": tensors[f"{i}.step"]}
        return int(tensors["step"])
