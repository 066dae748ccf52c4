"""Knowledge Seeding: the night's new rank learns the dreams from the smaller self, then from its own completions.

The dreams of earlier nights are rehearsed in the same steps, and the base's own texts hold what it says in general
(Sleep, 2606.03979, stage 1).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence

from memory.episode import Dream, DreamKind, MemoryState, Phase
from memory.faults import reached
from memory.paths import private_dir, writing
from sleep import exam, lora, rehearsal, strength, teaching
from sleep.associate import histories, nearest
from sleep.course import Course
from sleep.curvature import Curvature, measured
from sleep.deep_sleep import deep_sleep
from sleep.events import NightEvent, Progressed
from sleep.hearing import Hearing, depth
from sleep.imitation import imitate
from sleep.plan import ending, pace
from sleep.room import Room
from sleep.teaching import Rehearsed
from sleep.training import train

UNFINISHED = "unfinished.safetensors"
IN_VIEW = 2  # statements that a lesson with others in view may show


def again(room: Room) -> None:
    """Read tonight's dreams back from the ledger, with the teacher's log-probabilities, after an interruption."""
    if room.rehearsed:
        return
    kept, config = room.ledger.dreams(night=room.number), room.config
    room.memories = room.tonight()
    room.rehearsed = _taught(room, kept, teaching.brief(kept, config.recited, room.seed))


def _taught(room: Room, dreams: Sequence[Dream], short: Collection[Dream]) -> list[Rehearsed]:
    """Dreams of tonight's memories, as the teacher answers them with the memory in view."""
    read = teaching.recall(
        room.teacher, dreams, histories(room.ledger, room.memories), room.config.dreams.certain,
        short=short, lead=room.config.beginning,
    )  # fmt: skip
    return teaching.carried(read, room.teacher, room.model)


def _earlier(room: Room) -> list[Rehearsed]:
    """Dreams of earlier nights, as the smaller self answers them: generative replay."""
    kept = [
        d
        for d in room.ledger.dreams(used=True)
        if d.night != room.number
        and all(room.ledger.memory(m).state is MemoryState.CONSOLIDATED for m in d.memories)
    ]
    strengths = strength.measured(room.ledger, room.number)
    some = strength.weakest(kept, strengths, room.config.earlier_dreams, room.seed)
    return teaching.self_taught(room.model, some, room.config.dreams.certain)


def _tried(room: Room) -> list[Rehearsed]:
    """What earlier nights dreamt of the memories that they had to keep back: still true, and so many cues more."""
    tonight = {m.id for m in room.memories}
    kept = [
        d
        for d in room.ledger.dreams(used=True)
        if d.night != room.number and d.kind is not DreamKind.NEVER and set(d.memories) <= tonight
    ]
    some = teaching.spread(kept, room.config.tried * len(tonight), room.seed)
    return _taught(room, some, set(some))


def seed(room: Room) -> Iterator[NightEvent]:
    """New rank is unmasked and learns the dreams from the smaller self, which has the episodes in view."""
    extra = max(8, room.config.texts // 10)
    with room.model.hastened():
        every = yield from room.narrated(
            Phase.SEEDED, "recalling general things",
            lambda tick: rehearsal.base_texts(room.model, room.config.texts + extra, room.cache, progress=tick),
        )  # fmt: skip
    room.kept_texts, room.texts = rehearsal.base_lessons(room.model, every[:extra]), every[extra:]
    yield from deep_sleep(room)
    lowest = int(room.config.above * depth(room.model))
    kept = room.cache.with_name(f"{room.cache.stem}-{lowest}-{room.config.texts}.curvature")
    room.model.bare()  # what is to stay is the base's, without any night's adapter
    with room.model.hastened():
        factors = yield from room.narrated(
            Phase.SEEDED, "weighing what is to stay",
            lambda tick: measured(room.model, room.texts, lowest, kept, progress=tick),
        )  # fmt: skip
        if factors is None:  # then the texts themselves are gone through
            room.texts = yield from room.narrated(
                Phase.SEEDED, "weighing what is to stay",
                lambda tick: rehearsal.base_lessons(room.model, room.texts, tick),
            )  # fmt: skip
    room.moving = lora.expand(
        room.model,
        rank=room.config.rank,
        targets=lora.MLP,
        seed=room.seed,
        past=room.past,
        above=lowest,
        scale=room.config.scale,
    )
    with room.model.hastened():
        curvature = Curvature(room.model, factors, room.past) if factors else None
        yield from _learn(room, Hearing(room.model, lowest), curvature)
    most = room.config.limits.tempered
    before = exam.untouched(room.model, room.ledger, room.base_hash)
    room.report["tempered"] = yield from room.narrated(
        Phase.SEEDED, "weighing what it costs",
        lambda tick: exam.temper(room.model, before, most, progress=tick),
    )  # fmt: skip
    lora.save(room.model, room.staging, past=room.past)
    with writing(room.staging):
        reached("seed.finish")
        (room.staging / UNFINISHED).unlink(missing_ok=True)
    room.sign()


def _learn(
    room: Room, hearing: Hearing, curvature: Curvature | None = None
) -> Iterator[NightEvent]:
    again(room)
    room.earlier = _earlier(room)
    near = nearest(room.embedder, room.memories, room.memories, IN_VIEW)
    told = histories(room.ledger, room.memories)
    config = room.config
    tonight = teaching.trimmed(room.rehearsed, config.recited, config.beginning, seed=room.seed)
    lessons = [
        *teaching.lessons(tonight),
        *teaching.in_view(room.model, tonight, told, near, config.in_view, seed=room.seed),
        *(r.lesson for r in (*_tried(room), *room.earlier)),
    ]
    known = len(room.ledger.memories(state=MemoryState.CONSOLIDATED))
    asked = len(room.memories) + min(known, config.earlier_questions / config.exam)
    hastened = room.model.hastens
    # As slowly as tonight's dreams went, its exam will go.
    slower = max(1.0, pace([room.report], hastened=hastened))
    deadline = room.deadline - slower * ending(asked, hastened=hastened)
    private_dir(room.staging)
    losses = []
    course = Course(lessons, config.training, room.seed)
    for step in train(
        room.model, room.moving, course, room.texts, config.training, seed=room.seed, stop=room.stop,
        deadline=deadline, resume=room.staging / UNFINISHED, heard=course.heard, hearing=hearing,
        curvature=curvature,
    ):  # fmt: skip
        losses.append(round(step.loss, 4))
        yield Progressed(
            night=room.number, phase=Phase.SEEDED, done=step.done, total=step.total, left=step.seconds_left,
            loss=step.loss, note="learning",
        )  # fmt: skip
    room.check()
    rewards: list[float] = []
    began = time.monotonic()
    for value in imitate(
        room.model, room.moving, room.rehearsed, told, room.config.imitation,
        seed=room.seed, stop=room.stop, deadline=deadline,
    ):  # fmt: skip
        rewards.append(round(value, 3))
        rounds = room.config.imitation.rounds
        yield Progressed(
            night=room.number, phase=Phase.SEEDED, done=len(rewards), total=rounds,
            left=(time.monotonic() - began) / len(rewards) * (rounds - len(rewards)),
            note=f"imitating, reward {value:.2f}",
        )  # fmt: skip
    room.report["loss"] = {"first": losses[:1], "last": losses[-1:], "steps": len(losses)}
    room.report["reward"] = rewards
