"""The ledger: SQLite, append first, the truth. The buffer is an index over it and can be rebuilt at any time.

One writing connection (SQLite before 3.51.3 can corrupt a WAL that two write to), synchronous=FULL so that an
acknowledged turn survives a power cut, secure_delete so that what is forgotten leaves no bytes.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from memory import ledger_schema
from memory.episode import (
    Dream, DreamKind, Episode, EpisodeId, ExamAnswer, Memory, MemoryId, MemoryState, Night, Origin, Phase, Role, Turn,
)  # fmt: skip
from memory.errors import HomeError

Said = tuple[str, str | None, datetime | None, Origin]


class Ledger:
    """Every turn, memory, dream, night and exam answer of one home. Safe to use from several threads."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or create the ledger.

        Raises:
            HomeError: it can't be opened, is damaged, or was written by a newer version.
        """
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        mode = "ro" if read_only else "rwc"
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False, isolation_level=None,
                timeout=5.0,
            )  # fmt: skip
            self._db.row_factory = sqlite3.Row
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > ledger_schema.VERSION:
                raise HomeError(
                    f"The ledger {path} was written by a newer somnus (format {version}, this one knows "
                    f"{ledger_schema.VERSION}); upgrade somnus."
                )
            if not read_only:
                self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;")
                self._db.execute("PRAGMA foreign_keys=ON")
                if version == 0:
                    with self.transaction():
                        for statement in ledger_schema.SCHEMA.split(";\n"):
                            if statement.strip():
                                self._db.execute(statement)
                        self._db.execute(f"PRAGMA user_version={ledger_schema.VERSION}")
        except sqlite3.Error as error:
            raise HomeError(
                f"The ledger {path} can't be opened ({error}); restore a backup or choose another home."
            ) from error

    def close(self) -> None:
        """Close the connection; what was written is durable already."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested, the outermost commits."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._depth == 1 and self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

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
        """Log several in one transaction, in this order."""
        return self._append(said, "")

    def _append(self, said: Sequence[Said], session: str) -> list[Episode]:
        ids = []
        with self.transaction():
            for text, replied, at, origin in said:
                cursor = self._db.execute(
                    "INSERT INTO episodes (said, replied, at, origin, session) VALUES (?, ?, ?, ?, ?)",
                    (text, replied, _iso(at or datetime.now(UTC)), origin.value, session),
                )
                ids.append(EpisodeId(int(cursor.lastrowid or 0)))
        return self.episodes(ids)

    def reply(self, episode: EpisodeId, text: str) -> Episode:
        """Add the reply to an episode."""
        with self.transaction():
            self._db.execute("UPDATE episodes SET replied = ? WHERE id = ?", (text, episode))
        return self.episode(episode)

    def episode(self, episode: EpisodeId) -> Episode:
        """One episode. Raises KeyError for an unknown id."""
        found = self._rows("SELECT * FROM episodes WHERE id = ?", (episode,))
        if not found:
            raise KeyError(episode)
        return _episode(found[0])

    def episodes(self, ids: Sequence[EpisodeId] | None = None) -> list[Episode]:
        """All episodes, or those with these ids, oldest first; ties in the order told."""
        wanted = None if ids is None else set(ids)
        rows = self._rows("SELECT * FROM episodes ORDER BY at, id")
        return [_episode(r) for r in rows if wanted is None or r["id"] in wanted]

    def waiting(self) -> list[Episode]:
        """What the buffer holds: everything no night has cleared, oldest first."""
        return [_episode(r) for r in self._rows("SELECT * FROM episodes WHERE cleared_by IS NULL ORDER BY at, id")]

    def mark_cleared(self, ids: Iterable[EpisodeId], night: int) -> None:
        """These left the buffer in this night."""
        with self.transaction():
            self._db.executemany("UPDATE episodes SET cleared_by = ? WHERE id = ?", [(night, i) for i in ids])

    def mark_waiting(self, ids: Iterable[EpisodeId]) -> None:
        """These are back in the buffer."""
        with self.transaction():
            self._db.executemany("UPDATE episodes SET cleared_by = NULL WHERE id = ?", [(i,) for i in ids])

    def sessions(self) -> list[str]:
        """Names of chat sessions, the latest first."""
        rows = self._rows("SELECT session FROM episodes WHERE session != '' GROUP BY session ORDER BY max(id) DESC")
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

    # --------------------------------------------------------------- memories

    def add_memories(self, new: Sequence[tuple[EpisodeId, str, datetime]]) -> list[Memory]:
        """Store (episode, text, when said) as memories that wait for a night."""
        out = []
        with self.transaction():
            for episode, text, at in new:
                cursor = self._db.execute(
                    "INSERT INTO memories (episode, text, at) VALUES (?, ?, ?)", (episode, text, _iso(at))
                )
                out.append(self.memory(MemoryId(int(cursor.lastrowid or 0))))
        return out

    def memory(self, memory: MemoryId) -> Memory:
        """One memory. Raises KeyError for an unknown id."""
        found = self._rows("SELECT * FROM memories WHERE id = ?", (memory,))
        if not found:
            raise KeyError(memory)
        return _memory(found[0])

    def memories(
        self, *, state: MemoryState | None = None, night: int | None = None, episode: EpisodeId | None = None
    ) -> list[Memory]:
        """Memories, oldest first."""
        where, values = _where(state=state.value if state else None, night=night, episode=episode)
        return [_memory(r) for r in self._rows(f"SELECT * FROM memories{where} ORDER BY at, id", values)]

    def search_memories(self, text: str) -> list[Memory]:
        """Memories that contain the text, whatever its case."""
        wanted = text.casefold()
        return [m for m in self.memories() if wanted in m.text.casefold()]

    def set_memory(self, memory: MemoryId, **changes: Any) -> Memory:
        """Change fields of a memory: state, night, failures, superseded_by, pinned, reason, text."""
        allowed = {"state", "night", "failures", "superseded_by", "pinned", "reason", "text"}
        if not changes.keys() <= allowed:
            raise TypeError(f"a memory has no {changes.keys() - allowed}")
        values = [v.value if isinstance(v, MemoryState) else v for v in changes.values()]
        with self.transaction():
            fields = ", ".join(f"{k} = ?" for k in changes)
            self._db.execute(f"UPDATE memories SET {fields} WHERE id = ?", (*values, memory))
        return self.memory(memory)

    # ------------------------------------------------------------------ dreams

    def add_dreams(self, dreams: Sequence[Dream]) -> None:
        """Write dreams into the diary."""
        with self.transaction():
            for d in dreams:
                cursor = self._db.execute(
                    "INSERT INTO dreams (night, kind, cue, reply, gap, used, held_out) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (d.night, d.kind.value, d.cue, d.reply, d.gap, d.used, d.held_out),
                )
                rows = [(cursor.lastrowid, m, i) for i, m in enumerate(d.memories)]
                self._db.executemany("INSERT INTO dream_memories VALUES (?, ?, ?)", rows)

    def dreams(
        self,
        *,
        night: int | None = None,
        memory: MemoryId | None = None,
        used: bool | None = None,
        held_out: bool | None = None,
    ) -> list[Dream]:
        """Dreams in the order they were written."""
        where, values = _where(night=night, used=used, held_out=held_out)
        links: dict[int, list[MemoryId]] = {}
        for r in self._rows("SELECT * FROM dream_memories ORDER BY dream, place"):
            links.setdefault(r["dream"], []).append(MemoryId(r["memory"]))
        out = []
        for r in self._rows(f"SELECT * FROM dreams{where} ORDER BY id", values):
            of = tuple(links.get(r["id"], ()))
            if memory is None or memory in of:
                out.append(
                    Dream(
                        night=r["night"], memories=of, kind=DreamKind(r["kind"]), cue=r["cue"], reply=r["reply"],
                        gap=r["gap"], used=bool(r["used"]), held_out=bool(r["held_out"]),
                    )  # fmt: skip
                )
        return out

    def clear_dreams(self, night: int) -> None:
        """Take a night's dreams out, to dream it again."""
        with self.transaction():
            self._db.execute("DELETE FROM dreams WHERE night = ?", (night,))

    # -------------------------------------------------------------------- exam

    def add_answers(self, answers: Sequence[ExamAnswer]) -> None:
        """Record exam answers."""
        with self.transaction():
            self._db.executemany(
                "INSERT INTO answers (night, memory, kind, question, expected, answer, right, control_answer,"
                " control_right) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (a.night, a.memory, a.kind.value, a.question, a.expected, a.answer, a.right, a.control_answer,
                     a.control_right)
                    for a in answers
                ],
            )  # fmt: skip

    def answers(self, *, night: int | None = None, memory: MemoryId | None = None) -> list[ExamAnswer]:
        """Exam answers in the order they were given."""
        where, values = _where(night=night, memory=memory)
        return [
            ExamAnswer(
                night=r["night"], memory=r["memory"], kind=DreamKind(r["kind"]), question=r["question"],
                expected=r["expected"], answer=r["answer"], right=bool(r["right"]),
                control_answer=r["control_answer"], control_right=bool(r["control_right"]),
            )
            for r in self._rows(f"SELECT * FROM answers{where} ORDER BY id", values)
        ]  # fmt: skip

    def clear_answers(self, night: int) -> None:
        """Take a night's exam out, to sit it again."""
        with self.transaction():
            self._db.execute("DELETE FROM answers WHERE night = ?", (night,))

    # ------------------------------------------------------------------ nights

    def begin_night(self, episodes: Sequence[EpisodeId], parent: str | None) -> Night:
        """A new night, planned over these episodes."""
        with self.transaction():
            number = int(self._db.execute("SELECT coalesce(max(number), 0) + 1 FROM nights").fetchone()[0])
            self._db.execute(
                "INSERT INTO nights (number, phase, started, episodes, parent) VALUES (?, ?, ?, ?, ?)",
                (number, Phase.PLANNED.value, _iso(datetime.now(UTC)), json.dumps(list(episodes)), parent),
            )
        return self._known_night(number)

    def advance(
        self,
        number: int,
        phase: Phase,
        *,
        adapter: str | None = None,
        report: dict[str, Any] | None = None,
        finished: datetime | None = None,
    ) -> Night:
        """Move a night on; it never goes back, except to be rolled back. Raises ValueError if asked to."""
        order = list(Phase)
        with self.transaction():
            before = self._known_night(number)
            if order.index(phase) < order.index(before.phase):
                raise ValueError(f"night {number} is {before.phase} and can't become {phase} again")
            changes: dict[str, Any] = {"phase": phase.value}
            changes |= {"adapter": adapter} if adapter is not None else {}
            changes |= {"report": json.dumps(report, ensure_ascii=False)} if report is not None else {}
            changes |= {"finished": _iso(finished)} if finished is not None else {}
            fields = ", ".join(f"{k} = ?" for k in changes)
            self._db.execute(f"UPDATE nights SET {fields} WHERE number = ?", (*changes.values(), number))
        return self._known_night(number)

    def night(self, number: int) -> Night | None:
        """One night, if there was one."""
        found = self._rows("SELECT * FROM nights WHERE number = ?", (number,))
        return _night(found[0]) if found else None

    def _known_night(self, number: int) -> Night:
        night = self.night(number)
        if night is None:
            raise KeyError(number)
        return night

    def nights(self) -> list[Night]:
        """All nights, the first first."""
        return [_night(r) for r in self._rows("SELECT * FROM nights ORDER BY number")]

    def unfinished(self) -> Night | None:
        """The night that was interrupted, if any."""
        found = self._rows("SELECT * FROM nights WHERE finished IS NULL ORDER BY number DESC LIMIT 1")
        return _night(found[0]) if found else None

    def last_finished(self) -> Night | None:
        """The latest night that ended, whatever its outcome."""
        found = self._rows("SELECT * FROM nights WHERE finished IS NOT NULL ORDER BY number DESC LIMIT 1")
        return _night(found[0]) if found else None

    # -------------------------------------------------------------------- meta

    def meta(self, key: str) -> str | None:
        """A note about the home, if it was made."""
        found = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(found[0]["value"]) if found else None

    def set_meta(self, key: str, value: str) -> None:
        """Make a note about the home."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def check(self) -> str:
        """SQLite's own integrity check: "ok", or what is wrong."""
        return str(self._rows("PRAGMA integrity_check")[0][0])

    def copy_to(self, path: Path) -> None:
        """A consistent copy, also while others write."""
        with self._lock, sqlite3.connect(path) as copy:
            self._db.backup(copy)
        copy.close()

    def run(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """A change that spans tables (see `forgetting`), in one transaction."""
        with self.transaction():
            change(self._db)

    def vacuum(self) -> None:
        """Rewrite the file without the bytes of what was deleted, and empty the write-ahead log."""
        with self._lock:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _where(**equal: Any) -> tuple[str, list[Any]]:
    given = {k: v for k, v in equal.items() if v is not None}
    return (" WHERE " + " AND ".join(f"{k} = ?" for k in given) if given else ""), list(given.values())


def _iso(at: datetime) -> str:
    if at.tzinfo is None:
        at = at.astimezone()
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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


def _night(r: sqlite3.Row) -> Night:
    return Night(
        number=r["number"], phase=Phase(r["phase"]), started=datetime.fromisoformat(r["started"]),
        finished=_time(r["finished"]), episodes=tuple(EpisodeId(i) for i in json.loads(r["episodes"])),
        adapter=r["adapter"], parent=r["parent"], report=json.loads(r["report"]) if r["report"] else None,
    )  # fmt: skip
