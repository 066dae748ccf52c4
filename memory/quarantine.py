"""Quarantine: statements that are not the user's own word, or hold a secret. Never learnt unless confirmed.

Confirming is saying it oneself: the statement becomes an episode of its own. What somebody else wrote is learnt as what
the document says, so that it never takes the place of what the user told.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime

from memory.episode import Episode, Memory, MemoryId, MemoryState, Origin
from memory.errors import UsageError
from memory.ledger import Ledger
from memory.secrets import masked, secrets_in
from memory.trust import shown, suspicion

HEARSAY = "The document says: "
SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
MOST = 40  # statements held back of one episode; the rest is only looked up
MOST_HELD = 400  # in all: nobody confirms a book
LONGEST = 400  # characters of one


def hold_back(ledger: Ledger, episode: Episode) -> list[Memory]:
    """Put what an episode shows, rather than tells, into quarantine; what is there already, or confirmed, stays so."""
    texts = [episode.said] if not episode.origin.believed else shown(episode.said)
    if episode.origin is Origin.CONFIRMED:
        return []
    whose = "your message quotes it" if episode.origin.believed else f"a {episode.origin} says it"
    found: list[tuple[str, str]] = []
    for text in texts:
        why = f"{whose}, and {w}" if (w := suspicion(text)) else whose
        parts = (" ".join(s.split()) for s in SENTENCE.split(text))
        found += [(s[:LONGEST], why) for s in parts if len(s.split()) > 2][: MOST - len(found)]
    return _held(ledger, episode, found)


def screened(ledger: Ledger, episode: Episode, statements: Iterable[str]) -> list[str]:
    """Of an episode's statements those that may be learnt; what it shows, and what holds a secret, is held back."""
    # Documents are held back when they are read, and may be long.
    if episode.origin is not Origin.DOCUMENT:
        hold_back(ledger, episode)
    harmless, secret = [], []
    for text in statements:
        kinds = sorted({s.kind for s in secrets_in(text)})
        if kinds and episode.origin is not Origin.CONFIRMED:
            secret.append((text, f"it holds {' and '.join(kinds)}"))
        else:
            harmless.append(text)
    _held(ledger, episode, secret)
    return harmless


def _held(ledger: Ledger, episode: Episode, found: list[tuple[str, str]]) -> list[Memory]:
    if not found:
        return []
    every = ledger.memories()
    known = {m.text.removeprefix(HEARSAY) for m in every}
    room = MOST_HELD - sum(m.state is MemoryState.QUARANTINED for m in every)
    new = dict([(text, why) for text, why in found if text not in known][: max(0, room)])
    with ledger.transaction():
        held = ledger.add_memories([(episode.id, text, episode.at) for text in new])
        return [
            ledger.set_memory(m.id, state=MemoryState.QUARANTINED, reason=new[m.text]) for m in held
        ]


def confirm(ledger: Ledger, ids: Iterable[MemoryId]) -> list[Episode]:
    """The user says that these hold; returns the episodes that they are now, for the buffer.

    Raises:
        UsageError: one of them is not in quarantine; then nothing was confirmed.
    """
    told: list[Episode] = []
    with ledger.transaction():
        for memory in map(ledger.memory, ids):
            if memory.state is not MemoryState.QUARANTINED:
                raise UsageError(f"Memory {memory.id} is not in quarantine; it is {memory.state}.")
            own = ledger.episode(memory.episode).origin.believed and bool(secrets_in(memory.text))
            text = memory.text if own else HEARSAY + memory.text
            episode = ledger.append(text, at=datetime.now(UTC), origin=Origin.CONFIRMED)
            _move(ledger, memory, episode)
            told.append(episode)
    return told


def _move(ledger: Ledger, memory: Memory, to: Episode) -> None:
    def change(db: sqlite3.Connection) -> None:
        db.execute("UPDATE memories SET episode = ? WHERE id = ?", (to.id, memory.id))

    ledger.run(change)
    ledger.set_memory(memory.id, state=MemoryState.BUFFER, text=to.said, reason="")


def in_quarantine(ledger: Ledger) -> list[dict[str, object]]:
    """What waits for the user's word, for a night's report."""
    held = ledger.memories(state=MemoryState.QUARANTINED)
    return [{"id": m.id, "text": printable(m), "reason": m.reason} for m in held]


def printable(memory: Memory) -> str:
    """A memory's text for lists and reports: what is in quarantine is shown with its secrets masked."""
    return masked(memory.text) if memory.state is MemoryState.QUARANTINED else memory.text
