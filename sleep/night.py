"""A night, start to end. Read this first.

    planned → replayed → dreamt → seeded → examined → committed → cleared        (or: rolled back)

Each step is in the ledger before the next begins, so a night that dies at any point is finished, or rolled back, by the
next; neither loses an episode nor leaves half an adapter. The steps themselves are in `phases.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from memory.episode import Phase
from memory.errors import NothingToLearn
from sleep import phases
from sleep.events import NightBegan, NightEnded, NightEvent, PhaseBegan, PhaseReached
from sleep.room import Room

STEPS: tuple[tuple[Phase, Callable[[Room], Iterator[NightEvent]]], ...] = (
    (Phase.REPLAYED, phases.replay),  # what the user said becomes memories
    (Phase.DREAMT, phases.dream),  # memories become questions and answers
    (Phase.SEEDED, phases.seed),  # a larger self learns them from the smaller one that can look them up
    (Phase.EXAMINED, phases.examine),  # closed book, with questions it has never seen
    (Phase.COMMITTED, phases.commit),  # what passed is proved; the new adapter is worn
    (Phase.CLEARED, phases.clear),  # only now does the buffer forget
)


def sleep(room: Room, *, resumed: bool = False) -> Iterator[NightEvent]:
    """Sleep once in a room made by `prepare`.

    Yields events, the last of them `NightEnded`. Raises NothingToLearn when no memory is found, Interrupted at a safe
    point after `room.stop()`; the ledger then knows where to go on.
    """
    ledger, number = room.ledger, room.number
    yield NightBegan(
        night=number, episodes=len(room.episodes), budget_minutes=room.config.budget_minutes, resumed=resumed
    )
    seconds: dict[str, float] = dict(room.report.get("seconds", {}))
    order = list(Phase)
    for phase, step in STEPS:
        if order.index(phase) <= order.index(room.phase):
            continue
        room.check()
        yield PhaseBegan(night=number, phase=phase)
        began = time.monotonic()
        try:
            yield from step(room)
        except NothingToLearn:
            finish(room, Phase.ROLLED_BACK)
            raise
        seconds[phase.value] = round(time.monotonic() - began, 2)
        room.report["seconds"] = seconds
        if room.phase is Phase.ROLLED_BACK:
            break
        ledger.advance(number, phase, report=room.report)
        room.phase = phase
        yield PhaseReached(night=number, phase=phase, seconds=seconds[phase.value])
    report = finish(room, room.phase)
    yield NightEnded(night=number, outcome=report["outcome"], report=report)


def finish(room: Room, phase: Phase) -> dict[str, Any]:
    """Close the night in the ledger; the report is complete with this."""
    room.phase = phase
    room.report["outcome"] = phase.value
    room.report.setdefault("seconds", {})["total"] = round(time.monotonic() - room.began, 2)
    room.ledger.advance(room.number, phase, report=room.report, finished=datetime.now(UTC))
    room.model.wear(room.worn_path())
    return room.report
