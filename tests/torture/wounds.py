"""Starts a home again and says everything that is wrong with it; [] is what a test wants."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from life import BACKED_UP, DEEDS, FORGOT, RESTORED, WORD, Life

from memory.adapters import digest
from memory.blotting import only_marks
from memory.episode import MemoryState, Phase
from memory.home import Home
from memory.undoing import lineage

SLOW = 2.0  # seconds of this process and its children that a start may take

ALIKE = 0.999  # a statement and itself


def wounds(path: Path, listen: Callable[[str], None] = lambda note: None) -> list[str]:
    """Every promise that the home breaks; `listen` hears what it says of itself."""
    began = sum(os.times()[:4])
    with Home.open(path) as home:
        for note in home.notes:
            listen(note)
        life = Life(path, home)
        seconds = sum(os.times()[:4]) - began
        wrong = [*_told(life), *_places(life), *_weights(life)]
        if seconds > SLOW:
            wrong.append(f"the start took {seconds:.1f} s")
        life.store.close()
    if FORGOT in life.told():
        wrong += [f"forgotten and still in {p.name}" for p in path.rglob("*") if _knows(p)]
    wrong += [f"not private: {p.name}" for p in path.rglob("*") if p.stat().st_mode & 0o077]
    if BACKED_UP in life.told() and not _is_whole(path.with_name(f"{path.name}.zip")):
        wrong.append("the backup is gone or torn")
    if RESTORED in life.told():
        with Home.open(path.with_name(f"{path.name}.again")) as again:
            wrong += [f"restored: {note}" for note in again.notes]
            if not again.ledger.episodes():
                wrong.append("restored: nothing")
    return wrong


def _is_whole(backup: Path) -> bool:
    return backup.exists() and zipfile.ZipFile(backup).testzip() is None


def _told(life: Life) -> list[str]:
    """Nothing that was acknowledged is lost, nothing is there twice."""
    said = [e.said for e in life.home.ledger.episodes()]
    lost = [f"lost: {t}" for t in life.told() if t not in DEEDS and t not in said]
    return lost + [f"twice: {t}" for t in set(said) if said.count(t) > 1 and not only_marks(t)]


def _places(life: Life) -> list[str]:
    """Every episode is in the buffer, or everything it said is in the weights that are worn, or was replaced."""
    ledger, wrong = life.home.ledger, []
    waiting = {e.id for e in ledger.waiting()}
    worn = life.home.adapters.current()
    inside = lineage(ledger, worn.night if worn else None)
    for e in ledger.episodes():
        states = [
            m.state is not MemoryState.CONSOLIDATED or m.night in inside
            for m in ledger.memories(episode=e.id)
            if m.state not in (MemoryState.BUFFER, MemoryState.KEPT_BACK)
        ]
        if e.id not in waiting and not only_marks(e.said) and not (states and all(states)):
            wrong.append(f"neither in the buffer nor in the weights: {e.said}")
    nights = [n.report for n in ledger.nights() if n.report]
    for m in ledger.memories():
        tried = sum(m.id in r.get("memories", ()) for r in nights)
        if m.failures > tried:
            wrong.append(f"{m.failures} failures in {tried} nights: {m.text}")
    if life.home.adapters.warning:
        wrong.append(life.home.adapters.warning)
    if life.store.ids() != waiting:
        wrong.append("the buffer isn't what the ledger says")
    for e in ledger.waiting():
        if not any(r.similarity > ALIKE for r in life.store.search(e.said, 1)):
            wrong.append(f"not found in the buffer: {e.said}")
    if ledger.check() != "ok":
        wrong.append("the ledger is damaged")
    return wrong


def _weights(life: Life) -> list[str]:
    """A night's adapter is there when the ledger says so, and none is that learnt what is forgotten."""
    ledger, adapters, wrong = life.home.ledger, life.home.adapters, []
    night = ledger.unfinished()
    if night is not None and night.phase in (Phase.SEEDED, Phase.EXAMINED, Phase.COMMITTED):
        name = f"night-{night.number:04}"
        if night.sha256 not in map(
            digest, (adapters.path(f".staging-{name}"), adapters.path(name))
        ):
            wrong.append(f"the adapter of {name} is not what was trained")
    gone = {m.id for m in ledger.memories(state=MemoryState.FORGOTTEN)}
    trained = {
        n.number for n in ledger.nights() if gone & set((n.report or {}).get("memories", ()))
    }
    if FORGOT in life.told():
        wrong += [
            f"{c.name} knows what is forgotten"
            for c in adapters.cards()
            if lineage(ledger, c.night) & trained
        ]
    return wrong


def _knows(file: Path) -> bool:
    return file.is_file() and WORD in file.read_bytes()
