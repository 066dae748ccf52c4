"""After a real night with the real buffer, what was cleared is in no file of it, in words or as a vector."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from bedroom import Bedroom

from memory.buffer import open_buffer
from memory.chroma_store import beside
from memory.episode import MemoryState

PROVED = "Meine Katze heißt Zoë Glückspilz 🐈, кошка моя."
SMALL_TALK = ("Thanks a lot!", "How are you?")
STAYS = "The code of the cellar is 5093."


@pytest.fixture
def bedroom(home_path: Path, tiny_checkpoint: Path, embedder: object) -> Iterator[Bedroom]:
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    room.store = open_buffer(room.home, room.embedder)
    yield room
    room.store.close()
    room.home.close()


def holding(folder: Path, needle: bytes) -> list[Path]:
    """The files of a folder that have these bytes."""
    return [f for f in folder.rglob("*") if f.is_file() and needle in f.read_bytes()]


def vector(room: Bedroom, text: str) -> bytes:
    (numbers,) = room.embedder.embed([text])
    return struct.pack(f"<{len(numbers)}f", *numbers)


def test_what_a_night_cleared_is_in_no_file_of_the_buffer(bedroom: Bedroom) -> None:
    buffer, ledger = bedroom.home.buffer_path, bedroom.home.ledger
    bedroom.tell(PROVED, *SMALL_TALK, STAYS)
    # The tiny model proves nothing: this one an earlier night has learnt, and its episode may go.
    episode = ledger.waiting()[0]
    (memory,) = ledger.add_memories([(episode.id, PROVED, episode.at)])
    ledger.set_memory(memory.id, state=MemoryState.CONSOLIDATED)
    assert all(holding(buffer, vector(bedroom, text)) for text in (PROVED, *SMALL_TALK, STAYS))

    report = bedroom.sleep()[-1].report

    assert report["outcome"] == "cleared" and report["cleared"] == 3
    waiting = {e.said for e in ledger.waiting()}
    assert waiting == {STAYS} == {e.said for e in ledger.episodes() if e.id in bedroom.store.ids()}
    cleared = [e.said for e in ledger.episodes() if e.said not in waiting]
    assert cleared == [PROVED, *SMALL_TALK]
    for text in cleared:
        assert holding(bedroom.home.path, text.encode())  # the ledger has it: the search finds such
        for needle in (text.encode(), vector(bedroom, text)):
            assert holding(buffer, needle) == []
    assert holding(buffer, vector(bedroom, STAYS))
    assert not beside(buffer, "old").exists() and not beside(buffer, "new").exists()
