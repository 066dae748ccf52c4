"""One contract for every buffer."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memory.buffer import open_buffer
from memory.chroma_store import ChromaStore
from memory.episode import Episode, EpisodeId
from memory.errors import HomeError
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


@pytest.mark.parametrize("moment", ["opened", "added", "closed"])
def test_memory_that_was_never_filled_is_blanked_in_the_files(
    tmp_path: Path, embedder: Any, moment: str
) -> None:
    """hnswlib writes room for a hundred elements as malloc gave it: what was said elsewhere may lie in it."""
    known = {e.id: e for e in TOLD}
    folder = tmp_path / "buffer"
    store = ChromaStore(folder, embedder, known.__getitem__)
    store.add(TOLD)
    (lengths,) = folder.glob("*/length.bin")
    (level,) = folder.glob("*/data_level0.bin")
    assert not any(lengths.read_bytes()) and not any(level.read_bytes())
    if moment == "opened":
        store.close()
    sizes = [lengths.stat().st_size, level.stat().st_size]
    for file in (lengths, level):
        file.write_bytes((b"Biscuit " * file.stat().st_size)[: file.stat().st_size])
    if moment == "opened":
        store = ChromaStore(folder, embedder, known.__getitem__)
    elif moment == "added":
        store.add(TOLD)
    else:
        store.close()
    assert not any(lengths.read_bytes()) and not any(level.read_bytes())
    assert sizes == [lengths.stat().st_size, level.stat().st_size]
    if moment == "closed":
        store = ChromaStore(folder, embedder, known.__getitem__)
    assert [r.episode.id for r in store.search("what is my cat called", 1)] == [1]
    store.close()


class Scattered:
    """Every text somewhere else."""

    dimension = 8

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        draws = [random.Random(t) for t in texts]
        return [[draw.gauss(0, 1) for _ in range(8)] for draw in draws]


def test_vectors_that_are_in_the_index_stay(tmp_path: Path) -> None:
    """Past a thousand Chroma writes the index for good; nothing of it is blanked."""
    told = {EpisodeId(i): episode(i, f"I own book {i}.") for i in range(1, 1201)}
    store = ChromaStore(tmp_path / "buffer", Scattered(), told.__getitem__)
    store.add([told[EpisodeId(i)] for i in range(1, 601)])
    store.add([told[EpisodeId(i)] for i in range(601, 1201)])
    store.close()
    (level,) = (tmp_path / "buffer").glob("*/data_level0.bin")
    assert any(level.read_bytes()[-172:])
    again = ChromaStore(tmp_path / "buffer", Scattered(), told.__getitem__)
    for i in (1, 600, 601, 1111, 1200):
        assert [r.episode.id for r in again.search(f"I own book {i}.", 1)] == [i]
    again.close()


def test_a_damaged_buffer_is_made_anew_from_the_ledger(home_path: Path, embedder: Any) -> None:
    with Home.open(home_path) as home:
        home.ledger.append("My cat is called Biscuit.")
        open_buffer(home, embedder).close()
        (home.buffer_path / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
        store = open_buffer(home, embedder)
        assert len(store.ids()) == 1
        store.close()


def test_a_buffer_that_failed_is_not_found_again(home_path: Path, embedder: Any) -> None:
    """Half written it might open, look whole, and find nothing: it is sealed as it was closed."""
    with Home.open(home_path) as home:
        told = home.ledger.append("My cat is called Biscuit.")
        store: Any = open_buffer(home, embedder)
        store._collection.delete(ids=[str(told.id)])

        def full(**_: object) -> None:
            raise RuntimeError("database or disk is full")

        store._collection.upsert = full
        with pytest.raises(HomeError, match=r"disk is full\); free some disk and start again"):
            store.add([told])
        store.close()
        assert not home.buffer_path.exists()
    with Home.open(home_path) as home:
        store = open_buffer(home, embedder)
        assert [found.episode.id for found in store.search("the cat", 1)] == [told.id]
        store.close()


def test_a_buffer_that_never_comes_back_from_closing_ends_the_process_and_loses_nothing(
    home_path: Path, embedder: Any
) -> None:
    code = (
        "import ctypes, sys; from pathlib import Path; from conftest import HashEmbedder;"
        "from memory import chroma_store; from memory.buffer import open_buffer; from memory.home import Home;"
        "home = Home.open(Path(sys.argv[1])); told = home.ledger.append('My cat is called Biscuit.');"
        "store = open_buffer(home, HashEmbedder()); chroma_store.STUCK = 0.2;"
        "store._client.close = lambda: ctypes.PyDLL(None).sleep(60);"  # as Chroma does, with Python shut out
        "store.close(); home.close()"
    )
    tests = str(Path(__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", code, str(home_path)], capture_output=True, timeout=50, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, str(Path(tests).parent)])},
    )  # fmt: skip
    assert run.returncode == 1 and not run.stderr
    with Home.open(home_path) as home:
        store = open_buffer(home, embedder)
        assert len(store.search("the cat", 1)) == 1
        store.close()


def test_a_store_that_failed_can_be_rebuilt(home_path: Path, embedder: Any) -> None:
    with Home.open(home_path) as home:
        told = home.ledger.append("My cat is called Biscuit.")
        store: Any = open_buffer(home, embedder)
        store._failed = True
        store.rebuild([told])
        store.close()
        assert home.buffer_path.exists()


def test_the_buffer_follows_the_ledger(home_path: Path, embedder: Any) -> None:
    with Home.open(home_path) as home:
        one, two = home.ledger.append("one"), home.ledger.append("two")
        store = open_buffer(home, embedder)
        store.close()
        home.ledger.mark_cleared([one.id], 1)
        store = open_buffer(home, embedder)
        assert store.ids() == {two.id}
        store.close()
