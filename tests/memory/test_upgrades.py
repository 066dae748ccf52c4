"""Homes written by other versions: older ones are upgraded with all they hold, newer ones refused politely."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from memory import ledger_schema
from memory.errors import HomeError
from memory.home import Home
from memory.ledger import Ledger


def first_version(path: Path) -> None:
    """A home as the first version wrote it: an episode learnt in a night, another one waiting."""
    path.mkdir(mode=0o700)
    lines = ledger_schema.SCHEMA.splitlines()
    at = next(i for i, line in enumerate(lines) if "sha256" in line)
    lines[at - 1] = lines[at - 1].replace("report TEXT,", "report TEXT ")
    with sqlite3.connect(path / "ledger.db") as db:
        db.executescript("\n".join(lines[:at] + lines[at + 1 :]))
        db.execute("PRAGMA user_version=1")
        at_noon = "2026-01-02T12:00:00.000000+00:00"
        db.execute(
            "INSERT INTO episodes VALUES (1, 'I like tea.', NULL, ?, 'typed', '', 1)", (at_noon,)
        )
        db.execute(
            "INSERT INTO episodes VALUES (2, 'I like rain.', NULL, ?, 'typed', '', NULL)",
            (at_noon,),
        )
        db.execute(
            "INSERT INTO memories (episode, text, at, state, night) "
            "VALUES (1, 'I like tea.', ?, 'consolidated', 1)",
            (at_noon,),
        )
        db.execute(
            "INSERT INTO nights VALUES (1, 'cleared', ?, ?, '[1]', NULL, NULL, NULL)",
            (at_noon, at_noon),
        )
    db.close()


def test_a_home_of_the_first_version_is_upgraded_and_keeps_everything(home_path: Path) -> None:
    first_version(home_path)
    with Home.open(home_path) as home:
        # Its adapter is gone, so what it had learnt waits again.
        assert [e.said for e in home.ledger.waiting()] == ["I like tea.", "I like rain."]
        assert home.ledger.night(1) is not None and home.ledger.night(1).sha256 is None
    with sqlite3.connect(home_path / "ledger.db") as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == ledger_schema.VERSION
    db.close()


def test_an_upgraded_ledger_has_the_tables_of_a_new_one(home_path: Path, tmp_path: Path) -> None:
    first_version(home_path)
    Ledger(home_path / "ledger.db").close()
    Ledger(tmp_path / "new.db").close()
    columns = []
    for file in (home_path / "ledger.db", tmp_path / "new.db"):
        db = sqlite3.connect(file)
        tables = sorted(
            r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        )
        columns.append({t: [r[1:3] for r in db.execute(f"PRAGMA table_info({t})")] for t in tables})
        db.close()
    assert columns[0] == columns[1]


def test_a_reader_of_an_older_home_is_told_who_upgrades_it(home_path: Path) -> None:
    first_version(home_path)
    with pytest.raises(HomeError, match="any command that writes, upgrades it"):
        Home.open(home_path, read_only=True)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_home_of_a_newer_version_is_refused_politely_and_left_alone(
    home_path: Path, read_only: bool
) -> None:
    Home.open(home_path).close()
    with sqlite3.connect(home_path / "ledger.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(HomeError, match=r"newer somnus .*upgrade somnus"):
        Home.open(home_path, read_only=read_only)
