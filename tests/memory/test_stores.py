"""One contract for every buffer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memory.buffer import open_buffer
from memory.chroma_store import ChromaStore
from memory.episode import Episode, EpisodeId
from memory.home import Home
from memory.ram_store import RamStore


def episode(number: int, said: str) -> Episode:
    return Episode(id=EpisodeId(number), said=said, replied=None, at=datetime.now(UTC))


TOLD = [
    episode(1, "My cat is called Biscuit."),
    episode(2, "The code of the cellar is 5093."),
    episode(3, "I like tea."),
]
Maker = Callable[[], Any]


@pytest.fixture(params=["ram", "chroma"])
def store(request: pytest.FixtureRequest, tmp_path: Path, embedder: Any) -> Any:
    known = {e.id: e for e in TOLD}
    made: Any = (
        RamStore(embedder)
        if request.param == "ram"
        else ChromaStore(tmp_path / "buffer", embedder, known.__getitem__)
    )
    yield made
    made.close()


def test_an_empty_buffer_finds_nothing(store: Any) -> None:
    assert store.search("anything", 4) == [] and store.ids() == set()


def test_the_most_similar_comes_first(store: Any) -> None:
    store.add(TOLD)
    found = store.search("what is my cat called", 2)
    assert found[0].episode.id == 1 and len(found) == 2
    assert found[0].similarity > found[1].similarity


def test_asking_for_more_than_there_is_gives_all(store: Any) -> None:
    store.add(TOLD)
    assert len(store.search("tea", 50)) == 3
    assert store.search("tea", 0) == []


def test_adding_twice_is_adding_once(store: Any) -> None:
    store.add(TOLD)
    store.add(TOLD)
    assert store.ids() == {1, 2, 3} and len(store.search("tea", 9)) == 3


def test_rebuilding_keeps_only_what_is_given(store: Any) -> None:
    store.add(TOLD)
    store.rebuild(TOLD[2:])
    assert store.ids() == {3}
    assert [r.episode.id for r in store.search("what is my cat called", 4)] == [3]
    store.rebuild([])
    assert store.search("tea", 4) == []


def test_cleared_text_and_vectors_are_in_no_file(tmp_path: Path, embedder: Any) -> None:
    known = {e.id: e for e in TOLD}
    store = ChromaStore(tmp_path / "buffer", embedder, known.__getitem__)
    store.add(TOLD)
    store.rebuild(TOLD[2:])
    store.close()
    (vector,) = embedder.embed([TOLD[0].said])
    needles = [
        b"Biscuit",
        struct.pack("<4f", *vector[:4]),
        struct.pack(f"<{len(vector)}f", *vector),
    ]
    files = [f for f in (tmp_path / "buffer").rglob("*") if f.is_file()]
    assert files and not [p for p in tmp_path.iterdir() if p.name != "buffer"]
    for file in files:
        for needle in needles[::2]:
            assert needle not in file.read_bytes(), file


def test_a_damaged_buffer_is_made_anew_from_the_ledger(home_path: Path, embedder: Any) -> None:
    with Home.open(home_path) as home:
        home.ledger.append("My cat is called Biscuit.")
        open_buffer(home, embedder).close()
        (home.buffer_path / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
        store = open_buffer(home, embedder)
        assert len(store.ids()) == 1
        store.close()


def test_the_buffer_follows_the_ledger(home_path: Path, embedder: Any) -> None:
    with Home.open(home_path) as home:
        one, two = home.ledger.append("one"), home.ledger.append("two")
        store = open_buffer(home, embedder)
        store.close()
        home.ledger.mark_cleared([one.id], 1)
        store = open_buffer(home, embedder)
        assert store.ids() == {two.id}
        store.close()
