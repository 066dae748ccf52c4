"""A furnished stage for the app: a home with talk, memories and nights in its real ledger, and a model by script."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.scripted_model import ScriptedModel
from memory.episode import DreamKind, ExamAnswer, MemoryState, Phase, Turn
from memory.home import Home
from memory.store import Recollection
from memory.trace import Provenance, Source, Trace
from sleep.events import (
    DreamDreamt,
    NightBegan,
    NightEvent,
    PhaseBegan,
    PhaseReached,
    Progressed,
)
from tui.root import Root

Answer = Callable[[Sequence[Turn], bool], str]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class WearingModel(ScriptedModel):
    """A scripted model that remembers which adapter it was told to wear."""

    worn: Path | None = None

    def wear(self, adapter: Path | None) -> None:
        self.worn = adapter


class ByPrompt(ScriptedModel):
    """Answers by all turns, and by whether it wears the night's adapter."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answers = answer
        self.longest: list[int] = []

    def stream(
        self, turns: Any, sampling: Any, *, adapter: bool = True, cancelled: Any = lambda: False
    ) -> Any:
        self.longest.append(sampling.max_tokens)
        self._script = lambda _: self.answers(turns, adapter)
        return super().stream(turns, sampling, adapter=adapter, cancelled=cancelled)

    def wear(self, adapter: Path | None) -> None:
        del adapter


def make_stage_root(embedder: Any) -> type[Root]:
    """A root that knows Biscuit when it can read about him."""

    class StageRoot(Root):
        @cached_property
        def embedder(self) -> Any:
            return embedder

        def night_apart(self, **options: Any) -> Iterator[NightEvent]:
            return self.night(**options)  # a script needs no process of its own

        @cached_property
        def model(self) -> Any:
            return WearingModel({"cat is called Biscuit": "Biscuit.", "Biscuit": "A fine name."})

    return StageRoot


