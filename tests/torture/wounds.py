"""Starts a home again and says everything that is wrong with it; [] is what a test wants."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from life import Life, told_file

from memory.blotting import only_marks
from memory.episode import MemoryState
from memory.home import Home
from memory.undoing import lineage

SLOW = 2.0  # seconds of this process and its children that a start may take


def wounds(path: Path, listen: Callable[[str], None] = lambda note: None) -> list[str]:
    """Every promise that the home breaks; `listen` hears what it says of itself."""
    began = sum(os.times()[:4])
    with Home.open(path) as home:
        for note in home.notes:
            listen(note)
        life = Life(path, home)
        seconds = sum(os.times()[:4]) - began
        wrong = [*_told(life), *_places(life)]
        if seconds > SLOW:
            wrong.append(f"the start took {seconds:.1f} s")
        life.store.close()
    if "forgot" in life.told():
        wrong += [f"forgotten and still in {p.name}" for p in path.rglob("*") if _knows(p)]
    wrong += [f"not private: {p.name}" for p in path.rglob("*") if p.stat().st_mode & 0o077]
    return wrong


def _told(life: Life) -> list[str]:
    """Nothing that was acknowledged is lost, nothing is there twice."""
    said = [e.said for e in life.home.ledger.episodes()]
    lost = [f"lost: {t}" for t in life.told() if t != "forgot" and t not in said]
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
    if ledger.check() != "ok":
        wrong.append("the ledger is damaged")
    return wrong


def _knows(file: Path) -> bool:
    return file.is_file() and b"zanzibar" in file.read_bytes()


def acknowledged(path: Path) -> int:
    """How many lines the user saw acknowledged."""
    file = told_file(path)
    return len(file.read_text().splitlines()) if file.exists() else 0
