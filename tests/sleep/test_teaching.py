"""Which dreams are set aside for the exam, and which are learnt once more with others in view."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bedroom import Bedroom

from agent.local_model import LocalModel
from memory.episode import Dream, DreamKind, MemoryId
from sleep import lora, teaching
from sleep.curriculum import _held_out, alike, choose, nearness
from sleep.dreams import DreamConfig
from sleep.lesson import Lesson, beginning, hard
from sleep.room import Room
from sleep.seeding import _learn
from sleep.teaching import Rehearsed

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE, TWO = MemoryId(1), MemoryId(2)
REPLY = "Your cat is called Biscuit."
TOLD = {ONE: ("My cat is called Biscuit.",), TWO: ("My dog is called Rex.",)}


def rehearsed(cue: str, kind: DreamKind = DreamKind.FACT, used: bool = True) -> Rehearsed:
    dream = Dream(night=1, memories=(ONE,), kind=kind, cue=cue, reply=REPLY, used=used)
    return Rehearsed(dream, hard([3, 4], [5, 6, 7]))


def test_the_exam_asks_every_other_cue_from_the_farthest_on() -> None:
    far = [rehearsed(c) for c in ("Who purrs in our hall?", "What do I shout at feeding time?")]
    near = [rehearsed(c) for c in ("What is my cat called?", "Is Biscuit my cat?")]
    held = _held_out([*near, *far], 2, random.Random(0))
    assert len(held) == 2 and any(h is f for h in held for f in far)
    assert nearness(held[0]) == 0.0 and nearness(near[1]) == 1.0


@pytest.fixture
def model(tiny_checkpoint: Path) -> LocalModel:
    return LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")


def test_with_others_in_view_the_same_is_said(model: LocalModel) -> None:
    every = [rehearsed(f"What is number {i}?") for i in range(40)]
    near = {ONE: [TOLD[TWO][0]], TWO: [TOLD[ONE][0]]}
    made = teaching.in_view(model, every, TOLD, near, 0.5, seed=0)
    assert 10 <= len(made) <= 30
    prompts = [model.tokenizer.decode(x.ids[: x.start]) for x in made]
    assert all(TOLD[TWO][0] in p and "What is number" in p for p in prompts)
    assert 0 < sum(TOLD[ONE][0] in p for p in prompts) < len(prompts)
    assert all(x.ids[x.start :] == (5, 6, 7) and x.answers == 3 for x in made)


def test_what_is_not_learnt_or_stands_alone_is_not_shown(model: LocalModel) -> None:
    unused = [rehearsed("What?", used=False)] * 10
    assert not teaching.in_view(model, unused, TOLD, {ONE: ["x"]}, 1.0, seed=0)
    assert not teaching.in_view(model, [rehearsed("What?")] * 10, TOLD, {}, 1.0, seed=0)


def test_of_two_neighbours_one_is_practised_and_one_examined() -> None:
    untold = [
        rehearsed(c, DreamKind.NEVER, used=False) for c in ("How old is it?", "Where was it born?")
    ]
    told = [
        rehearsed(f"Which {w} purrs?", used=False) for w in ("thing", "animal", "friend", "one")
    ]
    chosen = choose([*told, *untold], DreamConfig(), exam=4, seed=0)
    never = [r.dream for r in chosen if r.dream.kind is DreamKind.NEVER]
    assert sorted((d.used, d.held_out) for d in never) == [(False, True), (True, False)]


def test_what_was_learnt_before_is_no_exam_question_and_what_was_one_is_not_learnt() -> None:
    animals = ("hamster", "canary", "tortoise", "pony", "lizard", "goldfish", "rabbit", "goat")
    fresh = [rehearsed(f"Which {a} purrs?", used=False) for a in animals]
    before = [replace(r.dream, used=i < 4, held_out=i == 4) for i, r in enumerate(fresh[:5])]
    chosen = [r.dream for r in choose(fresh, DreamConfig(), exam=3, seed=0, before=before)]
    cues = {d.cue for d in chosen if d.held_out}
    assert len(cues) == 2 and cues < {f"Which {a} purrs?" for a in animals[5:]}
    assert fresh[4].dream.cue not in {d.cue for d in chosen}


def test_asked_the_same_way_is_alike() -> None:
    assert alike("What's my cat called?", "What is the name of my cat?")
    assert not alike("Where is my cat?", "What is my cat?")


def test_a_reply_that_many_cues_share_is_recited_to_its_end_a_few_times() -> None:
    same = [rehearsed(f"What is number {i}?") for i in range(9)]
    own = replace(same[0], dream=replace(same[0].dream, reply="Your cat was called Tiger."))
    kept = teaching.trimmed([*same, own], 4, 2, seed=0)
    assert sorted(r.lesson.answers for r in kept) == [2] * 5 + [3] * 5
    short = [r for r in kept if r.lesson.answers == 2]
    assert all(r.lesson.top_ids.shape[0] == 2 and r.lesson.ids == (3, 4, 5, 6) for r in short)
    assert next(r for r in kept if r.dream.reply == own.dream.reply).lesson.answers == 3
    unused = [rehearsed("What?", used=False)] * 9
    assert all(r.lesson.answers == 3 for r in teaching.trimmed(unused, 4, 2, seed=0))


def test_only_some_replies_that_many_cues_share_are_read_to_their_end() -> None:
    same = [rehearsed(f"What is number {i}?").dream for i in range(9)]
    own = replace(same[0], cue="Who?", reply="Your cat was called Tiger.")
    short = teaching.brief([*same, own], 2, seed=0)
    assert len(short) == 9 - 2 * teaching.READ_WHOLE and own not in short
    assert short == teaching.brief([*same, own], 2, seed=0) != teaching.brief(same, 2, seed=1)
    assert not teaching.brief(same, 9, seed=0)


def test_what_was_read_to_its_end_is_learnt_to_its_end() -> None:
    short = [rehearsed(f"What is number {i}?") for i in range(9)]
    some = [replace(r, lesson=beginning(r.lesson, 2)) for r in short[:6]] + short[6:]
    for seed in range(5):
        kept = teaching.trimmed(some, 3, 2, seed=seed)
        assert sorted(r.lesson.answers for r in kept) == [2] * 6 + [3] * 3


@pytest.fixture
def night(home_path: Path, tiny_checkpoint: Path, embedder: object) -> Iterator[Room]:
    """A night about one memory, with eight dreams of it, about to learn."""
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    room.tell(TOLD[ONE][0])
    night = room.evening()
    night.config = replace(night.config, recited=2, in_view=0.0)
    night.memories = room.home.ledger.add_memories([(night.episodes[0].id, TOLD[ONE][0], NOON)])
    night.rehearsed = [
        replace(rehearsed(f"What is number {i}?"), lesson=hard([3, 4], [5] * 12)) for i in range(8)
    ]
    night.moving = lora.expand(room.model, rank=2, targets=lora.MLP, seed=0)
    yield night
    room.home.close()


def learnt(night: Room, monkeypatch: pytest.MonkeyPatch) -> list[Lesson]:
    out: list[Lesson] = []
    monkeypatch.setattr(
        "sleep.seeding.train", lambda _, __, course, *___, **____: out.extend(course.lessons) or []
    )
    monkeypatch.setattr("sleep.seeding.imitate", lambda *_, **__: iter(()))
    list(_learn(night, None))
    return out


def test_a_night_learns_only_some_replies_to_their_end(
    night: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(x.answers for x in learnt(night, monkeypatch)) == [7] * 6 + [12] * 2


def test_what_was_dreamt_of_a_memory_that_was_kept_back_is_learnt_again(
    night: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [replace(rehearsed(f"Is {i} it?").dream, night=0) for i in range(5)]
    exam = replace(old[0], cue="Who?", used=False, held_out=True)
    never = replace(old[0], cue="Why?", kind=DreamKind.NEVER)
    strange = replace(old[0], cue="Where?", memories=(TWO,))
    night.ledger.add_memories([(night.episodes[0].id, TOLD[TWO][0], NOON)])
    night.ledger.add_dreams([*old, exam, never, strange])
    prompts = [night.model.tokenizer.decode(x.ids[: x.start]) for x in learnt(night, monkeypatch)]
    assert len(prompts) == 8 + 5 and sum(f"Is {i} it?" in p for i in range(5) for p in prompts) == 5
    night.config = replace(night.config, tried=2)
    assert len(learnt(night, monkeypatch)) == 8 + 2
