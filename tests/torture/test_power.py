"""A power cut keeps only what was synced: a file is on disk before it gets its name, and its name before the next step.

The disk here is the real one; it is only listened to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory import faults
from memory.errors import HomeError
from memory.home import Home
from memory.ledger import Ledger
from memory.paths import write_atomic
from memory.transfer import backup, restore


class Disk:
    """Notes which files and folders were synced, and complains of names given to what was not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: set[int] = set()
        self.unsafe: list[str] = []
        self.unnamed: set[Path] = (
            set()
        )  # folders with a new name in them that a power cut would take back
        self._fsync, self._replace = os.fsync, Path.replace
        disk = self

        def replace(path: Path, target: Any) -> Path:
            return disk.replace(path, Path(target))

        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(Path, "replace", replace)

    def fsync(self, descriptor: int) -> None:
        self._fsync(descriptor)
        self.synced.add(os.fstat(descriptor).st_ino)
        self.unnamed = {
            f for f in self.unnamed if f.exists() and f.stat().st_ino not in self.synced
        }

    def replace(self, path: Path, target: Path) -> Path:
        if (
            ".old" not in target.name and "buffer" not in path.parts[-1]
        ):  # Chroma's files are derived
            files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            files = [p for p in files if p.suffix != ".lock"]  # there is nothing in them
            self.unsafe += [p.name for p in files if p.stat().st_ino not in self.synced]
        out = self._replace(path, target)
        self.synced.discard(target.parent.stat().st_ino)
        self.unnamed.add(target.parent)
        return out


def live_a_day_and_a_night(path: Path) -> None:
    from life import (
        Life,
        sleep,
    )  # here, since they bring torch with them, and the other tests need none

    with Home.open(path) as home:
        life = Life(path, home)
        life.tell("My number 0 is 0.")
        assert sleep(home, life.store)["outcome"] == "cleared"
        life.store.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    listening = Disk(monkeypatch)
    yield listening
    assert listening.unsafe == [] and listening.unnamed == set()


def test_a_file_is_synced_before_it_gets_its_name_and_the_name_after(
    disk: Disk, tmp_path: Path
) -> None:
    write_atomic(tmp_path / "file", b"words")


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomic(tmp_path / "file", b"old")
    monkeypatch.setenv("SOMNUS_FAULT", f"file.written:{faults.visits['file.written'] + 1}:EIO")
    with pytest.raises(HomeError, match="can't be written"):
        write_atomic(tmp_path / "file", b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_a_night_syncs_each_step_before_the_next(disk: Disk, home_path: Path) -> None:
    live_a_day_and_a_night(home_path)
    weights = home_path / "adapters" / "night-0001" / "adapter_model.safetensors"
    assert weights.stat().st_ino in disk.synced


def test_a_trained_adapter_is_synced_before_the_ledger_says_so(
    disk: Disk, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Ledger.advance

    def listening(self: Ledger, number: int, phase: Any, **changes: Any) -> Any:
        if changes.get("sha256"):
            (folder,) = (home_path / "adapters").glob(".staging-*")
            disk.unsafe += [p.name for p in folder.iterdir() if p.stat().st_ino not in disk.synced]
        return advance(self, number, phase, **changes)

    monkeypatch.setattr(Ledger, "advance", listening)
    live_a_day_and_a_night(home_path)


def test_a_backup_is_on_disk_before_it_is_called_one(
    disk: Disk, home_path: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    with Home.open(home_path) as home:
        home.ledger.append("hello")
        backup(home, away / "b.zip")
    assert disk.unnamed == set()
    restore(away / "b.zip", tmp_path / "again")


def test_what_is_acknowledged_is_in_the_ledger_for_good(home_path: Path) -> None:
    with Home.open(home_path) as home:
        read = home.ledger._db.execute
        assert read("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert read("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert read("PRAGMA secure_delete").fetchone()[0] == 1
