"""A day on which too much was said: a night reads what it can learn, marks where it broke off, and loses nothing."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bedroom import Bedroom

from agent.local_model import LocalModel
from memory.episode import EpisodeId, Memory, MemoryId, MemoryState, Origin, Phase
from memory.errors import NothingToLearn
from memory.forgetting import forget_words
from memory.store import Embedder
from sleep.associate import CLOSE, NEIGHBOURS, embedded, pairs
from sleep.phases import replay
from sleep.plan import CUES, capacity, comparisons
from sleep.pressure import unlearnt
from sleep.replay import TOGETHER, TURN, memories_in
from sleep.room import Room

CAT = "My cat is called Biscuit."
MINUTES = 10.0


class Counting(LocalModel):
    """Says nothing, and counts what it is asked: pieces to be read, and all prompts."""

    has_instincts = True

    def begin(self) -> None:
        self.read = self.asked = 0

    def decode(self, prompts: Sequence[Sequence[int]], *_: Any, **__: Any) -> list[list[int]]:
        self.read += sum("worth remembering" in self.tokenizer.decode(p) for p in prompts)
        self.asked += len(prompts)
        return [[] for _ in prompts]


@pytest.fixture
def bedroom(home_path: Path, tiny_checkpoint: Path, embedder: object) -> Iterator[Bedroom]:
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    room.model = Counting(room.model.network, room.model.tokenizer, name="x", has_instincts=True)
    room.model.begin()
    yield room
    room.home.close()


def book(count: int) -> list[str]:
    return [f"My book number {i} is called Volume {i}." for i in range(count)]


def learn_all(room: Room) -> None:
    """As if tonight had learnt all that it read."""
    for m in room.ledger.memories():
        if m.state is MemoryState.BUFFER:
            room.ledger.set_memory(m.id, state=MemoryState.CONSOLIDATED, night=room.number)
    room.ledger.advance(room.number, Phase.CLEARED, finished=datetime.now(UTC))


@pytest.mark.parametrize("as_one", [True, False], ids=["one message", "many messages"])
def test_no_more_is_read_than_the_night_can_learn(bedroom: Bedroom, as_one: bool) -> None:
    told = [" ".join(book(5000))] if as_one else book(5000)
    bedroom.home.ledger.append_all([(text, None, None, Origin.TYPED) for text in told])
    room = bedroom.evening(MINUTES)
    list(replay(room))
    most = capacity(60 * MINUTES, room.config)
    assert 0 < bedroom.model.read <= most + TOGETHER
    assert bedroom.model.asked <= bedroom.model.read + CUES * comparisons(60 * MINUTES)
    assert room.report["unread"] and room.report["no_memory"] == []
    assert len(bedroom.home.ledger.memories()) < 1000
    assert {e.id for e in unlearnt(bedroom.home.ledger)} == {e.id for e in room.episodes}


def test_the_next_nights_read_on_until_all_is_read_once(bedroom: Bedroom) -> None:
    told = book(1500)
    bedroom.tell(" ".join(told))
    nights = 0
    while nights == 0 or bedroom.home.ledger.bookmarks():
        room = bedroom.evening(MINUTES)
        list(replay(room))
        learn_all(room)
        nights += 1
    assert nights > 1 and [m.text for m in bedroom.home.ledger.memories()] == told
    assert bedroom.home.ledger.unread() == []


def test_what_waits_since_earlier_nights_is_learnt_before_more_is_read(bedroom: Bedroom) -> None:
    bedroom.tell(" ".join(book(2000)))
    for _ in range(2):
        room = bedroom.evening(MINUTES)
        list(replay(room))
        room.ledger.advance(room.number, Phase.ROLLED_BACK, finished=datetime.now(UTC))
    assert bedroom.model.read == TOGETHER


def test_a_book_does_not_keep_a_sentence_waiting(bedroom: Bedroom) -> None:
    bedroom.tell(" ".join(book(5000)), CAT)
    reading = memories_in(bedroom.model, bedroom.home.ledger.episodes(), most=1)
    assert reading.found[EpisodeId(2)] == [CAT] and reading.left.keys() == {1}
    assert reading.left[EpisodeId(1)] >= TURN


def test_past_its_time_reading_ends_after_the_first_pieces(bedroom: Bedroom) -> None:
    bedroom.tell(*book(200))
    reading = memories_in(bedroom.model, bedroom.home.ledger.episodes(), deadline=0.0)
    assert bedroom.model.read == TOGETHER == 200 - len(reading.left)


def test_what_is_not_read_to_its_end_never_leaves_the_buffer(
    home_path: Path, tiny_checkpoint: Path, embedder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sleep.phases.READING", 0.0)  # its time is up after the first pieces
    bedroom = Bedroom(home_path, tiny_checkpoint, embedder)
    bedroom.tell("Thanks a lot indeed. " * 4000, "Thanks!", CAT)
    ended: Any = bedroom.sleep()[-1]
    assert ended.outcome == "cleared" and ended.report["unread"] == 1
    waiting = {e.id for e in bedroom.home.ledger.waiting()}
    assert 1 in waiting and 2 not in waiting  # of both no memory was made
    bedroom.home.close()


def test_a_night_that_read_only_small_talk_so_far_says_so(
    bedroom: Bedroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedroom.tell("Thanks a lot indeed. " * 4000)
    monkeypatch.setattr("sleep.phases.READING", 0.0)  # its time is up after the first pieces
    room = bedroom.evening(MINUTES)
    with pytest.raises(NothingToLearn, match="the next night reads on"):
        list(replay(room))
    assert bedroom.home.ledger.bookmarks() == {1: TOGETHER}


def test_a_message_that_lost_some_words_is_read_again_and_nothing_is_doubled(
    bedroom: Bedroom,
) -> None:
    told = book(900)
    bedroom.tell(" ".join(told))
    room = bedroom.evening(MINUTES)
    list(replay(room))
    learn_all(room)
    forget_words(bedroom.home.ledger, "Volume 3")
    assert bedroom.home.ledger.bookmarks() == {1: 0}
    while bedroom.home.ledger.bookmarks():
        room = bedroom.evening(MINUTES)
        list(replay(room))
        learn_all(room)
    texts = [m.text for m in bedroom.home.ledger.memories() if m.text]
    assert sorted(texts) == sorted(t for t in told if "Volume 3." not in t)


def memory(number: int, text: str, state: MemoryState = MemoryState.BUFFER) -> Memory:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Memory(
        id=MemoryId(number), episode=EpisodeId(number), text=text, at=at, state=state, night=None
    )


def test_thousands_alike_are_compared_with_their_nearest_alone(embedder: Embedder) -> None:
    every = [memory(i, text) for i, text in enumerate(book(5000), 1)]
    tracemalloc.start()
    found = pairs(embedder, every, every, 10**9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 5000 < len(found) <= 5000 * NEIGHBOURS
    assert peak < 5000 * 5000 * 4  # bytes: less than their cosines alone would take
    assert all(old.id < new.id for old, new in found)
    assert len(pairs(embedder, every, every, 7)) == 7


def test_the_closest_pairs_come_first_and_in_the_order_said(embedder: Embedder) -> None:
    every = [
        memory(1, "I live in Bern."), memory(2, CAT), memory(3, "My cat is called Rex."),
        memory(4, "I live in Bern."),
    ]  # fmt: skip
    bern, cat = (every[0], every[3]), (every[1], every[2])
    assert pairs(embedder, every, every, 9) == [cat, bern]
    assert pairs(embedder, every, every, 1) == [bern]
    one, other = embedded(embedder, list(cat))
    assert one @ other >= CLOSE


def test_what_is_read_late_gives_way_to_the_newer_that_was_read_before(embedder: Embedder) -> None:
    old, new = memory(1, CAT), memory(2, "My cat is called Rex.", MemoryState.CONSOLIDATED)
    assert pairs(embedder, [old], [old, new], 9) == [(old, new)]
    held = memory(2, "My cat is called Rex.", MemoryState.QUARANTINED)
    assert pairs(embedder, [old], [old, held], 9) == []
