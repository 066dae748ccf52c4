"""Homes written by other versions: older ones are upgraded with all they hold, newer ones refused politely."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest

from memory import ledger_schema
from memory.buffer import open_buffer
from memory.episode import MemoryState, Origin, Phase
from memory.errors import HomeError
from memory.forgetting import forget
from memory.home import Home
from memory.ledger import Ledger
from memory.transfer import backup, restore
from memory.undoing import unlearn


def first_version(path: Path) -> None:
    """A home as the first version wrote it: an episode learnt in a night, another one waiting."""
    path.mkdir(mode=0o700)
    lines = ledger_schema.SCHEMA.removesuffix(ledger_schema.TRACES).splitlines()
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
        made = db.execute("SELECT type, name FROM sqlite_schema ORDER BY name").fetchall()
        tables = [name for kind, name in made if kind == "table"]
        columns.append(
            [
                made,
                {t: [r[1:3] for r in db.execute(f"PRAGMA table_info({t})")] for t in tables},
            ]
        )
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


@pytest.fixture
def old(home_path: Path) -> Path:
    """What the code of 24 November 2026 (b4865b9, the first format) left: ledger, buffer, an adapter that is worn.

    Three things learnt in night 1, one of them replaced, one pinned; two wait, in a night 2 that died once it had read.
    """
    with zipfile.ZipFile(Path(__file__).with_name("first-home.zip")) as archive:
        archive.extractall(home_path)
    return home_path


def test_a_home_that_old_code_wrote_is_worn_searched_and_said_nothing_of(
    old: Path, embedder: Any
) -> None:
    for _ in range(2):
        with Home.open(old) as home:
            ledger, worn = home.ledger, home.adapters.current()
            assert home.notes == [] and ledger.check() == "ok"
            assert worn is not None and (worn.name, worn.memories) == ("night-0001", (1, 3))
            assert [(m.text, m.state, m.pinned) for m in ledger.memories()] == [
                ("My cat is called Biscuit.", MemoryState.CONSOLIDATED, True),
                ("My desk is number 12.", MemoryState.SUPERSEDED, False),
                ("My desk is number 47.", MemoryState.CONSOLIDATED, False),
                ("My sister Oda lives in Porto.", MemoryState.BUFFER, False),
            ]
            assert [(e.said, e.origin) for e in ledger.waiting()] == [
                ("My sister Oda lives in Porto.", Origin.TYPED),
                ("The tram is free on Sundays.", Origin.DOCUMENT),
            ]
            assert ledger.episodes()[0].replied == "Biscuit, noted."
            night = ledger.unfinished()
            assert night is not None and (night.number, night.phase) == (2, Phase.REPLAYED)
            store = open_buffer(home, embedder)
            assert store.ids() == {4, 5}
            assert store.search("My sister Oda", 1)[0].episode.id == 4
            store.close()


def test_a_home_that_old_code_wrote_forgets_and_is_backed_up(old: Path, tmp_path: Path) -> None:
    with Home.open(old) as home:
        assert forget(home.ledger, [home.ledger.memories()[0].id])["nights"] == [1]
        assert unlearn(home.ledger, home.adapters) == [1, 2]
        backup(home, tmp_path / "b.zip")
    assert not [p for p in old.rglob("*") if p.is_file() and b"Biscuit" in p.read_bytes()]
    restore(tmp_path / "b.zip", tmp_path / "again")
    with Home.open(tmp_path / "again") as home:
        said = [e.said for e in home.ledger.waiting()]
        assert len(said) == 4 and "My desk is number 47." in said
