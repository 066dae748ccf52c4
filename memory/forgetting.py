"""Forgetting: a memory's statement leaves every table of the ledger; what else was said in the same breath stays.

The ledger is cleaned here, and notes which nights were trained on the statement; the home's log of errors is emptied.
The caller lets the weights `unlearn` it (see `memory.undoing`), rebuilds the buffer from `ledger.waiting()`, and tells
the user what that cost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from memory.blotting import (
    blot_reply,
    blot_report,
    blot_said,
    blot_verbatim,
    sentences,
    tells,
)
from memory.episode import Episode, Memory, MemoryId, MemoryState, Origin, Phase
from memory.ledger import Ledger
from memory.ledger_sessions import TITLE
from memory.paths import LOG, write_atomic
from memory.undoing import note_for_unlearning

STALE = "buffer_is_stale"  # a note: what was forgotten may still be in the buffer
NONE = MemoryId(0)  # of a statement that is no memory: the ledger counts from 1


def forget(ledger: Ledger, ids: Iterable[MemoryId]) -> dict[str, Any]:
    """Redact memories and everything with the same words, so that no byte of them stays in the ledger.

    Returns:
        {"memories": ids, "episodes": n changed, "dreams": n deleted, "answers": n deleted,
        "nights": numbers of the nights whose adapters were trained on it}.

    Raises:
        KeyError: an unknown id; then nothing was forgotten.
    """
    return _forgotten(ledger, lambda: [ledger.memory(i) for i in ids])


def forget_words(ledger: Ledger, words: str) -> dict[str, Any]:
    """Redact every memory that has these words, and whatever was said with them, also where no night has read it yet.

    A tool's statement goes whole; of anything else the sentences that have the words. Afterwards they stand nowhere in
    the ledger. Returns what `forget` does.
    """
    return _forgotten(ledger, lambda: _with(ledger, words), words)


def _with(ledger: Ledger, words: str) -> list[Memory]:
    told = [e for e in ledger.episodes() if tells(e.said, words)]
    whole = {e.id for e in told if e.origin is Origin.TOOL}
    known = [m for m in ledger.memories() if tells(m.text, words) or m.episode in whole]
    return known + [
        Memory(id=NONE, episode=e.id, text=s, at=e.at) for e in told for s in _parts(e, words)
    ]


def _parts(episode: Episode, words: str) -> list[str]:
    if episode.origin is Origin.TOOL:
        return [episode.said]
    return [s for s in sentences(episode.said) if tells(s, words)] or [episode.said]


def _forgotten(ledger: Ledger, find: Callable[[], list[Memory]], words: str = "") -> dict[str, Any]:
    receipt: dict[str, Any] = {}

    def change(db: sqlite3.Connection) -> None:
        asked = [m for m in find() if m.state is not MemoryState.FORGOTTEN]
        texts = {_same(m.text) for m in asked}
        known = [m for m in ledger.memories() if m.text and _same(m.text) in texts]
        gone = known + [m for m in asked if m.id == NONE]
        gone.sort(key=lambda m: -len(m.text))  # a part blotted first would leave the whole unfound
        receipt["memories"] = [m.id for m in known]
        trained = _trained(ledger, known)
        undone = {n.number for n in ledger.nights() if n.phase is Phase.ROLLED_BACK}
        receipt["nights"] = sorted(trained - undone)
        note_for_unlearning(ledger, trained)
        receipt["episodes"] = _blot_episodes(db, ledger, gone, words)
        receipt["dreams"], receipt["answers"] = _delete_rehearsals(db, gone, words)
        _delete_traces(db, gone, words)
        _blot_notes(db, ledger, gone, words)
        for m in known:
            ledger.set_memory(m.id, text="", reason="", pinned=False, state=MemoryState.FORGOTTEN)
        if gone:
            ledger.set_meta(STALE, "1")
        _empty_log(ledger.path.with_name(LOG))

    ledger.run(change)
    ledger.vacuum()
    return receipt


def _trained(ledger: Ledger, gone: Sequence[Memory]) -> set[int]:
    """The nights that were trained on any of these, those that were undone since too."""
    of = {m.id for m in gone}
    dreamt = {d.night for d in ledger.dreams(used=True) if of & set(d.memories)}
    return dreamt | {m.night for m in gone if m.night is not None}


def _blot_episodes(
    db: sqlite3.Connection, ledger: Ledger, gone: Sequence[Memory], words: str
) -> int:
    changed, bookmarks = 0, ledger.bookmarks()
    for e in ledger.episodes():
        said, replied = e.said, e.replied
        for m in gone:
            own = m.episode == e.id
            if own and not tells(e.said, m.text):
                said = blot_said(said, m.text)
            elif own or len(m.text.split()) > 2:  # shorter ones may stand anywhere by chance
                said = blot_verbatim(said, m.text)
            if replied is not None:
                replied = blot_reply(replied, m.text, same_episode=own)
        said, replied = blot_verbatim(said, words), replied and blot_verbatim(replied, words)
        if (said, replied) != (e.said, e.replied):
            db.execute(
                "UPDATE episodes SET said = ?, replied = ? WHERE id = ?", (said, replied, e.id)
            )
            changed += 1
            if e.id in bookmarks:  # its pieces are other ones now
                bookmarks[e.id] = 0
    ledger.set_bookmarks(bookmarks)
    return changed


def _delete_rehearsals(
    db: sqlite3.Connection, gone: Sequence[Memory], words: str
) -> tuple[int, int]:
    """Delete the dreams and exam answers about these memories, and all others that have their words."""
    of, every = {m.id for m in gone}, [words, *(m.text for m in gone)]
    dreams = {
        r["dream"]
        for r in db.execute("SELECT dream, memory FROM dream_memories")
        if r["memory"] in of
    }
    dreams |= {
        r["id"]
        for r in db.execute("SELECT id, cue, reply FROM dreams")
        if any(tells(t, s) for t in (r["cue"], r["reply"]) for s in every)
    }
    answers = {
        r["id"]
        for r in db.execute("SELECT * FROM answers")
        if r["memory"] in of
        or any(
            tells(r[column], s)
            for column in ("question", "expected", "answer", "control_answer")
            for s in every
        )
    }
    db.executemany("DELETE FROM dreams WHERE id = ?", [(i,) for i in dreams])
    db.executemany("DELETE FROM answers WHERE id = ?", [(i,) for i in answers])
    return len(dreams), len(answers)


def _delete_traces(db: sqlite3.Connection, gone: Sequence[Memory], words: str) -> None:
    """Delete the traces of replies that lead to these memories, or tell of them in what else was answered."""
    of, told, every = {m.id for m in gone}, {m.episode for m in gone}, [m.text for m in gone]

    def gives_away(answer: str) -> bool:
        return tells(answer, words) or any(
            blot_reply(answer, text, same_episode=False) != answer for text in every
        )

    for r in db.execute("SELECT * FROM traces").fetchall():
        others = (r["without_buffer"], r["without_weights"], r["without_both"])
        found = {episode for episode, _ in json.loads(r["found"])}
        if r["memory"] in of or told & found or any(gives_away(o) for o in others if o):
            db.execute("DELETE FROM traces WHERE episode = ?", (r["episode"],))


def _blot_notes(db: sqlite3.Connection, ledger: Ledger, gone: Sequence[Memory], words: str) -> None:
    """What nights reported, and what sessions are called."""
    every = [*(m.text for m in gone), words]
    for night in ledger.nights():
        report: Any = night.report
        for text in every:
            report = blot_report(report, text)
        if report != night.report:
            text = json.dumps(report, ensure_ascii=False)
            db.execute("UPDATE nights SET report = ? WHERE number = ?", (text, night.number))
    for row in db.execute("SELECT * FROM meta WHERE key LIKE ?", (TITLE + "%",)).fetchall():
        title = row["value"]
        for text in every:
            title = blot_verbatim(title, text)
        db.execute("UPDATE meta SET value = ? WHERE key = ?", (title, row["key"]))


def _empty_log(log: Path) -> None:
    """Errors quote what was said, cut and escaped in ways that no search foresees: nothing of them is kept."""
    if log.exists():
        write_atomic(log, b"")


def _same(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?…")
