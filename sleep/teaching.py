"""Dreams as lessons: what the teacher thinks of each token of a reply, made anew from the ledger when it is needed.

Tonight's dreams are taught with the memory in view; those of earlier nights by the smaller self, by heart.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from agent import prompt
from agent.local_model import LocalModel
from agent.scoring import scored
from memory.episode import Dream, DreamKind, MemoryId
from sleep.lesson import Lesson, beginning, hard, surer

READ_WHOLE = 2  # times as many replies are read to the end as learnt to it: some dreams are false
OWN = 1 / 3  # share of lessons with others in view that show their own memory too


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsed:
    """A dream with what the teacher thinks of each token of its reply."""

    dream: Dream
    lesson: Lesson


def lessons(rehearsed: Sequence[Rehearsed]) -> list[Lesson]:
    """What is trained on."""
    return [r.lesson for r in rehearsed if r.dream.used]


def brief(dreams: Sequence[Dream], recited: int, seed: int) -> set[Dream]:
    """The dreams whose replies need not be read to the end: of those that share one, all but some drawn at random.

    They are enough for `recited` to be learnt whole.
    """
    seen: Counter[tuple[tuple[MemoryId, ...], str]] = Counter()
    out = set()
    for d in random.Random(seed).sample(list(dreams), len(dreams)):
        seen[d.memories, d.reply] += 1
        if seen[d.memories, d.reply] > READ_WHOLE * recited:
            out.add(d)
    return out


def trimmed(
    rehearsed: Sequence[Rehearsed], recited: int, lead: int, *, seed: int
) -> list[Rehearsed]:
    """The dreams in random order; of those that share a reply all but `recited` keep only its first `lead` tokens.

    In them it is decided which memory is told. What comes after is recited, which few dreams suffice to learn: the
    time is better spent on more cues.
    """
    seen: Counter[tuple[tuple[MemoryId, ...], str]] = Counter()
    out = []
    shuffled = random.Random(seed).sample(list(rehearsed), len(rehearsed))
    # Those that were read to the end come first.
    for r in sorted(shuffled, key=lambda r: -r.lesson.answers):
        if r.dream.used:
            seen[r.dream.memories, r.dream.reply] += 1
        enough = seen[r.dream.memories, r.dream.reply] > recited
        out.append(replace(r, lesson=beginning(r.lesson, lead)) if enough else r)
    return out


def in_view(
    model: LocalModel,
    rehearsed: Sequence[Rehearsed],
    told: Mapping[MemoryId, Sequence[str]],
    near: Mapping[MemoryId, Sequence[str]],
    share: float,
    *,
    seed: int,
) -> list[Lesson]:
    """Some of tonight's dreams once more, with other memories quoted above the cue, sometimes their own too.

    After the night what is left in the buffer is looked up for every question, and mostly has nothing to do with it:
    what the student knows by heart it must say, rather than recite what it is shown.
    """
    draw = random.Random(seed)
    out = []
    for r in rehearsed:
        memory = r.dream.memories[0]
        others = list(near.get(memory, ()))
        never = r.dream.kind is DreamKind.NEVER  # one of the others may answer it
        if never or not r.dream.used or not others or draw.random() >= share:
            continue
        shown = draw.sample(others, draw.randint(1, len(others)))
        if draw.random() < OWN:
            shown.insert(draw.randint(0, len(shown)), told[memory][-1])
        prompted = model.encode(prompt.reading(r.dream.cue, shown))
        reply = r.lesson.ids[r.lesson.start :]
        out.append(replace(r.lesson, ids=(*prompted, *reply), start=len(prompted)))
    return out


def recall(
    model: LocalModel,
    kept: Sequence[Dream],
    told: Mapping[MemoryId, Sequence[str]],
    certain: float,
    *,
    short: Collection[Dream] = (),
    lead: int = 0,
) -> list[Rehearsed]:
    """Dreams of the ledger with the teacher's log-probabilities computed again, memory in view.

    Of those in `short` only the first `lead` tokens of the reply.
    """
    replies = [model.encode_reply(d.reply) for d in kept]
    pairs = [
        (
            model.encode(prompt.reading(d.cue, [t for m in d.memories for t in told[m]])),
            reply[:lead] if d in short else reply,
        )
        for d, reply in zip(kept, replies, strict=True)
    ]
    return _taught(model, kept, pairs, certain)


def carried(
    rehearsed: Sequence[Rehearsed], teacher: LocalModel, student: LocalModel
) -> list[Rehearsed]:
    """The same lessons for a student that is another model: what its teacher thinks of each token, where both cut text
    into the same tokens; else the teacher's words alone.
    """
    if student is teacher:
        return list(rehearsed)
    same = teacher.tokens == student.tokens
    out = []
    for r in rehearsed:
        prompted = student.encode(prompt.chat(r.dream.cue))
        _, reply = r.lesson.parted()
        if same:
            lesson = replace(r.lesson, ids=(*prompted, *reply), start=len(prompted))
        else:
            cut = len(reply) if reply[-1] != teacher.end_id else None  # only its beginning was read
            lesson = hard(prompted, student.encode_reply(r.dream.reply)[:cut], r.lesson.weight)
        out.append(replace(r, lesson=lesson))
    return out


def self_taught(
    model: LocalModel, kept: Sequence[Dream], certain: float, *, adapter: bool = False
) -> list[Rehearsed]:
    """Earlier nights' dreams as the smaller self answers them by heart: no episode, no statement is needed.

    The smaller self is the network with the adapter off, or on where it wears that of earlier nights.
    """
    pairs = [(model.encode(prompt.chat(d.cue)), model.encode_reply(d.reply)) for d in kept]
    return _taught(model, kept, pairs, certain, adapter=adapter)


def _taught(
    model: LocalModel,
    kept: Sequence[Dream],
    pairs: Sequence[tuple[list[int], list[int]]],
    certain: float,
    *,
    adapter: bool = False,
) -> list[Rehearsed]:
    out = []
    for d, (_, reply), (own, ids, logp) in zip(
        kept, pairs, scored(model, pairs, adapter=adapter), strict=True
    ):
        blank = model.encode(prompt.chat(d.cue))
        lesson = Lesson((*blank, *reply), len(blank), ids, logp)
        out.append(Rehearsed(d, surer(lesson, own, certain)))
    return out


def spread(kept: Sequence[Dream], most: int, seed: int) -> list[Dream]:
    """At most `most` dreams, taken in turn from every memory, so that none is left out before another has two."""
    draw = random.Random(seed)
    groups: dict[tuple[MemoryId, ...], list[Dream]] = defaultdict(list)
    for d in draw.sample(list(kept), len(kept)):
        groups[d.memories].append(d)
    out: list[Dream] = []
    while groups and len(out) < most:
        for key in list(groups):
            out.append(groups[key].pop())
            if not groups[key]:
                del groups[key]
    return out[:most]
