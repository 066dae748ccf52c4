"""Undoing nights, at the user's wish, or because one of them was trained on what is to be forgotten.

Nothing is taken out of weights: the adapter from before those nights is worn instead, and what was learnt since waits
in the buffer again, to be looked up there and seeded anew. So the weights know of it what they knew before: nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from memory.adapters import Adapters
from memory.episode import MemoryState, Phase
from memory.errors import UsageError
from memory.ledger import Ledger

UNLEARN = "nights_to_unlearn"  # a note: the nights that were trained on what was forgotten


def undo(ledger: Ledger, adapters: Adapters, number: int) -> list[int]:
    """Undo night `number` and all later ones: their memories return to the buffer; returns the nights undone.

    The caller rebuilds the buffer from the ledger afterwards. Raises UsageError when there is no such night.
    """
    first = ledger.night(number)
    if first is None or first.phase is Phase.ROLLED_BACK:
        raise UsageError(f"There is no night {number} to roll back; `somnus nights` lists them.")
    undone = [n for n in ledger.nights() if n.number >= number and n.phase is not Phase.ROLLED_BACK]
    worn = _nearest(ledger, adapters, first.parent)
    adapters.point(worn)
    with ledger.transaction():
        for night in undone:
            ledger.mark_waiting(list(night.episodes))
            ledger.advance(night.number, Phase.ROLLED_BACK)
        take_back(ledger, worn)  # of earlier nights, too, whose adapter is gone
    return [n.number for n in undone]


def take_back(ledger: Ledger, worn: str | None) -> list[int]:
    """What the ledger calls learnt and this adapter doesn't hold waits in the buffer again; returns its nights."""
    inside = lineage(ledger, int(worn.removeprefix("night-")) if worn else None)
    learnt = ledger.memories(state=MemoryState.CONSOLIDATED)
    astray = [m for m in learnt if m.night is not None and m.night not in inside]
    lost = {m.night for m in astray if m.night}
    if astray:
        with ledger.transaction():
            for memory in astray:
                ledger.set_memory(memory.id, state=MemoryState.BUFFER, night=None, failures=0)
            ledger.mark_waiting({m.episode for m in astray})
            for night in ledger.nights():
                if night.number in lost:  # small talk was cleared with it
                    ledger.mark_waiting(night.episodes)
    return sorted(lost)


def _nearest(ledger: Ledger, adapters: Adapters, name: str | None) -> str | None:
    """This adapter, or the youngest of its ancestors that is whole and of the base in use; the rest is learnt anew."""
    parents = {n.adapter: n.parent for n in ledger.nights() if n.adapter}
    today = ledger.meta("base")
    bases = {card.name: card.base_hash for card in adapters.cards()}
    while name is not None and not (adapters.whole(name) and today in (None, bases.get(name))):
        name = parents.get(name)
    return name


def note_for_unlearning(ledger: Ledger, nights: Iterable[int]) -> None:
    """Remember that these nights were trained on what is forgotten, until `unlearn` is done."""
    before = json.loads(ledger.meta(UNLEARN) or "[]")
    ledger.set_meta(UNLEARN, json.dumps(sorted({*before, *nights})))


def unlearn(ledger: Ledger, adapters: Adapters) -> list[int]:
    """Undo the nights that were trained on what was forgotten, and take every adapter that grew on theirs off the disk.

    Returns the nights undone. Run again after a crash, it goes on.
    """
    trained: set[int] = set(json.loads(ledger.meta(UNLEARN) or "[]"))
    if not trained:
        return []
    active = [n.number for n in ledger.nights() if n.phase is not Phase.ROLLED_BACK]
    known = [n for n in active if n in trained]
    undone = undo(ledger, adapters, min(known)) if known else []
    for card in adapters.cards():
        if lineage(ledger, card.night) & trained:
            adapters.remove(card.name)
    ledger.set_meta(UNLEARN, "")
    return undone


def lineage(ledger: Ledger, night: int | None) -> set[int]:
    """The nights whose learning is in the adapter of a night: its own and its ancestors', pruned ones too."""
    parents = {n.number: n.parent for n in ledger.nights()}
    inside: set[int] = set()
    while night is not None and night not in inside:
        inside.add(night)
        parent = parents.get(night)
        night = int(parent.removeprefix("night-")) if parent else None
    return inside
