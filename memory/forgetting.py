"""Forgetting: a memory's statement leaves every table of the ledger; what else was said in the same breath stays.

The ledger alone is cleaned here. The caller rebuilds the buffer from `ledger.waiting()`, and tells the user which
nights' adapters learnt the statement: those know it until they are rolled back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from memory.blotting import blot_reply, blot_report, blot_said, blot_verbatim
from memory.episode import Memory, MemoryId, MemoryState, Phase
from memory.ledger import Ledger

STALE = "buffer_is_stale"  # a note: what was forgotten may still be in the buffer


def forget(ledger: Ledger, ids: Iterable[MemoryId]) -> dict[str, Any]:
    """Redact memories and everything with the same words, so that no byte of them stays in the ledger.

    Returns:
        {"memories": ids, "episodes": n changed, "dreams": n deleted, "answers": n deleted,
        "nights": numbers of the nights whose adapters were trained on it}.

    Raises:
        KeyError: an unknown id; then nothing was forgotten.
    """
    receipt: dict[str, Any] = {}

    def change(db: sqlite3.Connection) -> None:
        asked = [m for m in map(ledger.memory, ids) if m.state is not MemoryState.FORGOTTEN]
        texts = {_same(m.text) for m in asked}
        gone = [m for m in ledger.memories() if m.text and _same(m.text) in texts]
        receipt["memories"] = [m.id for m in gone]
        receipt["nights"] = _nights(ledger, gone)
        receipt["episodes"] = _blot_episodes(db, ledger, gone)
        receipt["dreams"], receipt["answers"] = _delete_traces(db, gone)
        _blot_reports(db, ledger, gone)
        for m in gone:
            ledger.set_meta(STALE, "1")
            ledger.set_memory(m.id, text="", reason="", pinned=False, state=MemoryState.FORGOTTEN)

    ledger.run(change)
    ledger.vacuum()
    return receipt


def _nights(ledger: Ledger, gone: Sequence[Memory]) -> list[int]:
    """The nights that are still in the weights and were trained on any of these."""
    of = {m.id for m in gone}
    trained = {d.night for d in ledger.dreams(used=True) if of & set(d.memories)} | {
        m.night for m in gone
    }
    return [
        n.number
        for n in ledger.nights()
        if n.number in trained and n.phase is not Phase.ROLLED_BACK
    ]


def _blot_episodes(db: sqlite3.Connection, ledger: Ledger, gone: Sequence[Memory]) -> int:
    changed = 0
    for e in ledger.episodes():
        said, replied = e.said, e.replied
        for m in gone:
            own = m.episode == e.id
            if own:
                said = blot_said(said, m.text)
            elif len(m.text.split()) > 2:  # shorter ones may stand anywhere by chance
                said = blot_verbatim(said, m.text)
            if replied is not None:
                replied = blot_reply(replied, m.text, same_episode=own)
        if (said, replied) != (e.said, e.replied):
            db.execute(
                "UPDATE episodes SET said = ?, replied = ? WHERE id = ?", (said, replied, e.id)
            )
            changed += 1
    return changed


def _delete_traces(db: sqlite3.Connection, gone: Sequence[Memory]) -> tuple[int, int]:
    """Delete the dreams and exam answers about these memories, and all others that have their words."""
    of = {m.id for m in gone}

    def tells(*texts: str) -> bool:
        return any(blot_verbatim(t, m.text) != t for t in texts for m in gone)

    dreams = {
        r["dream"]
        for r in db.execute("SELECT dream, memory FROM dream_memories")
        if r["memory"] in of
    }
    dreams |= {
        r["id"]
        for r in db.execute("SELECT id, cue, reply FROM dreams")
        if tells(r["cue"], r["reply"])
    }
    answers = {
        r["id"]
        for r in db.execute("SELECT * FROM answers")
        if r["memory"] in of
        or tells(r["question"], r["expected"], r["answer"], r["control_answer"])
    }
    db.executemany("DELETE FROM dreams WHERE id = ?", [(i,) for i in dreams])
    db.executemany("DELETE FROM answers WHERE id = ?", [(i,) for i in answers])
    return len(dreams), len(answers)


def _blot_reports(db: sqlite3.Connection, ledger: Ledger, gone: Sequence[Memory]) -> None:
    for night in ledger.nights():
        report: Any = night.report
        for m in gone:
            report = blot_report(report, m.text)
        if report != night.report:
            text = json.dumps(report, ensure_ascii=False)
            db.execute("UPDATE nights SET report = ? WHERE number = ?", (text, night.number))


def _same(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?…")
