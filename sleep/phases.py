"""The steps of a night, each a generator of events over the `Room`; `night.py` says in which order.

Seeding, the longest, has a module of its own. A step reads what it needs from the ledger when an earlier run of the
night made it, so that a night can be resumed at any of them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict

from memory.adapters import AdapterCard
from memory.episode import EpisodeId, MemoryState, Phase
from memory.errors import NothingToLearn, UsageError
from memory.quarantine import in_quarantine, screened
from memory.secrets import masked
from sleep import curriculum, dreams, exam, lora, rehearsal, strength, teaching, verdict
from sleep.associate import histories, leading, nearest, supersede
from sleep.events import DreamDreamt, MemoryJudged, NightEvent, Progressed
from sleep.plan import capacity, comparisons, fitting, modest, waiting
from sleep.replay import memories_in
from sleep.room import Room
from sleep.seeding import again
from sleep.words import normal

READING = 0.15  # of the night's time, at most, before what is unread is left for the next
SAMPLING = 0.25  # of the night's time, at most, before the last memories are left for the next


def replay(room: Room) -> Iterator[NightEvent]:
    """What the user said becomes memories; the newer of two that contradict wins; small talk is left out."""
    ledger, hastened = room.ledger, room.model.hastens
    began, left = time.monotonic(), room.deadline - time.monotonic()
    begun, had = ledger.bookmarks(), defaultdict[EpisodeId, set[str]](set)
    every = ledger.memories()
    for m in every:
        had[m.episode].add(normal(m.text))
    known = {m.episode for m in every if m.state is not MemoryState.QUARANTINED}
    fresh = [e for e in room.episodes if e.id not in known or e.id in begun]
    # No more is read than tonight can learn beside what waits since earlier nights.
    most = capacity(left / room.pace, room.config, hastened=hastened)
    backlog = sum(m.failures == 0 for m in waiting(ledger, room.episodes, room.config))
    reading = yield from room.narrated(
        Phase.REPLAYED, "remembering the day",
        lambda tick: memories_in(
            room.teacher, fresh, begun=begun, had=had, most=most - backlog,
            deadline=began + READING * left, progress=tick,
        ),
    )  # fmt: skip
    found = reading.found
    said = {normal(m.text): m for m in every if m.text}
    with ledger.transaction():
        for episode in fresh:
            for text in screened(ledger, episode, found[episode.id]):
                (memory,) = ledger.add_memories([(episode.id, text, episode.at)])
                before = said.get(normal(text))
                if before is not None and before.state is not MemoryState.FORGOTTEN:
                    ledger.set_memory(
                        before.id,
                        state=MemoryState.SUPERSEDED,
                        superseded_by=memory.id,
                        reason="said again",
                    )
                said[normal(text)] = memory
        ledger.set_bookmarks(reading.left)
    able = waiting(room.ledger, room.episodes, room.config)
    if not able and reading.left:
        raise NothingToLearn(
            "There is nothing to learn in what was read tonight; the next night reads on. Sleep again, or tell somnus "
            "something."
        )
    if not able:
        raise NothingToLearn(
            "There is nothing to learn: the buffer holds no statement of yours. Tell somnus something."
        )
    yield from room.narrated(
        Phase.REPLAYED, "looking for what changed",
        lambda tick: supersede(
            room.teacher, room.embedder, ledger, able[:most],
            most=comparisons(left / room.pace, hastened=hastened), progress=tick,
        ),
    )  # fmt: skip
    silent = [e for e in fresh if not found[e.id] and e.id not in reading.left]
    room.report["no_memory"] = [{"episode": e.id, "said": masked(e.said)[:200]} for e in silent]
    room.report["unread"] = len(reading.left)
    room.report["quarantined"] = in_quarantine(ledger)


def dream(room: Room) -> Iterator[NightEvent]:
    """Memories become questions and answers that a second reading confirms."""
    able = waiting(room.ledger, room.episodes, room.config)
    left, hastened = room.deadline - time.monotonic(), room.model.hastens
    room.config = modest(len(able), left / room.pace, room.config, hastened=hastened)
    room.memories = fitting(able, left / room.pace, room.config, hastened=hastened)
    if not room.memories:
        budget = room.config.budget_minutes
        raise UsageError(
            f"A budget of {budget:g} minutes was used up before one memory could be learnt; give the night at least "
            f"{2 * budget:g}."
        )
    config, told = room.config.dreams, histories(room.ledger, room.memories)
    with room.teacher.hastened():
        whole = yield from room.narrated(
            Phase.DREAMT, "saying the day back",
            lambda tick: dreams.retold(room.teacher, told, progress=tick),
        )  # fmt: skip
        raw, reached = yield from room.narrated(
            Phase.DREAMT, "dreaming",
            lambda tick: dreams.sample(
                room.teacher, told, whole, config, night=room.number, seed=room.seed,
                deadline=time.monotonic() + SAMPLING * left, progress=tick,
            ),
        )  # fmt: skip
        room.memories = [m for m in room.memories if m.id in reached]
        tonight = {m.id for m in room.memories}
        later = [m.id for m in able if m.id not in tonight]
        room.report |= {"memories": [m.id for m in room.memories], "later": later}
        raw, first = leading(room.embedder, raw, told)
        near = nearest(room.embedder, room.memories, room.memories, config.neighbours)
        short = teaching.brief(raw, room.config.recited, room.seed)
        read = yield from room.narrated(
            Phase.DREAMT, "reading them again",
            lambda tick: dreams.read_again(
                room.teacher, raw, told, near, config, nearest=first, short=short,
                lead=room.config.beginning, student=room.model, progress=tick,
            ),
        )  # fmt: skip
    room.rehearsed = curriculum.choose(
        read, config, exam=room.config.exam, seed=room.seed,
        before=[d for d in room.ledger.dreams() if d.night != room.number],
    )  # fmt: skip
    room.ledger.clear_dreams(room.number)
    room.ledger.add_dreams([r.dream for r in room.rehearsed])
    room.report["dreams"] = {
        "sampled": config.samples * len(room.memories), "distinct": len(raw), "true": len(read),
        "used": sum(r.dream.used for r in room.rehearsed),
        "held_out": sum(r.dream.held_out for r in room.rehearsed),
    }  # fmt: skip
    for r in room.rehearsed:
        d = r.dream
        yield DreamDreamt(
            night=room.number, kind=d.kind.value, cue=d.cue, reply=d.reply, gap=round(d.gap, 2)
        )


def examine(room: Room) -> Iterator[NightEvent]:
    """Closed book, with and without tonight's rank; general ability and earlier memories too."""
    if not room.moving:  # resumed: put tonight's rank back on over the smaller self
        again(room)
        room.moving = lora.reload(room.model, room.staging, past=room.past, rank=room.config.rank)
        kept = rehearsal.base_texts(room.model, max(8, room.config.texts // 10), room.cache)
        room.kept_texts = rehearsal.base_lessons(room.model, kept)
    told_of = histories(room.ledger, room.memories)
    held = [r.dream for r in room.rehearsed if r.dream.held_out]
    answers = yield from room.narrated(
        Phase.EXAMINED, "exam",
        lambda tick: exam.ask(room.model, held, told_of, night=room.number, embedder=room.embedder, progress=tick),
    )  # fmt: skip
    learnt = room.ledger.memories(state=MemoryState.CONSOLIDATED)
    known = histories(room.ledger, learnt)
    # The questions with which each was passed: what it got wrong in nights before that, it never knew.
    passed = {(m.id, m.night) for m in learnt}
    old = [
        d
        for d in room.ledger.dreams(held_out=True)
        if all((m, d.night) in passed for m in d.memories)
    ]
    strengths = strength.measured(room.ledger, room.number)
    old = strength.due(old, strengths, room.config.earlier_questions, room.seed)
    earlier = yield from room.narrated(
        Phase.EXAMINED, "earlier nights",
        lambda tick: exam.ask(room.model, old, known, night=room.number, embedder=room.embedder, progress=tick),
    )  # fmt: skip
    room.ledger.clear_answers(room.number)
    room.ledger.add_answers([*answers, *earlier])
    drift = yield from room.narrated(
        Phase.EXAMINED, "general ability",
        lambda tick: exam.drift(room.model, room.ledger, room.kept_texts, room.base_hash, progress=tick),
    )  # fmt: skip
    room.report["drift"] = {**asdict(drift), "rise": round(drift.rise, 4)}
    told = [a for a in answers if a.memory is not None]
    untold = [a for a in answers if a.memory is None]
    room.report["exam"] = {
        "asked": len(told),
        "before": sum(a.control_right for a in told),
        "after": sum(a.right for a in told),
        "never": {"asked": len(untold), "right": sum(a.right for a in untold)},
        "earlier": {
            "asked": len(earlier),
            "before": sum(a.control_right for a in earlier),
            "after": sum(a.right for a in earlier),
        },
    }
    room.report["alarm"] = verdict.alarm(drift, earlier, room.config.limits)
    if room.report["alarm"]:
        room.phase = Phase.ROLLED_BACK
        room.home.adapters.discard(room.staging)
    for m in room.memories:
        j = verdict.judge(m, told)
        yield MemoryJudged(
            night=room.number,
            memory=m.id,
            text=m.text,
            passed=j.passed,
            right=j.right,
            asked=j.asked,
            reason=j.reason,
        )


def commit(room: Room) -> Iterator[NightEvent]:
    """The adapter gets its name; nothing points at it yet."""
    told = [a for a in room.ledger.answers(night=room.number) if a.memory is not None]
    judged = [verdict.judge(m, told) for m in room.tonight()]
    card = AdapterCard(
        name=room.name, night=room.number, parent=room.parent,
        base_hash=room.base_hash, memories=tuple(j.memory for j in judged if j.passed),
        exam=dict(room.report.get("exam", {})),
    )  # fmt: skip
    if room.staging.exists():
        room.home.adapters.commit(room.staging, card)
    room.ledger.advance(room.number, room.phase, adapter=room.name)
    yield Progressed(night=room.number, phase=Phase.COMMITTED, done=1, total=1, note=room.name)


def clear(room: Room) -> Iterator[NightEvent]:
    """Point at the adapter, mark what passed, and make the buffer anew from what stays."""
    room.home.adapters.point(room.name)
    if "cleared" not in room.report:  # else it died after that: a failure counts once
        with room.ledger.transaction():
            _mark(room)
            room.ledger.advance(room.number, room.phase, report=room.report)
    room.store.rebuild(room.ledger.waiting())
    room.home.adapters.prune(room.keep[0], room.keep[1])
    note = f"{room.report['cleared']} episodes cleared"
    yield Progressed(night=room.number, phase=Phase.CLEARED, done=1, total=1, note=note)


def _mark(room: Room) -> None:
    """What passed is learnt, what didn't stays, what faded comes back; and the report says so."""
    told = [a for a in room.ledger.answers(night=room.number) if a.memory is not None]
    memories = room.tonight()
    judged = {m.id: verdict.judge(m, told) for m in memories}
    before = room.ledger.memories(state=MemoryState.CONSOLIDATED)
    faded = verdict.faded([m for m in before if m.id not in judged], told)
    for m in memories:
        j = judged[m.id]
        if m.state not in (MemoryState.BUFFER, MemoryState.KEPT_BACK):
            continue
        if j.passed:
            room.ledger.set_memory(
                m.id, state=MemoryState.CONSOLIDATED, night=room.number, failures=0, reason=""
            )
        else:
            failures = m.failures + j.failed
            room.ledger.set_memory(
                m.id, state=MemoryState.KEPT_BACK, failures=failures, reason=j.reason
            )
    for j in faded:
        room.ledger.set_memory(
            j.memory, state=MemoryState.BUFFER, night=None, reason=f"faded: {j.reason}"
        )
        room.ledger.mark_waiting([room.ledger.memory(j.memory).episode])
    every = room.ledger.memories()
    unread = room.ledger.bookmarks()
    read = [e for e in room.episodes if e.id not in unread]
    gone = verdict.leaving(read, every, judged)
    room.ledger.mark_cleared(gone, room.number)
    by_id = {m.id: m for m in every}
    room.report |= {
        "night": room.number,
        "adapter": room.name,
        "learned": [{"id": i, "text": by_id[i].text} for i, j in judged.items() if j.passed],
        "kept_back": [
            {"id": i, "text": by_id[i].text, "reason": j.reason}
            for i, j in judged.items()
            if not j.passed
        ],
        "faded": [
            {"id": j.memory, "text": by_id[j.memory].text, "reason": j.reason} for j in faded
        ],
        "cleared": len(gone),
        "left": len(room.episodes) - len(gone),
    }
