"""A night, start to end. Read this first.

    planned → replayed → dreamt → seeded → examined → committed → cleared        (or: rolled back)

Each step is in the ledger before the next begins, so a night that dies at any point is finished, or rolled back, by the
next; neither loses an episode nor leaves half an adapter. The steps themselves are in `phases.py` and `seeding.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from agent.decoding import give_back
from agent.local_model import LocalModel
from memory.config import Config
from memory.episode import Phase
from memory.errors import NothingToLearn, UsageError
from memory.store import BufferStore, Embedder
from sleep import phases, seeding
from sleep.events import NightBegan, NightEnded, NightEvent, PhaseBegan, PhaseReached
from sleep.prepare import enter, plan, recover
from sleep.room import Room

STEPS: tuple[tuple[Phase, Callable[[Room], Iterator[NightEvent]]], ...] = (
    (Phase.REPLAYED, phases.replay),  # what the user said becomes memories
    (Phase.DREAMT, phases.dream),  # memories become questions and answers
    (
        Phase.SEEDED,
        seeding.seed,
    ),  # a larger self learns them from the smaller one that can look them up
    (Phase.EXAMINED, phases.examine),  # closed book, with questions it has never seen
    (Phase.COMMITTED, phases.commit),  # the new adapter gets its name
    (Phase.CLEARED, phases.clear),  # it is worn; only now does the buffer forget what was proved
)

# What these do to the buffer rests on one adapter: it must be the very one that was trained.
TRAINED = (Phase.EXAMINED, Phase.COMMITTED, Phase.CLEARED)


def sleep(
    home: Any,
    model: LocalModel,
    checkpoint: Any,
    store: BufferStore,
    embedder: Embedder,
    config: Config,
    *,
    teacher: LocalModel | None = None,
    budget_minutes: float | None = None,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[NightEvent]:
    """Sleep once: a new night, or the one that was interrupted.

    `model` learns; it reads, dreams and teaches too, unless there is a `teacher` that does.

    Yields events, the last of them `NightEnded`. Raises NothingToLearn when there is no memory to learn,
    UsageError for a budget too small for one memory, and Interrupted at a safe point after `stop()`; the ledger
    then knows where to go on.
    """
    if dry_run:
        yield NightEnded(night=0, outcome="dry_run", report=plan(home, config, budget_minutes))
        return
    room, resumed = enter(
        home, model, checkpoint, store, embedder, config, budget_minutes, stop, teacher=teacher
    )
    try:
        yield from _steps(room, resumed)
    finally:
        model.wear(room.worn_path())


def _steps(room: Room, resumed: bool) -> Iterator[NightEvent]:
    number, order = room.number, list(Phase)
    seconds: dict[str, float] = room.report.setdefault("seconds", {})
    yield NightBegan(
        night=number,
        episodes=len(room.episodes),
        budget_minutes=room.config.budget_minutes,
        resumed=resumed,
    )
    for phase, step in STEPS:
        if order.index(phase) <= order.index(room.phase):
            continue
        room.check()
        if phase in TRAINED and (alarm := room.tampered()):
            room.report["alarm"], room.phase = alarm, Phase.ROLLED_BACK
            break
        yield PhaseBegan(night=number, phase=phase)
        began = time.monotonic()
        try:
            yield from step(room)
        except (NothingToLearn, UsageError):  # nothing was begun that could be gone on with
            _close(room, Phase.ROLLED_BACK)
            raise
        seconds[phase.value] = round(time.monotonic() - began, 2)
        give_back()
        if room.report.get("alarm"):
            room.phase = Phase.ROLLED_BACK
            break
        room.ledger.advance(number, phase, report=room.report)
        room.phase = phase
        yield PhaseReached(night=number, phase=phase, seconds=seconds[phase.value])
    _close(room, room.phase)
    yield NightEnded(night=number, outcome=room.phase.value, report=room.report)


def _close(room: Room, phase: Phase) -> None:
    """The last line of a night's record."""
    if room.report.get("alarm"):
        room.report |= _nothing_cleared(room, room.report["alarm"])
    room.report |= {"night": room.number, "outcome": phase.value}
    room.report["seconds"]["total"] = round(
        sum(v for k, v in room.report["seconds"].items() if k != "total"), 2
    )
    room.ledger.advance(room.number, phase, report=room.report, finished=datetime.now(UTC))
    room.home.adapters.discard(room.deep)


def _nothing_cleared(room: Room, alarm: str) -> dict[str, Any]:
    """What `phases.clear` would have reported, of a night that is thrown away before it."""
    kept = [{"id": m.id, "text": m.text, "reason": alarm} for m in room.tonight()]
    return {
        "adapter": None, "learned": [], "kept_back": kept, "cleared": 0, "left": len(room.episodes)
    }  # fmt: skip


__all__ = ["STEPS", "recover", "sleep"]
