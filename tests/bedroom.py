"""A home in which a tiny model sleeps, shared by the tests of nights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.local_model import LocalModel
from agent.weights import Checkpoint
from memory.config import Config
from memory.home import Home
from memory.ram_store import RamStore
from sleep.night import sleep
from sleep.prepare import enter
from sleep.room import Room


class Bedroom:
    """A home with everything a night needs."""

    def __init__(self, path: Path, checkpoint: Path, embedder: object) -> None:
        self.home = Home.open(path)
        self.embedder = embedder
        self.store = RamStore(embedder)
        self.checkpoint = Checkpoint(
            name="tiny",
            base_path=checkpoint,
            path=checkpoint,
            base_hash="0" * 64,
            instincts_hash=None,
        )
        self.model = LocalModel.load(checkpoint, name="tiny", device="cpu")
        self.teacher: LocalModel | None = None  # another model that reads and dreams
        self.config = Config(dreams_per_memory=4, rehearsal_texts=8)

    def tell(self, *texts: str) -> None:
        self.store.add([self.home.ledger.append(t) for t in texts])

    def evening(self, minutes: float | None = None) -> Room:
        """The room of a new night, before its first phase."""
        room, _ = enter(
            self.home, self.model, self.checkpoint, self.store, self.embedder, self.config, minutes, lambda: False,
            teacher=self.teacher,
        )  # fmt: skip
        return room

    def sleep(self, **options: object) -> list[object]:
        return list(self.events(**options))

    def events(self, **options: object) -> Iterator[object]:
        """The same, one by one."""
        return sleep(
            self.home, self.model, self.checkpoint, self.store, self.embedder, self.config,
            teacher=self.teacher, **options,
        )  # fmt: skip
