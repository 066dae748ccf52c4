"""Homes that can't be used: one sentence on stderr, exit code 1, nothing touched; looking goes on where it can."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import weights
from tui.root import Root

Run = Callable[..., Any]
CAT = "My cat is called Biscuit."
LOOKING = ("status", "nights", "memories", "doctor", "sleep --dry-run", "backup FILE")
# what writes, or needs the home for itself
OWNING = (
    "tell x", "chat", "ask x?", "sleep", "sleep --if-due", "recall --questions FILE", "read FILE", "import FILE",
    "memories forget 1", "nights rollback 1", "model use default",
)  # fmt: skip
ALSO_OWNING = ("tell --file FILE", "ask --memory none x?", "memories pin 1", "memories confirm 1")
HOLD = """
import sys
from pathlib import Path
from memory.home import Home
with Home.open(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(somnus: Run, tmp_path: Path) -> Run:
    """A command line in which FILE stands for a file that each of them can read."""
    line = '{"question": "x?", "expected": ["y"], "text": "I like tea.", "role": "user", "content": "x"}\n'
    file = tmp_path / "file.jsonl"

    def once(command: str, *, real: bool = False) -> Any:
        if "backup" in command:
            file.unlink(missing_ok=True)
        else:
            file.write_text(line)
        words = (str(file) if w == "FILE" else w for w in command.split())
        return somnus(*words, stdin=b"Hi\n", **({"root": Root} if real else {}))

    return once


@pytest.fixture
def told(somnus: Run, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with something in it; nothing may be downloaded for one that is refused."""

    def downloads(*_: object, **__: object) -> None:
        raise AssertionError("a model was fetched")

    assert somnus("tell", CAT).code == 0
    monkeypatch.setattr(weights, "resolve", downloads)
    yield home_path
    home_path.chmod(0o700)


def tree(home: Path) -> dict[str, bytes]:
    """The files of a home, but what SQLite's readers leave where root may write anything."""
    files = [p for p in home.rglob("*") if p.is_file() and not p.name.endswith(("-shm", "-wal"))]
    assert not any(p.stat().st_size for p in home.glob("*-wal"))
    return {str(p): p.read_bytes() for p in files}


def is_one_sentence(printed: Any, words: str) -> bool:
    lines = printed.err.splitlines()
    return len(lines) == 1 and words in lines[0] and "unexpected" not in lines[0]


def test_a_read_only_home_can_be_looked_at_and_is_left_as_it_is(run: Run, told: Path) -> None:
    told.chmod(0o500)
    before = tree(told)
    for command in OWNING:
        printed = run(command)
        assert (printed.code, printed.out) == (1, ""), command
        assert is_one_sentence(printed, "is read-only; choose another with --home"), command
    assert [run(command).code for command in LOOKING] == [0] * len(LOOKING)
    assert tree(told) == before


def test_a_home_that_a_newer_somnus_wrote_is_left_alone(run: Run, told: Path) -> None:
    with sqlite3.connect(told / "ledger.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    before = (told / "ledger.db").read_bytes()
    for command in OWNING + LOOKING:
        printed = run(command)
        assert printed.code == 1, command
        said = printed.out if command == "doctor" else printed.err
        assert "newer somnus (format 99, this one knows" in said, command
        assert command == "doctor" or is_one_sentence(printed, "upgrade somnus"), command
    assert (told / "ledger.db").read_bytes() == before


def test_a_home_that_another_process_holds_is_left_to_it_and_can_be_looked_at(
    run: Run, told: Path
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(told)], cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdin and holder.stdout and holder.stdout.readline() == b"held\n"
    try:
        before = tree(told)
        for command in (*OWNING, *ALSO_OWNING):
            # The real root: nothing is fetched or loaded for a home that can't be had.
            printed = run(command, real=True)
            assert (printed.code, printed.out) == (5, ""), (command, printed)
            assert is_one_sentence(printed, "Another somnus is using the home"), command
        assert [run(command).code for command in LOOKING] == [0] * len(LOOKING)
        assert tree(told) == before
    finally:
        holder.communicate()
    assert run("tell x").code == 0


@pytest.mark.parametrize("where", ["the home", "its parent"])
def test_a_file_where_the_home_should_be_is_refused_and_kept(
    run: Run, somnus: Run, told: Path, tmp_path: Path, where: str
) -> None:
    saved = tmp_path / "saved.zip"
    somnus("backup", str(saved))
    shutil.rmtree(told)
    told.write_text("mine")
    inside = [] if where == "the home" else ["--home", str(told / "home")]
    looking = ("status", "nights", "memories list", "sleep --dry-run")
    for command in ("tell x", "chat", "ask x?", "sleep", f"restore {saved}", *looking):
        printed = somnus(*command.split(), *inside, stdin=b"Hi\n")
        assert (printed.code, printed.out) == (1, ""), command
        assert is_one_sentence(printed, str(told)), command
    assert told.read_text() == "mine"
    told.unlink()
    assert somnus("restore", str(saved), *inside).code == 0  # a clean retry
    told.mkdir(exist_ok=True)


def test_a_home_whose_name_is_no_text_is_refused_before_anything_is_logged(
    somnus: Run, tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    printed = somnus("tell", CAT, "--home", str(odd))
    assert printed.code == 1 and is_one_sentence(printed, "not UTF-8")
    assert not odd.exists()
