"""A short life of a home, to be killed anywhere: told things, nights, a thing forgotten, a night undone, a backup.

The home, the ledger, Chroma, the adapters, and the night's own order, commit and clearing are the real ones; the steps
that need a language model are scripted, so that a night takes milliseconds and every memory passes its exam. What was
acknowledged stands in HOME.told, a line each, written after the fact; a life that was cut off is gone on with.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from conftest import HashEmbedder
from safetensors.numpy import save

from memory.buffer import open_buffer
from memory.config import Config
from memory.episode import DreamKind, ExamAnswer, MemoryState, Phase
from memory.errors import HomeError, NothingToLearn
from memory.forgetting import forget, forget_words
from memory.home import Home
from memory.paths import private_dir, write_atomic
from memory.transfer import backup, restore
from memory.undoing import undo, unlearn
from sleep import night, phases
from sleep.prepare import recover
from sleep.room import Room

SECRET = "My word is zanzibar."
WORD = b"zanzibar"
RARE = 3  # nights
HARD = "My number 1 "  # isn't learnt
FORGOT, BACKED_UP, RESTORED = DEEDS = ("forgot", "backed up", "restored")  # acknowledged, too
ABLE = (MemoryState.BUFFER, MemoryState.KEPT_BACK)


def subject(text: str) -> str:
    """What a statement is about: the newer of two about the same replaces the older."""
    return text.split(" is ")[0]


def replay(room: Room) -> Iterator[Any]:
    """Every episode is one memory, but for those that have theirs already."""
    every = room.ledger.memories()
    known = {m.episode for m in every}
    held = {subject(m.text): m for m in every if m.state in (*ABLE, MemoryState.CONSOLIDATED)}
    with room.ledger.transaction():
        for e in room.episodes:
            if e.id in known:
                continue
            (new,) = room.ledger.add_memories([(e.id, e.said, e.at)])
            if old := held.get(subject(new.text)):
                changes = {"state": MemoryState.SUPERSEDED, "superseded_by": new.id}
                room.ledger.set_memory(old.id, **changes)
            held[subject(new.text)] = new
    yield from ()


def dream(room: Room) -> Iterator[Any]:
    """Tonight's memories are those that still wait."""
    inside = {e.id for e in room.episodes}
    mine = [m for m in room.ledger.memories() if m.episode in inside and m.state in ABLE]
    if not mine:
        raise NothingToLearn("There is nothing to learn.")
    room.report["memories"] = [m.id for m in mine]
    yield from ()


def seed(room: Room) -> Iterator[Any]:
    """An adapter of a few numbers."""
    private_dir(room.staging)
    weights = np.random.default_rng(room.number).normal(size=64).astype(np.float32)
    write_atomic(room.staging / "adapter_model.safetensors", save({"w": weights}))
    (room.staging / "adapter_config.json").write_text("{}")
    room.sign()
    yield from ()


def examine(room: Room) -> Iterator[Any]:
    """Three questions a memory, all right with the adapter and none without; one memory always fails."""
    room.ledger.clear_answers(room.number)
    room.ledger.add_answers(
        [
            ExamAnswer(
                night=room.number, memory=i, kind=DreamKind.FACT, question="?", expected="!", answer="!",
                right=not room.ledger.memory(i).text.startswith(HARD),
                control_answer="", control_right=False,
            )
            for i in room.report["memories"]
            for _ in range(3)
        ]
    )  # fmt: skip
    yield from ()


SCRIPTED = (
    (Phase.REPLAYED, replay),
    (Phase.DREAMT, dream),
    (Phase.SEEDED, seed),
    (Phase.EXAMINED, examine),
    (Phase.COMMITTED, phases.commit),
    (Phase.CLEARED, phases.clear),
)


def sleep(
    home: Home, store: Any, stop: Callable[[], bool] = lambda: False, *, keep: int = 5
) -> dict[str, Any]:
    """One night in the real order; its report, {} when there was nothing to learn."""
    before, night.STEPS = night.STEPS, SCRIPTED
    model = SimpleNamespace(wear=lambda path: None, hastens=False)
    checkpoint = SimpleNamespace(base_hash="0" * 64, instincts_hash=None, stamp="0" * 64)
    try:
        with contextlib.suppress(NothingToLearn):
            events = night.sleep(
                home,
                model,
                checkpoint,
                store,
                HashEmbedder(),
                Config(keep_adapters=keep),
                stop=stop,
            )
            return list(events)[-1].report
        return {}
    finally:
        night.STEPS = before


