"""Backups of a home in use, and archives that are no backups of ours, or were once."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from memory import transfer
from memory.errors import HomeError, InputError
from memory.home import Home
from memory.transfer import backup, restore

ROOT = Path(__file__).parents[2]
TELLING = """
import os, sys
from pathlib import Path
from memory.home import Home
with Home.open(Path(sys.argv[1])) as home, open(sys.argv[2], "w", buffering=1) as told:
    for i in range(100_000):
        said = f"My number {i} is {i}."
        home.ledger.append(said)
        if i % 25 == 24:
            home.ledger.vacuum()
        told.write(said + "\\n")
"""


def lines(file: Path, least: int) -> list[str]:
    """The acknowledged lines, as soon as there are so many."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if file.exists() and len(found := file.read_text().split("\n")[:-1]) >= least:
            return found
        time.sleep(0.005)
    pytest.fail("nothing was told")


def test_a_backup_beside_a_writer_holds_all_that_was_acknowledged_before(
    tmp_path: Path, home_path: Path
) -> None:
    told = tmp_path / "told"
    words = [sys.executable, "-c", TELLING, str(home_path), str(told)]
    with subprocess.Popen(words, cwd=ROOT) as writer:
        try:
            before = lines(told, 5)
            for n in range(3):
                with Home.open(home_path, read_only=True) as reader:
                    backup(reader, tmp_path / f"{n}.zip")
                restore(tmp_path / f"{n}.zip", tmp_path / str(n))
                with Home.open(tmp_path / str(n)) as home:
                    said = [e.said for e in home.ledger.episodes()]
                    assert home.ledger.check() == "ok" and home.notes == []
                assert said == [f"My number {i} is {i}." for i in range(len(said))]
                assert said[: len(before)] == before
                before = lines(told, len(said) + 1)  # it went on meanwhile
        finally:
            writer.kill()
    with Home.open(home_path) as home:  # and took no harm
        assert home.ledger.check() == "ok"
        assert len(home.ledger.episodes()) >= len(lines(told, 5))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A backup of a small home."""
    with Home.open(tmp_path / "saved") as home:
        home.ledger.append("My cat is called Biscuit.")
        (home.path / "config.toml").write_text('sleep_at = "23:05"\n')
        backup(home, tmp_path / "b.zip")
    return tmp_path / "b.zip"


def test_a_home_of_a_machine_whose_clock_began_in_1970_is_backed_up(tmp_path: Path) -> None:
    with Home.open(tmp_path / "home") as home:
        home.config_path.write_text('sleep_at = "23:05"\n')
        os.utime(home.config_path, (0, 0))
        backup(home, tmp_path / "b.zip")
    restore(tmp_path / "b.zip", tmp_path / "again")


def declare(file: Path, size: int) -> None:
    """Let the archive say that its last file unpacks to so many bytes."""
    data = bytearray(file.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, size)
    file.write_bytes(data)


def test_a_bomb_is_refused_by_what_it_declares(saved: Path, home_path: Path) -> None:
    declare(saved, 0xFFFF_FFFE)
    with pytest.raises(InputError, match="more than 4 GB; it is refused"):
        restore(saved, home_path)
    assert not home_path.exists()


def test_a_bomb_that_lies_is_not_unpacked_further_than_it_declares(
    saved: Path, home_path: Path
) -> None:
    with zipfile.ZipFile(saved, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("current", bytes(20_000_000))
    assert saved.stat().st_size < 100_000
    declare(saved, 10)
    with pytest.raises(InputError, match="damaged at current"):
        restore(saved, home_path)
    assert not home_path.exists() and not list(home_path.parent.glob(".home*"))


def test_bombs_are_measured_together(
    saved: Path, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "LARGEST", 1_000_000)
    with zipfile.ZipFile(saved, "a", zipfile.ZIP_DEFLATED) as archive:
        for n in range(3):
            archive.writestr(f"adapters/night-000{n}/a.safetensors", bytes(400_000))
    with pytest.raises(InputError, match="it is refused"):
        restore(saved, home_path)
    assert not home_path.exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_packed_in_another_way_is_refused(
    saved: Path, home_path: Path, method: int
) -> None:
    with zipfile.ZipFile(saved, "a", method) as archive:
        archive.writestr("current", "")
    with pytest.raises(InputError, match="it is refused"):
        restore(saved, home_path)
    assert not home_path.exists()


def test_a_backup_with_a_flipped_byte_is_refused_in_a_sentence_or_whole(
    saved: Path, tmp_path: Path
) -> None:
    whole, draw = saved.read_bytes(), random.Random(2)
    ends = len(whole) - 300  # the directory, where most harm is done
    places = [draw.randrange(ends, len(whole)) for _ in range(15)]
    places += [draw.randrange(n) for n in [30] * 4 + [len(whole)] * 4]
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << draw.randrange(8)
        saved.write_bytes(data)
        home = tmp_path / f"at-{place}-{draw.random()}"
        try:
            restore(saved, home)
        except (InputError, HomeError) as error:
            assert "\n" not in str(error)
            assert not home.exists()
        else:
            with Home.open(home, read_only=True) as opened:
                assert [e.said for e in opened.ledger.episodes()] == ["My cat is called Biscuit."]
