"""What must hold when a process dies, another one owns the home, or a file is not what it should be."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from memory.conversation_file import read_conversation
from memory.episode import Episode
from memory.errors import HomeBusyError, HomeError, InputError, UsageError
from memory.forgetting import forget
from memory.home import Home
from memory.ledger import Ledger
from memory.questions import Question, mark
from memory.transfer import backup, restore

ROOT = Path(__file__).parents[2]


def run(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_turn_survives_a_process_that_dies_right_after(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from memory.ledger import Ledger\n"
        "l = Ledger(Path(sys.argv[1])); l.append('kept')\n"
        "t = l.transaction(); t.__enter__(); l.append('lost'); os._exit(9)"
    )
    assert run(code, tmp_path / "l.db").returncode == 9
    with Ledger(tmp_path / "l.db") as ledger:
        assert [e.said for e in ledger.waiting()] == ["kept"] and ledger.check() == "ok"


def test_a_failed_inner_transaction_undoes_its_own_part_only(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        with ledger.transaction():
            ledger.append("outer")
            with pytest.raises(KeyError), ledger.transaction():
                ledger.append("inner")
                raise KeyError
        assert [e.said for e in ledger.waiting()] == ["outer"]


def test_a_transaction_that_could_not_begin_leaves_the_next_one_whole(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db")
    ledger._db.execute("PRAGMA busy_timeout=0")
    other = sqlite3.connect(tmp_path / "l.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HomeError):
        ledger.append("too early")
    other.execute("ROLLBACK")
    other.close()
    ledger.append("in time")
    with Ledger(tmp_path / "l.db", read_only=True) as reader:
        assert [e.said for e in reader.waiting()] == ["in time"]


def test_a_second_owner_is_refused_quickly_and_a_reader_is_not(tmp_path: Path) -> None:
    with Home.open(tmp_path / "home") as home:
        home.ledger.append("hello")
        code = "import sys; from pathlib import Path; from memory.home import Home; Home.open(Path(sys.argv[1]))"
        begun = time.monotonic()
        with pytest.raises(HomeBusyError, match="home"):
            Home.open(tmp_path / "home")
        assert time.monotonic() - begun < 1
        assert "HomeBusyError" in run(code, home.path).stderr
        with Home.open(home.path, read_only=True) as reader:
            assert len(reader.ledger.waiting()) == 1


def test_every_file_of_a_home_is_private(tmp_path: Path) -> None:
    with Home.open(tmp_path / "home") as home:
        home.ledger.append("hello")
        every = [home.path, *home.path.rglob("*")]
        assert len(every) > 4
        assert not [p for p in every if p.stat().st_mode & 0o077]


def test_a_read_only_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o500)
    with pytest.raises(HomeError, match="read-only"):
        Home.open(folder)
    assert folder.stat().st_mode & 0o777 == 0o500


def test_a_folder_with_other_things_in_it_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "somebody's.txt").write_text("mine")
    Home.open(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "l.db")
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(HomeError, match="not a ledger"):
        Ledger(tmp_path / "l.db")


def test_an_episode_of_which_nothing_is_left_waits_no_more(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        e = ledger.append("My PIN is 4711.", replied="I will remember 4711. Good night.")
        (m,) = ledger.add_memories([(e.id, "My PIN is 4711", e.at)])
        forget(ledger, [m.id])
        assert ledger.waiting() == []
        assert ledger.episode(e.id).replied == "[forgotten] Good night."


def test_a_backup_comes_back_whole(tmp_path: Path) -> None:
    with Home.open(tmp_path / "home") as home:
        told: Episode = home.ledger.append("hello")
        with Home.open(home.path, read_only=True) as reader:
            backup(reader, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600
    restore(tmp_path / "b.zip", tmp_path / "again")
    with Home.open(tmp_path / "again") as home:
        assert home.ledger.waiting() == [told]
    with pytest.raises(HomeError, match="not empty"):
        restore(tmp_path / "b.zip", tmp_path / "again")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "adapters/night-0001/x.bin", "adapters/../../x/a.json", "link"]
)
def test_a_strange_backup_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.append("x")
        ledger.copy_to(tmp_path / "copy.db")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.write(tmp_path / "copy.db", "ledger.db")
        entry = zipfile.ZipInfo("current" if name == "link" else name)
        entry.external_attr = (0o120777 if name == "link" else 0o100600) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(InputError, match="refused"):
        restore(tmp_path / "b.zip", tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "line",
    ['{"role": [], "content": "x"}', "[" * 100_000, '{"role": "user", "content": "x", "at": 5}'],
)
def test_a_broken_line_is_named_whatever_is_wrong_with_it(tmp_path: Path, line: str) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(json.dumps({"role": "user", "content": "fine"}) + "\n" + line + "\n")
    with pytest.raises(InputError, match="Line 2"):
        read_conversation(file)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("You haven’t told me that.", True), ("You never told me about a dog.", True), ("I don't know.", True),
        ("You have not told me.", True), ("You've never mentioned it.", True), ("You didn't tell me.", True),
        ("I don't have that information.", True), ("You don't have a dog.", False), ("Rex.", False),
        ("You don't know Anna.", False),
    ],
)  # fmt: skip
def test_a_question_never_told_is_answered_by_saying_so(answer: str, right: bool) -> None:
    assert mark(Question(question="?", expected=(), kind="never"), answer) is right


def test_a_setting_that_cannot_be_is_not_written(tmp_path: Path) -> None:
    from memory.config import load_config, save_setting

    with pytest.raises(UsageError, match="seed"):
        save_setting(tmp_path, "seed", "soon")
    with pytest.raises(UsageError, match="colour"):
        save_setting(tmp_path, "colour", "blue")
    assert not (tmp_path / "config.toml").exists()
    with pytest.raises(UsageError, match=r"sleep_at can't be '25:00'.*HH:MM"):
        load_config(tmp_path, sleep_at="25:00")
