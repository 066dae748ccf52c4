"""The ledger: SQLite, append first, the truth. The buffer is an index over it and can be rebuilt at any time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from memory.blotting import only_marks
from memory.database import iso, where
from memory.diary import Diary
from memory.episode import Episode, EpisodeId, Memory, MemoryId, MemoryState, Origin, Role, Turn
from memory.errors import InputError
from memory.store import Recollection
from memory.trace import Provenance, Source, Trace

Said = tuple[str, str | None, datetime | None, Origin]
BOOKMARKS = "bookmarks"  # the note of how far long messages were read


class Ledger(Diary):
    """Every turn, memory, dream, night and exam answer of one home. Safe to use from several threads."""

    # --------------------------------------------------------------- episodes

    def append(
        self,
        said: str,
        *,
        replied: str | None = None,
        at: datetime | None = None,
        origin: Origin = Origin.TYPED,
        session: str = "",
    ) -> Episode:
        """Log what was said; it is on disk when this returns."""
        return self._append([(said, replied, at, origin)], session)[0]

    def append_all(self, said: Sequence[Said]) -> list[Episode]:
        """Log several in one transaction, in this order: all of them or none."""
        return self._append(said, "")

    def _append(self, said: Sequence[Said], session: str) -> list[Episode]:
        out = []
        with self.transaction():
            for text, replied, at, origin in said:
                when = (at or datetime.now(UTC)).astimezone(UTC)
                row = self._sql(
                    "INSERT INTO episodes (said, replied, at, origin, session) VALUES (?, ?, ?, ?, ?)",
                    (_text(text), _text(replied), iso(when), origin.value, session),
                ).lastrowid
                out.append(
                    Episode(
                        id=EpisodeId(int(row or 0)),
                        said=text,
                        replied=replied,
                        at=when,
                        origin=origin,
                        session=session,
                    )
                )
        return out

    def reply(self, episode: EpisodeId, text: str) -> Episode:
        """Add the reply to an episode. Raises KeyError for an unknown id."""
        with self.transaction():
            self._sql("UPDATE episodes SET replied = ? WHERE id = ?", (_text(text), episode))
            return self.episode(episode)

    def episode(self, episode: EpisodeId) -> Episode:
        """One episode. Raises KeyError for an unknown id."""
        found = self._rows("SELECT * FROM episodes WHERE id = ?", (episode,))
        if not found:
            raise KeyError(episode)
        return _episode(found[0])

    def episodes(self, ids: Iterable[EpisodeId] | None = None) -> list[Episode]:
        """All episodes, or those with these ids, oldest first; ties in the order told."""
        if ids is None:
            return [_episode(r) for r in self._rows("SELECT * FROM episodes ORDER BY at, id")]
        rows = self._rows_with("SELECT * FROM episodes WHERE id IN ({})", ids)
        return sorted((_episode(r) for r in rows), key=lambda e: (e.at, e.id))

    def last_talk(self) -> datetime | None:
        """When the user last said something in a session."""
        (row,) = self._rows("SELECT MAX(at) AS at FROM episodes WHERE session != ''")
        return datetime.fromisoformat(row["at"]) if row["at"] else None

    def waiting(self) -> list[Episode]:
        """What the buffer holds: everything that no night cleared and the user didn't forget, oldest first."""
        rows = self._rows("SELECT * FROM episodes WHERE cleared_by IS NULL ORDER BY at, id")
        return [_episode(r) for r in rows if not only_marks(r["said"])]

    def unread(self) -> list[Episode]:
        """What waits and of which no night has made a memory yet, or not of all of it."""
        read = {m.episode for m in self.memories()} - self.bookmarks().keys()
        return [e for e in self.waiting() if e.id not in read]

    def bookmarks(self) -> dict[EpisodeId, int]:
        """The messages that the latest night left unread, or broke off in: how many of their pieces were read."""
        kept = json.loads(self.meta(BOOKMARKS) or "{}")
        return {EpisodeId(int(episode)): pieces for episode, pieces in kept.items()}

    def set_bookmarks(self, left: Mapping[EpisodeId, int]) -> None:
        """Write down which messages are still to be read, and from where."""
        self.set_meta(BOOKMARKS, json.dumps(dict(left)))

    def mark_cleared(self, ids: Iterable[EpisodeId], night: int) -> None:
        """These left the buffer in this night."""
        with self.transaction():
            for i in ids:
                self._sql("UPDATE episodes SET cleared_by = ? WHERE id = ?", (night, i))

    def mark_waiting(self, ids: Iterable[EpisodeId]) -> None:
        """These are back in the buffer."""
        with self.transaction():
            for i in ids:
                self._sql("UPDATE episodes SET cleared_by = NULL WHERE id = ?", (i,))

    def sessions(self) -> list[str]:
        """Names of chat sessions, the latest first."""
        rows = self._rows(
            "SELECT session FROM episodes WHERE session != '' GROUP BY session ORDER BY max(id) DESC"
        )
        return [r["session"] for r in rows]

    def session_turns(self, session: str) -> list[Turn]:
        """A session's turns in order."""
        turns = []
        for r in self._rows("SELECT * FROM episodes WHERE session = ? ORDER BY id", (session,)):
            e = _episode(r)
            turns.append(Turn(role=Role.USER, content=e.said, at=e.at))
            if e.replied is not None:
                turns.append(Turn(role=Role.ASSISTANT, content=e.replied, at=e.at))
        return turns

    # ----------------------------------------------------------------- traces

    def keep_trace(self, episode: Episode, trace: Trace) -> None:
        """Keep how the reply of an episode came about; nothing where it has another reply by now, or none."""
        p, m = trace.provenance, trace.provenance.memory if trace.provenance else None
        with self.transaction():
            self._sql(
                "INSERT OR REPLACE INTO traces SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM episodes"
                " WHERE id = ? AND replied IS ?",
                (
                    trace.adapter, json.dumps([(r.episode.id, r.similarity) for r in trace.found]),
                    trace.tokens, trace.seconds, trace.stopped, p and p.source.value, p and p.without_buffer,
                    p and p.without_weights, p and p.without_both, m and m.id, m and m.night,
                    episode.id, episode.replied,
                ),
            )  # fmt: skip

    def traces(self, ids: Iterable[EpisodeId]) -> dict[EpisodeId, Trace]:
        """What is known of how these episodes' replies came about; nothing of those that have no trace."""
        rows = self._rows_with("SELECT * FROM traces WHERE episode IN ({})", ids)
        found = {r["episode"]: json.loads(r["found"]) for r in rows}
        told = {e.id: e for e in self.episodes(i for some in found.values() for i, _ in some)}
        return {
            EpisodeId(r["episode"]): Trace(
                adapter=r["adapter"],
                found=tuple(Recollection(episode=told[i], similarity=s) for i, s in found[r["episode"]]),
                tokens=r["tokens"], seconds=r["seconds"], stopped=bool(r["stopped"]),
                provenance=self._provenance(r) if r["source"] else None,
            )
            for r in rows
        }  # fmt: skip

    def _provenance(self, r: sqlite3.Row) -> Provenance:
        memory = None if r["memory"] is None else self.memory(MemoryId(r["memory"]))
        return Provenance(
            source=Source(r["source"]), without_buffer=r["without_buffer"],
            without_weights=r["without_weights"], without_both=r["without_both"],
            memory=replace(memory, night=r["night"]) if memory and memory.text else None,
        )  # fmt: skip

    # --------------------------------------------------------------- memories

    def add_memories(self, new: Sequence[tuple[EpisodeId, str, datetime]]) -> list[Memory]:
        """Store (episode, text, when said) as memories that wait for a night."""
        out = []
        with self.transaction():
            for episode, text, at in new:
                row = self._sql(
                    "INSERT INTO memories (episode, text, at) VALUES (?, ?, ?)",
                    (episode, _text(text), iso(at)),
                ).lastrowid
                out.append(self.memory(MemoryId(int(row or 0))))
        return out

    def memory(self, memory: MemoryId) -> Memory:
        """One memory. Raises KeyError for an unknown id."""
        found = self._rows("SELECT * FROM memories WHERE id = ?", (memory,))
        if not found:
            raise KeyError(memory)
        return _memory(found[0])

    def memories(
        self,
        *,
        state: MemoryState | None = None,
        night: int | None = None,
        episode: EpisodeId | None = None,
    ) -> list[Memory]:
        """Memories, oldest first."""
        of_these, values = where(state=state.value if state else None, night=night, episode=episode)
        return [
            _memory(r)
            for r in self._rows(f"SELECT * FROM memories{of_these} ORDER BY at, id", values)
        ]

    def search_memories(self, text: str) -> list[Memory]:
        """Memories that contain the text, whatever its case; nothing that was forgotten."""
        wanted = text.casefold()
        return [
            m
            for m in self.memories()
            if m.state is not MemoryState.FORGOTTEN and wanted in m.text.casefold()
        ]

    def set_memory(self, memory: MemoryId, **changes: Any) -> Memory:
        """Change fields of a memory: state, night, failures, superseded_by, pinned, reason, text."""
        allowed = {"state", "night", "failures", "superseded_by", "pinned", "reason", "text"}
        if not changes.keys() <= allowed:
            raise TypeError(f"a memory has no {changes.keys() - allowed}")
        values = [v.value if isinstance(v, MemoryState) else v for v in changes.values()]
        with self.transaction():
            if changes:
                fields = ", ".join(f"{k} = ?" for k in changes)
                self._sql(f"UPDATE memories SET {fields} WHERE id = ?", (*values, memory))
            return self.memory(memory)

    def forget(self, ids: Iterable[MemoryId]) -> dict[str, Any]:
        """Redact memories: see `forgetting.forget`."""
        from memory.forgetting import forget

        return forget(self, ids)


def _text(text: str | None) -> str | None:
    """The text itself. Raises InputError for half a surrogate pair, which no file can keep."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"What was said is no text at character {error.start}; nothing was taken from it."
        ) from None
    return text


def _episode(r: sqlite3.Row) -> Episode:
    return Episode(
        id=EpisodeId(r["id"]), said=r["said"], replied=r["replied"], at=datetime.fromisoformat(r["at"]),
        origin=Origin(r["origin"]), session=r["session"],
    )  # fmt: skip


def _memory(r: sqlite3.Row) -> Memory:
    return Memory(
        id=MemoryId(r["id"]), episode=EpisodeId(r["episode"]), text=r["text"], at=datetime.fromisoformat(r["at"]),
        state=MemoryState(r["state"]), night=r["night"], failures=r["failures"], superseded_by=r["superseded_by"],
        pinned=bool(r["pinned"]), reason=r["reason"],
    )  # fmt: skip
