"""One owner a home, and a disk that is full."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge import Forge
from life import Life, sleep
from wounds import wounds

from memory.errors import HomeError, SomnusError
from memory.home import Home


def test_of_owners_that_race_one_wins_and_the_others_are_told_at_once(
    forge: Forge, home_path: Path
) -> None:
    Home.open(home_path).close()
    for rivals in (2, 3, 5):
        assert forge.ask("race", home_path, rivals) == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing_and_life_goes_on_when_there_is_room(small_disk: Path) -> None:
    path, filler = small_disk / "home", small_disk / "filler"
    with Home.open(path) as home:
        life = Life(path, home)
        life.tell("My number 0 is 0.")
        filler.write_bytes(bytes(max(0, shutil.disk_usage(small_disk).free - 300_000)))
        refused = ""
        for i in range(1, 200):
            try:
                life.tell(f"My number {i} is {'9' * 20_000}{i}.")
            except SomnusError as error:
                refused = str(error)
                break
        assert "free some disk" in refused and "\n" not in refused
        assert len(home.ledger.episodes()) >= len(life.told()) > 1  # reading goes on
        life.store.close()
    filler.unlink()
    assert wounds(path) == []


def test_a_night_is_not_begun_without_room_for_it(small_disk: Path) -> None:
    path = small_disk / "home"
    with Home.open(path) as home:
        life = Life(path, home)
        life.tell("My number 0 is 0.")
        with pytest.raises(HomeError, match=r"A night needs .* MB of disk"):
            sleep(home, life.store)
        assert home.ledger.nights() == []
        life.store.close()
