"""A root whose night is a script: the first word of the newest episode says what it does. A child finds it by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.scripted_model import ScriptedModel
from agent.weights import Checkpoint
from memory.episode import Phase
from memory.errors import Interrupted, NothingToLearn
from sleep.events import DreamDreamt, NightBegan, NightEnded, NightEvent, PhaseReached
from tui.root import Root


class OneDirection:
    """An embedder that needs no download; to it everything is alike."""

    dimension = 4

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0, 0.0, 0.0] for _ in texts]


class Sleeper(Root):
    """Scripted from within its own ledger."""

    @cached_property
    def embedder(self) -> Any:
        return OneDirection()

    @cached_property
    def model(self) -> Any:
        return ScriptedModel()

    def night(
        self, *, budget: float | None = None, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[NightEvent]:
        ledger = self.home.ledger
        waiting = ledger.waiting()
        what = waiting[-1].said.split()[0]
        yield NightBegan(night=1, episodes=len(waiting), budget_minutes=budget or 60.0)
        ledger.begin_night([e.id for e in waiting], None)
        if what == "nothing":
            raise NothingToLearn("There is nothing to learn.")
        if what == "broken":
            raise RuntimeError("boom")
        if what == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        while what in ("long", "deaf") and not (what == "long" and stop()):
            time.sleep(0.01)
        if what == "long":
            raise Interrupted("Night 1 was interrupted.")
        print("what a library prints is no event")  # noqa: T201
        yield DreamDreamt(night=1, kind="fact", cue="Wer? “ß”", reply=str(os.getpid()), gap=1.5)
        ledger.mark_cleared([e.id for e in waiting], 1)
        yield PhaseReached(night=1, phase=Phase.CLEARED, seconds=0.1)
        yield NightEnded(night=1, outcome="cleared", report={"nice": os.nice(0)})


class Dreamer(Root):
    """Sleeps for real, on the tiny checkpoint that TINY names."""

    @cached_property
    def embedder(self) -> Any:
        return OneDirection()

    @cached_property
    def checkpoint(self) -> Any:
        tiny = Path(os.environ["TINY"])
        return Checkpoint(
            name="tiny", base_path=tiny, path=tiny, base_hash="0" * 64, instincts_hash=None
        )