class Life:
    """One home and what was acknowledged to its user."""

    def __init__(self, path: Path, home: Home) -> None:
        self.path, self.home = path, home
        recover(home)
        self.store = open_buffer(home, HashEmbedder())

    def told(self) -> list[str]:
        """Every acknowledged line."""
        file = told_file(self.path)
        return file.read_text().splitlines() if file.exists() else []

    def acknowledge(self, line: str) -> None:
        if line not in self.told():
            with told_file(self.path).open("a") as file:
                file.write(line + "\n")

    def tell(self, text: str) -> None:
        """Once, however often the life is begun again."""
        if text not in {e.said for e in self.home.ledger.episodes()}:
            self.store.add([self.home.ledger.append(text)])
        self.acknowledge(text)

    def keep_secret(self) -> None:
        """Told, learnt and forgotten again; after that no byte of it may be left."""
        if FORGOT in self.told():
            return
        ledger = self.home.ledger
        found = [m for m in ledger.memories() if m.text == SECRET]
        gone = [m for m in ledger.memories() if m.state is MemoryState.FORGOTTEN]
        if not found and not gone:
            return
        forget(ledger, [m.id for m in found])
        unlearn(ledger, self.home.adapters)
        self.store.rebuild(ledger.waiting())
        self.acknowledge(FORGOT)

    def let_slip(self) -> None:
        """Told and forgotten again before any night has read it."""
        if FORGOT in self.told():
            return
        self.whisper()
        forget_words(self.home.ledger, SECRET)
        self.store.rebuild(self.home.ledger.waiting())
        self.acknowledge(FORGOT)

    def whisper(self) -> None:
        ledger = self.home.ledger
        gone = any(m.state is MemoryState.FORGOTTEN for m in ledger.memories())
        if not gone and SECRET not in {e.said for e in ledger.episodes()}:
            self.store.add([ledger.append(SECRET)])


def told_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.told")


def things(seed: int) -> tuple[list[str], list[str]]:
    """What is told before the first and before the second night; the last thing corrects the first."""
    draw = random.Random(f"life {seed}")
    day = [f"My number {i} is {draw.randrange(10**6)}." for i in range(draw.randint(2, 6))]
    evening = [f"My colour {i} is {draw.randrange(10**6)}." for i in range(draw.randint(1, 4))]
    return day, [*evening, f"{subject(day[0])} is {draw.randrange(10**6)}."]


def live(path: Path, seed: int) -> None:
    """The whole life; it goes on where an earlier one was cut off."""
    day, evening = things(seed)
    with Home.open(path) as home:
        life = Life(path, home)
        for text in day:
            life.tell(text)
        life.whisper()
        life.store.close()
    with Home.open(path) as home:
        life = Life(path, home)
        sleep(home, life.store)
        life.keep_secret()
        for text in evening:
            life.tell(text)
        sleep(home, life.store)
        last = home.ledger.last_finished()
        if seed % 2 and last is not None and (last.phase, last.number) == (Phase.CLEARED, 2):
            undo(home.ledger, home.adapters, 2)
            life.store.rebuild(home.ledger.waiting())
        if not path.with_name(f"{path.name}.zip").exists():
            backup(home, path.with_name(f"{path.name}.zip"))
        life.acknowledge(BACKED_UP)
        life.store.close()


def rare(path: Path, seed: int) -> None:
    """What seldom happens: adapters pruned, a name taken already, a buffer spoilt, leftovers, a home restored."""
    del seed
    for n in range(RARE):
        with Home.open(path) as home:
            life = Life(path, home)
            life.let_slip()
            life.tell(f"My number {n} is {n}.")
            home.adapters.path(f"night-{n + 1:04}").mkdir(mode=0o700, exist_ok=True)
            sleep(home, life.store, keep=2)
            life.store.close()
        (path / ".seal.left").touch(mode=0o600)
        with (path / "buffer" / "chroma.sqlite3").open("ab") as file:
            file.write(b"spoilt")
    with Home.open(path) as home:
        life = Life(path, home)
        backup(home, path.with_name(f"{path.name}.zip"))
        life.acknowledge(BACKED_UP)
        life.store.close()
    again = path.with_name(f"{path.name}.again")
    if not again.exists():
        restore(path.with_name(f"{path.name}.zip"), again)
    life.acknowledge(RESTORED)
    with Home.open(path) as home:  # a day that Chroma fails on
        store: Any = Life(path, home).store
        store._collection = None
        with contextlib.suppress(HomeError):
            store.ids()
        store.close()
    with Home.open(path) as home:  # the days after
        Life(path, home).store.close()


def expected(seed: int, kind: str) -> list[str]:
    """Every line that must be acknowledged in the end."""
    if kind == "rare":
        return [FORGOT, *(f"My number {n} is {n}." for n in range(RARE)), BACKED_UP, RESTORED]
    day, evening = things(seed)
    return [*day, *evening, FORGOT, *([BACKED_UP] if kind == "live" else [])]
