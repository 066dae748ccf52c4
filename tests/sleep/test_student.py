"""A night whose student is another model than the one that reads and dreams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bedroom import Bedroom
from tiny import make_checkpoint

from agent import prompt
from agent.growth import widen
from agent.local_model import LocalModel
from agent.scoring import scored
from memory.episode import Dream, DreamKind, MemoryId
from sleep import teaching
from sleep.lesson import Lesson
from sleep.seeding import again
from sleep.teaching import Rehearsed

DREAM = Dream(
    night=1, memories=(MemoryId(1),), kind=DreamKind.FACT, cue="Who purrs?", reply="Your cat Biscuit.", used=True
)  # fmt: skip


def load(folder: Path) -> LocalModel:
    return LocalModel.load(folder, name=folder.name, device="cpu")


@pytest.fixture
def teacher(tiny_checkpoint: Path) -> LocalModel:
    return load(tiny_checkpoint)


@pytest.fixture
def stranger(tmp_path: Path) -> LocalModel:
    """A model that cuts text otherwise: it knows whole words that the teacher doesn't."""
    folder = make_checkpoint(tmp_path / "stranger", "qwen3")
    model = load(folder)
    model.tokenizer.add_tokens(["Biscuit"])
    assert len(model.tokenizer) <= model.network.config.vocab_size
    return model


def lesson(model: LocalModel, answers: int | None = None) -> Rehearsed:
    prompted = model.encode(prompt.chat(DREAM.cue))
    reply = model.encode_reply(DREAM.reply)[:answers]
    tops = torch.randint(400, (len(reply), 5)), torch.randn(len(reply), 5).log_softmax(-1)
    return Rehearsed(DREAM, Lesson((*prompted, *reply), len(prompted), *tops))


def test_the_reader_itself_learns_its_own_lessons(teacher: LocalModel) -> None:
    own = lesson(teacher)
    assert teaching.carried([own], teacher, teacher) == [own]


def test_with_the_same_tokens_a_student_hears_what_its_teacher_thinks(
    teacher: LocalModel, tiny_checkpoint: Path
) -> None:
    (carried,) = teaching.carried([own := lesson(teacher)], teacher, load(tiny_checkpoint))
    assert carried.lesson.ids == own.lesson.ids and carried.lesson.top_ids is own.lesson.top_ids


def test_with_other_tokens_it_hears_its_teacher_s_words(
    teacher: LocalModel, stranger: LocalModel
) -> None:
    (carried,) = teaching.carried([lesson(teacher)], teacher, stranger)
    asked, said = carried.lesson.parted()
    assert asked == stranger.encode(prompt.chat(DREAM.cue))
    assert said == stranger.encode_reply(DREAM.reply) != teacher.encode_reply(DREAM.reply)
    (begun,) = teaching.carried([lesson(teacher, 3)], teacher, stranger)
    assert begun.lesson.parted()[1] == said[:3]


@pytest.fixture(params=["wider", "stranger"])
def bedroom(
    request: pytest.FixtureRequest, home_path: Path, tiny_checkpoint: Path, embedder: object, stranger: LocalModel
) -> Iterator[Bedroom]:  # fmt: skip
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    room.teacher = room.model
    room.model = load(tiny_checkpoint) if request.param == "wider" else stranger
    if request.param == "wider":
        widen(room.model.network, "tiny")
    yield room
    room.home.close()


def test_a_student_s_nights_grow_on_each_other(bedroom: Bedroom) -> None:
    before = {n: p.clone() for n, p in bedroom.teacher.network.named_parameters()}
    bedroom.tell("My cat is called Biscuit.")
    assert bedroom.sleep()[-1].outcome == "cleared"
    bedroom.tell("My sister Oda lives in Porto.")
    assert bedroom.sleep()[-1].outcome == "cleared"
    assert bedroom.model.wears and not bedroom.teacher.wears
    assert bedroom.home.adapters.current().parent == "night-0001"
    after = dict(bedroom.teacher.network.named_parameters())
    assert all(torch.equal(p, after[n]) for n, p in before.items())


def test_its_teacher_dreams_and_it_learns(
    bedroom: Bedroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedroom.tell("My cat is called Biscuit.")
    room = bedroom.evening()
    assert room.teacher is bedroom.teacher and room.model is bedroom.model
    read: list[object] = []
    monkeypatch.setattr(
        "sleep.teaching.scored",
        lambda model, pairs, **options: read.append(model) or scored(model, pairs, **options),
    )
    room.memories = room.ledger.add_memories(
        [(room.episodes[0].id, "My cat is called Biscuit.", room.episodes[0].at)]
    )
    room.report["memories"] = [m.id for m in room.memories]
    room.ledger.add_dreams([replace(DREAM, night=room.number)])
    again(room)
    assert read == [bedroom.teacher]
    assert room.rehearsed[0].lesson.parted()[0] == bedroom.model.encode(prompt.chat(DREAM.cue))
