"""Deep sleep: the ranks that many nights have added are compressed, and nothing may be forgotten by it.

The whole adapter's B·A is cut to its largest singular directions; what that costs is distilled back from the
uncompressed self, on earlier nights' dreams and general texts. It is kept only where the earlier nights' exam holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from memory.adapters import digest
from memory.episode import Dream, MemoryState, Phase
from memory.faults import reached
from memory.paths import fsync_dir, fsync_tree, writing
from sleep import exam, lora, rehearsal, teaching
from sleep.associate import histories
from sleep.course import Course
from sleep.events import NightEvent, Progressed
from sleep.room import Room
from sleep.training import train

SHARE = 0.25  # of what is left of the night, at most, to learn what compressing lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The earlier nights' exam before and after compressing: right answers of `asked`."""

    asked: int
    before: int
    after: int

    def fine(self, loss: float) -> bool:
        """Whether no more than this share of what was right was lost, or one question; nothing proved is not fine."""
        return self.before > 0 and self.after >= min(self.before - 1, (1.0 - loss) * self.before)


def deep_sleep(room: Room) -> Iterator[NightEvent]:
    """Compress what earlier nights wrote if it has grown past `most_rank`; `room.past` is the smaller adapter then.

    Does nothing where it was done before an interruption. The earlier adapter stays on disk as it was, so that the
    night can be rolled back.
    """
    config, past = room.config, room.past
    if past is None or "deep_sleep" in room.report or lora.rank_of(past) <= config.most_rank:
        return
    deadline = time.monotonic() + SHARE * (room.deadline - time.monotonic())
    dreams = teaching.spread(_known(room, used=True), config.earlier_dreams, room.seed)
    questions = teaching.spread(_known(room, used=False), config.earlier_questions, room.seed)
    # 1. what the uncompressed self says
    before = _right(room, questions)
    lessons = [
        r.lesson
        for r in teaching.self_taught(room.model, dreams, config.dreams.certain, adapter=True)
    ]
    # 2. the largest directions, then distillation of what was lost with the rest
    making = room.deep.with_name(f"{room.deep.name}-making")
    lora.compress(past, making, rank=config.deep_rank)
    moving = lora.reload(room.model, making, past=None, rank=config.deep_rank)
    # gentler, and in smaller steps, than a night's own learning: nothing here is new
    training = replace(config.training, lr=2.5e-4, rows=8, passes=2, least_steps=8, deaf=0.0)
    with room.model.hastened():
        texts = rehearsal.base_lessons(room.model, room.texts)
        course = Course(lessons, training, room.seed)
        for step in train(
            room.model, moving, course, texts, training, seed=room.seed, stop=room.stop, deadline=deadline,
            heard=course.heard,
        ):  # fmt: skip
            yield Progressed(
                night=room.number, phase=Phase.SEEDED, done=step.done, total=step.total, left=step.seconds_left,
                loss=step.loss, note="deep sleep",
            )  # fmt: skip
    room.check()
    # 3. it is worn only if the exam holds
    held = Held(asked=len(questions), before=before, after=_right(room, questions))
    kept = held.fine(config.limits.earlier_loss / 4)
    room.report["deep_sleep"] = {
        "rank": [lora.rank_of(past), config.deep_rank], "asked": held.asked, "before": held.before,
        "after": held.after, "kept": kept,
    }  # fmt: skip
    if kept:
        lora.save(room.model, making)
        fsync_tree(making)
        room.report["deep_sleep"]["sha256"] = digest(making)
        with writing(room.deep):
            reached("deep.name")
            making.rename(room.deep)
        fsync_dir(room.deep.parent)
        room.past = room.deep
    else:
        room.home.adapters.discard(making)
    room.ledger.advance(room.number, room.phase, report=room.report)
    room.model.wear(room.past)


def _known(room: Room, *, used: bool) -> list[Dream]:
    """Earlier nights' dreams that were learnt, or else that were set aside for their exams."""
    known = {m.id for m in room.ledger.memories(state=MemoryState.CONSOLIDATED)}
    some = room.ledger.dreams(used=True) if used else room.ledger.dreams(held_out=True)
    return [d for d in some if d.night != room.number and set(d.memories) <= known]


def _right(room: Room, questions: Sequence[Dream]) -> int:
    told = histories(room.ledger, room.ledger.memories(state=MemoryState.CONSOLIDATED))
    return sum(
        a.right
        for a in exam.ask(room.model, questions, told, night=room.number, embedder=room.embedder)
    )