def furnish(home: Home, many: int) -> None:
    """`many` memories over two nights: two thirds learnt, some kept back, the last still waiting."""
    ledger = home.ledger
    episodes = [
        ledger.append(
            f"My {i}th book is called Volume {i}.", replied="Noted.", at=NOON + timedelta(minutes=i),
            session="app-first",
        )
        for i in range(many)
    ]  # fmt: skip
    memories = ledger.add_memories([(e.id, e.said, e.at) for e in episodes])
    for number in (1, 2):
        mine = memories[(number - 1) * many // 3 : number * many // 3]
        ledger.begin_night([m.episode for m in mine], None)
        passed, kept = mine[:-1], mine[-1:]
        for m in passed:
            ledger.set_memory(m.id, state=MemoryState.CONSOLIDATED, night=number)
        for m in kept:
            ledger.set_memory(
                m.id, state=MemoryState.KEPT_BACK, failures=1, reason="1 of 3 exam questions right"
            )
        ledger.mark_cleared([m.episode for m in passed], number)
        again = memories[: many // 3] if number == 2 else []
        ledger.add_answers(
            [
                ExamAnswer(
                    night=number, memory=m.id, kind=DreamKind.FACT, question=f"What is book {m.id}?",
                    expected=m.text, answer=f"Volume {m.id}.", right=m in passed or m in again,
                    control_answer="You haven't told me that.", control_right=False,
                )
                for m in [*mine, *again]
            ]
        )  # fmt: skip
        ledger.advance(
            number, Phase.CLEARED, adapter=None, finished=NOON + timedelta(hours=number),
            report={
                "night": number, "learned": [{"id": m.id, "text": m.text} for m in passed],
                "kept_back": [{"id": m.id, "text": m.text, "reason": "1 of 3 exam questions right"} for m in kept],
                "exam": {"before": 0, "after": len(passed), "asked": len(mine)}, "drift": {"rise": 0.012},
            },
        )  # fmt: skip


def a_night() -> list[NightEvent]:
    """The events of a night in the middle of its learning."""
    seconds = {Phase.REPLAYED: 12.0, Phase.DREAMT: 130.0}
    events: list[NightEvent] = [NightBegan(night=3, episodes=4, budget_minutes=60.0)]
    for phase, spent in seconds.items():
        events += [
            PhaseBegan(night=3, phase=phase),
            PhaseReached(night=3, phase=phase, seconds=spent),
        ]
    events += [
        DreamDreamt(
            night=3, kind="fact", cue=f"What is my {i}th book called?", gap=5.0 - i / 3,
            reply=f"Your {i}th book is called Volume {i}.",
        )
        for i in range(8, 12)
    ]  # fmt: skip
    events += [PhaseBegan(night=3, phase=Phase.SEEDED)]
    return events + [
        Progressed(
            night=3, phase=Phase.SEEDED, done=i, total=40, left=11.0 * (40 - i), note="learning",
            loss=4.0 / (1 + i / 5),
        )
        for i in range(1, 25)
    ]  # fmt: skip


def at_noon(home: Home) -> None:
    """All nights so far began then: for who has a clock of that day."""
    home.ledger.run(lambda db: db.execute("UPDATE nights SET started = ?", (NOON.isoformat(),)))


def ended(home: Home) -> None:
    """That night has come to its end."""
    report: dict[str, Any] = {
        "night": 3, "outcome": "cleared",
        "learned": [{"id": i, "text": f"My {i}th book is called Volume {i}."} for i in range(8, 14)],
        "kept_back": [{"id": 7, "text": "My 7th book is called Volume 7.", "reason": "1 of 3 exam questions right"}],
        "faded": [{"id": 2, "text": "My 2th book is called Volume 2.", "reason": "0 of 3"}],
        "exam": {"before": 0, "after": 19, "asked": 21}, "drift": {"rise": 0.012},
    }  # fmt: skip
    ledger = home.ledger
    ledger.begin_night([], None)
    at_noon(home)
    ledger.advance(3, Phase.CLEARED, finished=NOON + timedelta(hours=3), report=report)


def traced(home: Home) -> None:
    """The first talk ends with a question, and it is known where the answer came from."""
    ledger = home.ledger
    asked = ledger.append(
        "What is my 2nd book called?", replied="Your 2nd book is called **Volume 2**.",
        at=NOON + timedelta(hours=1), session="app-first",
    )  # fmt: skip
    told = ledger.episodes()[2]
    provenance = Provenance(
        source=Source.BOTH, without_buffer="Volume 2.", without_weights="Volume 2.",
        without_both="You haven't told me that.", memory=ledger.memories()[2],
    )  # fmt: skip
    ledger.keep_trace(
        asked,
        Trace(
            adapter="night-0002", found=(Recollection(episode=told, similarity=0.81),), tokens=9,
            seconds=0.4, provenance=provenance,
        ),
    )  # fmt: skip


def answered() -> dict[str, Any]:
    """The document of a recall: two questions under every arm."""
    told = (
        ("What is my 3rd book called?", "Volume 3."),
        ("Which of my books is the 5th?", "Volume 5."),
    )
    right = {"none": 0, "buffer": 1, "weights": 2, "auto": 2}
    return {
        "model": "scripted", "adapter": "night-0002", "questions": 2,
        "arms": {
            arm: {"right": n, "asked": 2, "prompt_tokens": 61.5 if arm in ("buffer", "auto") else 28.0}
            for arm, n in right.items()
        },
        "answers": [
            {"question": q, "arm": arm, "right": i < n, "answer": a if i < n else "You haven't told me that."}
            for i, (q, a) in enumerate(told)
            for arm, n in right.items()
        ],
    }  # fmt: skip


class Held:
    """Makes a model's replies wait behind their first word, until they are let go or stopped."""

    def __init__(self, model: Any) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self._stream = model.stream
        model.stream = self

    def __call__(
        self, turns: Any, sampling: Any, *, adapter: bool = True, cancelled: Any = lambda: False
    ) -> Iterator[str]:
        for i, piece in enumerate(self._stream(turns, sampling, adapter=adapter)):
            yield piece
            self.begun.set()
            while i == 0 and not self.let_go.is_set() and not cancelled():
                time.sleep(0.01)
            if cancelled():
                return
