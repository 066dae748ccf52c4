"""A write-ahead log that is spoilt after its owner died: nothing is lost in silence, and no ledger is half a one."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from damage import KINDS, spoil

from memory.errors import HomeError
from memory.home import Home

ROOT = Path(__file__).parents[2]
LOG = "ledger.db-wal"
# Told, acknowledged, dead: nothing is closed, so that all of it is in the log.
DYING = """
import os, sys
from pathlib import Path
from memory.home import Home
home, begin, end = Home.open(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
for i in range(begin, end):
    home.ledger.append(f"My number {i} is {i}.")
os._exit(137)
"""


def live_and_die(path: Path, begin: int, end: int) -> None:
    words = [sys.executable, "-c", DYING, str(path), str(begin), str(end)]
    assert subprocess.run(words, cwd=ROOT, check=False, timeout=60).returncode == 137
    assert (path / LOG).stat().st_size > 0


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """Homes that died, and how much they were told: all that was ever said in the log, its end, after a checkpoint."""
    folder = tmp_path_factory.mktemp("dead")
    live_and_die(folder / "young", 0, 8)
    shutil.copytree(folder / "young", folder / "old")
    Home.open(folder / "old").close()
    live_and_die(folder / "old", 8, 12)
    live_and_die(folder / "long", 0, 90)
    return {
        "young": (folder / "young", 8),
        "old": (folder / "old", 12),
        "long": (folder / "long", 90),
    }


@pytest.mark.parametrize("age", ["young", "old", "long"])
def test_a_log_as_it_was_left_loses_nothing_and_says_nothing(
    dead: dict[str, tuple[Path, int]], tmp_path: Path, age: str
) -> None:
    path, told = dead[age]
    shutil.copytree(path, tmp_path / "home")
    for _ in range(2):
        with Home.open(tmp_path / "home") as home:
            assert len(home.ledger.episodes()) == told and home.notes == []
            assert home.ledger.check() == "ok"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("age", ["young", "old", "long"])
def test_a_spoilt_log_is_told_or_refused_and_never_half_believed(
    dead: dict[str, tuple[Path, int]], tmp_path: Path, age: str, kind: str
) -> None:
    whole, told = dead[age]
    for seed in range(1 if kind in ("gone", "empty") else 12):
        path = tmp_path / str(seed)
        shutil.copytree(whole, path)
        spoil(path / LOG, kind, seed)
        try:
            home = Home.open(path)
        except HomeError as error:
            assert "\n" not in str(error), error
            continue
        with home:
            assert home.ledger.check() == "ok"
            said = [e.said for e in home.ledger.episodes()]
            assert said == [f"My number {i} is {i}." for i in range(len(said))]
            assert len(said) == told or home.notes, (
                f"{told - len(said)} lost in silence, seed {seed}"
            )
            home.ledger.append("Life goes on.")
        Home.open(path).close()


@pytest.mark.parametrize("age", ["young", "old"])
def test_who_only_reads_is_told_of_a_spoilt_log_and_so_is_the_next_owner_once(
    dead: dict[str, tuple[Path, int]], tmp_path: Path, age: str
) -> None:
    whole, told = dead[age]
    shutil.copytree(whole, tmp_path / "home")
    log = tmp_path / "home" / LOG
    log.write_bytes(log.read_bytes()[:-100])
    for read_only in (True, True, False):
        with Home.open(tmp_path / "home", read_only=read_only) as home:
            assert len(home.ledger.episodes()) < told
            assert [n for n in home.notes if "ledger's log" in n]
    for read_only in (False, True):
        with Home.open(tmp_path / "home", read_only=read_only) as home:
            assert home.notes == []


@pytest.mark.parametrize("age", ["young", "old", "long"])
def test_who_only_reads_a_log_as_it_was_left_says_nothing(
    dead: dict[str, tuple[Path, int]], tmp_path: Path, age: str
) -> None:
    whole, told = dead[age]
    shutil.copytree(whole, tmp_path / "home")
    for read_only in (True, True, False, True):
        with Home.open(tmp_path / "home", read_only=read_only) as home:
            assert len(home.ledger.episodes()) == told and home.notes == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("age", ["young", "old", "long"])
def test_spoilt_shared_memory_is_made_anew_and_raises_no_alarm(
    dead: dict[str, tuple[Path, int]], tmp_path: Path, age: str, kind: str
) -> None:
    whole, told = dead[age]
    for seed in range(1 if kind in ("gone", "empty") else 4):
        path = tmp_path / str(seed)
        shutil.copytree(whole, path)
        spoil(path / "ledger.db-shm", kind, seed)
        with Home.open(path) as home:
            assert len(home.ledger.episodes()) == told and home.notes == []
            assert home.ledger.check() == "ok"


def test_a_log_of_which_all_was_copied_is_not_missed(tmp_path: Path) -> None:
    live_and_die(tmp_path / "home", 0, 3)
    log = tmp_path / "home" / LOG
    with sqlite3.connect(tmp_path / "home" / "ledger.db", isolation_level=None) as db:
        db.execute(
            "PRAGMA wal_checkpoint(PASSIVE)"
        )  # as the owner's last commit does, once in a while
        assert log.stat().st_size
        shutil.copytree(tmp_path / "home", tmp_path / "again")
    db.close()
    (tmp_path / "again" / LOG).unlink()
    with Home.open(tmp_path / "again") as home:
        assert len(home.ledger.episodes()) == 3 and home.notes == []
