"""What the ledger knows about nights: their phases, dreams and exams. A night only moves forward, or is rolled back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from memory.database import Database, iso, time, where
from memory.episode import Dream, DreamKind, EpisodeId, ExamAnswer, MemoryId, Night, Phase


class Diary(Database):
    """The tables that a night writes; `Ledger` adds what people say and what is known."""

    # ------------------------------------------------------------------ nights

    def begin_night(self, episodes: Iterable[EpisodeId], parent: str | None) -> Night:
        """A new night, planned over these episodes."""
        with self.transaction():
            number = int(self._rows("SELECT coalesce(max(number), 0) + 1 FROM nights")[0][0])
            self._sql(
                "INSERT INTO nights (number, phase, started, episodes, parent) VALUES (?, ?, ?, ?, ?)",
                (
                    number,
                    Phase.PLANNED.value,
                    iso(datetime.now(UTC)),
                    json.dumps(list(episodes)),
                    parent,
                ),
            )
            return self._known_night(number)

    def advance(
        self,
        number: int,
        phase: Phase,
        *,
        adapter: str | None = None,
        sha256: str | None = None,
        report: dict[str, Any] | None = None,
        finished: datetime | None = None,
        then: Callable[[], None] | None = None,
    ) -> Night:
        """Move a night on, together with what `then` writes: both happen or neither.

        Raises:
            ValueError: it would go back. Only a roll-back is always allowed.
            KeyError: there was no such night.
        """
        order = list(Phase)
        with self.transaction():
            before = self._known_night(number)
            if order.index(phase) < order.index(before.phase):
                raise ValueError(f"night {number} is {before.phase} and can't become {phase} again")
            changes: dict[str, Any] = {"phase": phase.value}
            changes |= {"adapter": adapter} if adapter is not None else {}
            changes |= {"sha256": sha256} if sha256 is not None else {}
            changes |= (
                {"report": json.dumps(report, ensure_ascii=False)} if report is not None else {}
            )
            changes |= {"finished": iso(finished)} if finished is not None else {}
            fields = ", ".join(f"{k} = ?" for k in changes)
            self._sql(f"UPDATE nights SET {fields} WHERE number = ?", (*changes.values(), number))
            if then is not None:
                then()
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

    def signature(self, adapter: str) -> str | None:
        """The digest of an adapter as its night trained it; None where none was written down."""
        found = self._rows("SELECT sha256 FROM nights WHERE adapter = ?", (adapter,))
        return found[-1]["sha256"] if found else None

    def unfinished(self) -> Night | None:
        """The night that was interrupted, if any."""
        found = self._rows(
            "SELECT * FROM nights WHERE finished IS NULL AND phase != ? ORDER BY number DESC LIMIT 1",
            (Phase.ROLLED_BACK.value,),
        )
        return _night(found[0]) if found else None

    def last_finished(self) -> Night | None:
        """The latest night that ended, whatever its outcome."""
        found = self._rows(
            "SELECT * FROM nights WHERE finished IS NOT NULL ORDER BY number DESC LIMIT 1"
        )
        return _night(found[0]) if found else None

    def learnt_until(self) -> datetime | None:
        """When the latest night began that is in the weights, neither rolled back nor undone; None without one."""
        kept = (Phase.COMMITTED.value, Phase.CLEARED.value)
        found = self._rows(
            "SELECT started FROM nights WHERE phase IN (?, ?) ORDER BY number DESC LIMIT 1", kept
        )
        return time(found[0]["started"]) if found else None

    # ------------------------------------------------------------------ dreams

    def add_dreams(self, dreams: Sequence[Dream]) -> None:
        """Write dreams into the diary."""
        with self.transaction():
            for d in dreams:
                dream = self._sql(
                    "INSERT INTO dreams (night, kind, cue, reply, gap, used, held_out) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (d.night, d.kind.value, d.cue, d.reply, d.gap, d.used, d.held_out),
                ).lastrowid
                for place, memory in enumerate(d.memories):
                    self._sql("INSERT INTO dream_memories VALUES (?, ?, ?)", (dream, memory, place))

    def dreams(
        self,
        *,
        night: int | None = None,
        memory: MemoryId | None = None,
        used: bool | None = None,
        held_out: bool | None = None,
    ) -> list[Dream]:
        """Dreams in the order they were written."""
        of_these, values = where(night=night, used=used, held_out=held_out)
        links: dict[int, list[MemoryId]] = {}
        inside = f"SELECT id FROM dreams{of_these}"
        for r in self._rows(
            f"SELECT * FROM dream_memories WHERE dream IN ({inside}) ORDER BY dream, place", values
        ):
            links.setdefault(r["dream"], []).append(MemoryId(r["memory"]))
        return [
            Dream(
                night=r["night"], memories=tuple(links.get(r["id"], ())), kind=DreamKind(r["kind"]), cue=r["cue"],
                reply=r["reply"], gap=r["gap"], used=bool(r["used"]), held_out=bool(r["held_out"]),
            )
            for r in self._rows(f"SELECT * FROM dreams{of_these} ORDER BY id", values)
            if memory is None or memory in links.get(r["id"], ())
        ]  # fmt: skip

    def clear_dreams(self, night: int) -> None:
        """Take a night's dreams out, to dream it again."""
        with self.transaction():
            self._sql("DELETE FROM dreams WHERE night = ?", (night,))

    # -------------------------------------------------------------------- exam

    def add_answers(self, answers: Sequence[ExamAnswer]) -> None:
        """Record exam answers."""
        with self.transaction():
            for a in answers:
                self._sql(
                    "INSERT INTO answers (night, memory, kind, question, expected, answer, right, control_answer,"
                    " control_right) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (a.night, a.memory, a.kind.value, a.question, a.expected, a.answer, a.right, a.control_answer,
                     a.control_right),
                )  # fmt: skip

    def answers(
        self, *, night: int | None = None, memory: MemoryId | None = None
    ) -> list[ExamAnswer]:
        """Exam answers in the order they were given."""
        of_these, values = where(night=night, memory=memory)
        return [
            ExamAnswer(
                night=r["night"], memory=r["memory"], kind=DreamKind(r["kind"]), question=r["question"],
                expected=r["expected"], answer=r["answer"], right=bool(r["right"]),
                control_answer=r["control_answer"], control_right=bool(r["control_right"]),
            )
            for r in self._rows(f"SELECT * FROM answers{of_these} ORDER BY id", values)
        ]  # fmt: skip

    def clear_answers(self, night: int) -> None:
        """Take a night's exam out, to sit it again."""
        with self.transaction():
            self._sql("DELETE FROM answers WHERE night = ?", (night,))

    # -------------------------------------------------------------------- meta

    def meta(self, key: str) -> str | None:
        """A note about the home (what base it was learnt on, who made it), if there is one."""
        found = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(found[0]["value"]) if found else None

    def set_meta(self, key: str, value: str) -> None:
        """Make a note about the home."""
        with self.transaction():
            self._sql("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _night(r: sqlite3.Row) -> Night:
    return Night(
        number=r["number"], phase=Phase(r["phase"]), started=datetime.fromisoformat(r["started"]),
        finished=time(r["finished"]), episodes=tuple(EpisodeId(i) for i in json.loads(r["episodes"])),
        adapter=r["adapter"], parent=r["parent"], report=json.loads(r["report"]) if r["report"] else None,
        sha256=r["sha256"],
    )  # fmt: skip
