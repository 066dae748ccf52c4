"""Whose turn it is to be rehearsed and asked again, and what becomes of a memory that has faded."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bedroom import Bedroom

from memory.episode import (
    Dream,
    DreamKind,
    EpisodeId,
    ExamAnswer,
    Memory,
    MemoryId,
    MemoryState,
    Phase,
)
from sleep.strength import Strength, due, measured, strengths, weakest
from sleep.verdict import faded

CAT = "My cat is called Biscuit."


def answer(memory: int, night: int, right: bool) -> ExamAnswer:
    return ExamAnswer(
        night=night, memory=MemoryId(memory), kind=DreamKind.FACT, question="?", expected="x", answer="x", right=right,
        control_answer="y", control_right=False,
    )  # fmt: skip


def dream(memory: int, cue: str = "What?", **options: bool) -> Dream:
    return Dream(
        night=1, memories=(MemoryId(memory),), kind=DreamKind.FACT, cue=cue,
        reply="Your cat is called Biscuit.", **options
    )  # fmt: skip


def known(nights: int, stood: int) -> Strength:
    return Strength(stood=stood, nights=nights)


def test_every_exam_stood_makes_the_next_due_half_as_soon() -> None:
    found = strengths(
        [answer(1, 1, True), answer(1, 2, True), answer(1, 2, True), answer(2, 1, True), answer(2, 3, False),
         answer(3, 5, True)], 5,
    )  # fmt: skip
    assert found == {
        1: Strength(stood=2, nights=3),
        2: Strength(stood=0, nights=2),
    }
    assert found[MemoryId(1)].due == 0.75 and found[MemoryId(2)].due == 2.0
    assert known(128, 99).due == 2.0  # nothing is forgotten to be asked


def test_the_exam_asks_whole_memories_whose_turn_it_is() -> None:
    every = [dream(m, f"What {i}?") for m in range(6) for i in range(4)]
    strength = {MemoryId(m): known(1, m) for m in range(5)}  # 5 was never asked
    assert {d.memories[0] for d in due(every, strength, 12, seed=0)} == {0, 1, 5}
    assert len(due(every, strength, 12, seed=0)) == 12
    assert len(due(every, strength, 11, seed=0)) == 8
    assert due([], {}, 12, seed=0) == []


def test_weak_memories_are_rehearsed_most_however_many_dreams_they_have() -> None:
    every = [dream(m, f"What {i}?") for m, many in ((1, 40), (2, 10), (3, 40)) for i in range(many)]
    strength = {MemoryId(1): known(1, 0), MemoryId(2): known(1, 0), MemoryId(3): known(1, 4)}
    drawn = Counter(d.memories[0] for seed in range(60) for d in weakest(every, strength, 8, seed))
    assert 0.6 < drawn[MemoryId(2)] / drawn[MemoryId(1)] < 1.6
    assert drawn[MemoryId(3)] < drawn[MemoryId(1)] / 4
    assert len(weakest(every, strength, 500, seed=0)) == len(every)


def test_only_a_memory_that_was_asked_enough_and_failed_has_faded() -> None:
    memories = [memory(i) for i in range(1, 5)]
    answers = [
        *[answer(1, 2, True)] * 3, answer(1, 2, False),  # most of it
        *[answer(2, 2, True)] * 1, *[answer(2, 2, False)] * 3,
        *[answer(3, 2, False)] * 2,  # too few to tell
    ]  # fmt: skip
    assert [j.memory for j in faded(memories, answers)] == [2]


def memory(number: int) -> Memory:
    return Memory(
        id=MemoryId(number), episode=EpisodeId(number), text=CAT, at=datetime(2026, 1, 1, tzinfo=UTC),
        state=MemoryState.CONSOLIDATED, night=1,
    )  # fmt: skip


@pytest.fixture
def bedroom(home_path: Path, tiny_checkpoint: Path, embedder: object) -> Bedroom:
    """A home in whose first night one memory was learnt, and cleared; the tiny model knows nothing of it."""
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    room.tell(CAT)
    room.sleep()
    ledger = room.home.ledger
    (learnt,) = ledger.memories()
    ledger.set_memory(learnt.id, state=MemoryState.CONSOLIDATED, night=1, failures=0)
    ledger.mark_cleared([learnt.episode], 1)
    ledger.clear_dreams(1)
    ledger.add_dreams([dream(learnt.id, f"Who is {i}?", held_out=True) for i in range(4)])
    room.store.rebuild(ledger.waiting())
    return room


def test_a_memory_that_has_faded_is_in_the_buffer_again_and_learnt_anew(bedroom: Bedroom) -> None:
    bedroom.tell("My sister Oda lives in Porto.")
    report = bedroom.sleep()[-1].report
    assert [m["text"] for m in report["faded"]] == [CAT]
    faded = bedroom.home.ledger.memories()[0]
    assert faded.state is MemoryState.BUFFER and faded.night is None
    assert faded.reason == "faded: 0 of 4 exam questions right"
    assert CAT in [e.said for e in bedroom.home.ledger.waiting()]
    assert faded.episode in bedroom.store.ids()
    report = bedroom.sleep()[-1].report
    assert faded.id in report["memories"] and report["faded"] == []
    bedroom.home.close()


def test_only_what_it_once_knew_can_fade(bedroom: Bedroom) -> None:
    ledger = bedroom.home.ledger
    # passed in the second night: what the first one asked it never knew
    ledger.set_memory(MemoryId(1), night=2)
    ledger.begin_night([], None)
    ledger.advance(2, Phase.CLEARED, finished=datetime.now(UTC))
    bedroom.tell("My sister Oda lives in Porto.")
    report = bedroom.sleep()[-1].report
    assert report["exam"]["earlier"]["asked"] == 0 and report["faded"] == []
    bedroom.home.close()


def test_what_is_rehearsed_has_not_faded(bedroom: Bedroom) -> None:
    dreams = [dream(1, f"What is {i}?", used=True) for i in range(4)]
    bedroom.home.ledger.add_dreams(dreams)
    bedroom.tell("My sister Oda lives in Porto.")
    report = bedroom.sleep()[-1].report
    assert report["exam"]["earlier"] == {"asked": 4, "before": 0, "after": 4}
    assert report["faded"] == [] and CAT not in [e.said for e in bedroom.home.ledger.waiting()]
    bedroom.home.close()


def test_the_exam_of_a_night_that_was_undone_says_nothing(bedroom: Bedroom) -> None:
    ledger = bedroom.home.ledger
    ledger.clear_answers(1)
    ledger.add_answers([answer(1, 1, True)] * 4)
    assert measured(ledger, 2)[MemoryId(1)].stood == 1
    ledger.advance(1, Phase.ROLLED_BACK)
    assert measured(ledger, 2) == {}
    bedroom.home.close()
