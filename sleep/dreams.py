"""Dreams: the model makes up cues and replies about its memories, reads them a second time, and keeps the true ones.

A dream is kept when it parses, says nothing that the memory doesn't, isn't there already, and when a second reading,
with the memory among its nearest neighbours, finds the same answer, by whose log-probabilities it is then taught.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

from agent import prompt
from agent.local_model import LocalModel
from agent.model import Sampling
from agent.packing import chunks
from agent.scoring import scored
from agent.telling import abstains
from memory.episode import Dream, DreamKind, MemoryId
from sleep import taboo, teaching
from sleep.lesson import Lesson, surer
from sleep.narrated import onwards
from sleep.teaching import Rehearsed
from sleep.words import faithful, hard, keys, normal, stem, word_at, words

# How a memory's samples are shared among the kinds; what took the place of another is also asked how it was before.
SHARES = {DreamKind.FACT: 9, DreamKind.REVERSE: 6, DreamKind.INDIRECT: 7, DreamKind.NEVER: 6}
WAS_SHARE = 6
WHOLE = (DreamKind.FACT, DreamKind.REVERSE, DreamKind.INDIRECT)  # answered with all of it
TOGETHER = 16  # memories dreamt of at once
LONGEST = 40  # words of a reply: nobody wants to hear more
Told = Mapping[MemoryId, Sequence[str]]
"""A memory's statement, and before it those whose place it took."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamConfig:
    """How many dreams, and how sure the second reading must be."""

    samples: int = 84
    """Dreams sampled a memory …"""
    taboo: float = 2 / 3
    """… and the share of them whose question may not use the statement's own words."""
    temperature: float = 0.85
    top_p: float = 0.95
    tokens: int = 40
    """Longest dream."""
    neighbours: int = 2
    """Nearest other memories shown at the second reading."""
    sure: float = 0.3
    """Least probability, at the second reading, of a token that tells something; the rest is wording …"""
    likely: float = 0.2
    """… and only has to be as likely as this on (geometric) average."""
    unanswered: float = 0.85
    """The same average for a neighbour's "you haven't told me"."""
    certain: float = 0.5
    """Share of certainty lent to the teacher of a dream that passed; the rest is its own opinion."""
    keep: int = 50
    """Most dreams a memory to learn from: those with the largest gap …"""
    at_random: int = 6
    """… of which so many are drawn at random."""


class Asked(NamedTuple):
    """One dream to be sampled; `brief` where its reply is known and the cue alone is wanted."""

    memory: MemoryId
    kind: DreamKind
    brief: bool
    taboo: bool = False

    def bars(
        self, statement: str, stems: Mapping[str, Sequence[int]], draw: random.Random
    ) -> list[int]:
        """Tokens that it may not have."""
        names = self.kind is not DreamKind.REVERSE
        return taboo.barred(statement, stems, draw, names=names) if self.taboo else []


def retold(
    model: LocalModel, told: Told, *, progress: Progress = lambda done, total: None
) -> dict[MemoryId, str]:
    """Each memory turned to the user by the model, word for word; those that it changed are left out.

    So are corrections: they mention what no longer holds.

    One sure sentence a memory, whatever is asked, is learnt far better than a wording for every cue, and a small model
    that would answer cue by cue leaves out names and makes up relations (measured; see LAB.md).
    """
    plain = {m: statements[0] for m, statements in told.items() if len(statements) == 1}
    prompts = [model.encode(prompt.retelling(statement)) for statement in plain.values()]
    rows = model.decode(
        prompts,
        Sampling(max_tokens=80),
        adapter=False,
        progress=lambda done: progress(done, len(prompts)),
    )
    said = zip(plain.items(), (model.text(row) for row in rows), strict=True)
    return {
        m: text
        for (m, statement), text in said
        if faithful(text, statement) and len(text.split()) <= LONGEST
    }


def sample(
    model: LocalModel,
    told: Told,
    whole: Mapping[MemoryId, str],
    config: DreamConfig,
    *,
    night: int,
    seed: int,
    deadline: float = math.inf,
    progress: Progress = lambda done, total: None,
) -> tuple[list[Dream], list[MemoryId]]:
    """Raw dreams: `samples` a memory, parsed, grounded and without duplicates; and the memories that time was left for.

    `whole` has the reply of those that are answered with all that they say. Past `deadline` (monotonic) no more
    memories are begun, after the first few.
    """
    draw = random.Random(seed)
    stems = taboo.by_stem(model.pieces)
    asked = {m: _asked(m, said, m in whole, config) for m, said in told.items()}
    total, done = sum(map(len, asked.values())), 0
    dreams: list[Dream] = []
    reached: list[MemoryId] = []
    for some in chunks(list(told), TOGETHER):
        if reached and time.monotonic() >= deadline:
            break
        # Where the reply is known, the cue is enough; those that go on to a reply come last.
        now = sorted((a for m in some for a in asked[m]), key=lambda a: not a.brief)
        prompts = [model.encode(prompt.dreaming(told[a.memory], a.kind)) for a in now]
        barred = [a.bars(told[a.memory][-1], stems, draw) for a in now]
        texts: list[str] = []
        for brief, stop in ((True, ("\n",)), (False, ())):
            part = [i for i, a in enumerate(now) if a.brief is brief]
            rows = model.decode(
                [prompts[i] for i in part],
                Sampling(
                    max_tokens=config.tokens, temperature=config.temperature, top_p=config.top_p,
                    seed=seed + len(reached), stop=stop,
                ),
                adapter=False,
                barred=[barred[i] for i in part],
                progress=onwards(done + len(texts), total, progress),
            )  # fmt: skip
            texts += [model.text(row) for row in rows]
        dreams += _grounded(now, texts, told, whole, night)
        reached += some
        done += len(now)
    return dreams, reached


def _grounded(
    asked: Sequence[Asked],
    texts: Sequence[str],
    told: Told,
    whole: Mapping[MemoryId, str],
    night: int,
) -> list[Dream]:
    """What was sampled as dreams, without those that don't parse, invent something or are there already."""
    out: dict[tuple[MemoryId, str], Dream] = {}
    for a, text in zip(asked, texts, strict=True):
        parsed = parse(f"{text}\n{whole[a.memory]}" if a.brief else text)
        if parsed and is_true_to(" ".join(told[a.memory]), a.kind, *parsed):
            dream = Dream(
                night=night, memories=(a.memory,), kind=a.kind, cue=parsed[0], reply=parsed[1]
            )
            out.setdefault((a.memory, normal(dream.cue)), dream)
    return list(out.values())


def _asked(
    memory: MemoryId, statements: Sequence[str], whole: bool, config: DreamConfig
) -> list[Asked]:
    """The dreams to be sampled about a memory."""
    shares = SHARES | ({DreamKind.WAS: WAS_SHARE} if len(statements) > 1 else {})
    bold = round(config.samples * config.taboo) if whole else 0
    plain, total = config.samples - bold, sum(shares.values())
    out: list[Asked] = []
    for kind, share in shares.items():
        brief = whole and kind in WHOLE
        out += [Asked(memory, kind, brief)] * max(1, round(plain * share / total))
        out += [Asked(memory, kind, brief, taboo=True)] * (bold // len(WHOLE) if brief else 0)
    return out


def parse(text: str) -> tuple[str, str] | None:
    """A dream's two lines, or None when it isn't one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 2 or len(lines[1].split()) > LONGEST:
        return None
    if len(lines[0].split()) < 2 or not words(lines[1]):
        return None
    return lines[0], lines[1]


def is_true_to(memory: str, kind: DreamKind, cue: str, reply: str) -> bool:
    """The cheap half of the filter: names and numbers are the memory's; the reply answers, or abstains, as wished."""
    if abstains(reply) != (kind is DreamKind.NEVER):
        return False
    said = {stem(w) for w in words(memory)}
    invented = {stem(w) for w in hard("x " + reply) | hard(cue)} - said
    if invented:
        return False
    if kind is DreamKind.NEVER:
        return True
    names, rest = keys(cue, reply, memory)
    return bool(names or rest)


def read_again(
    model: LocalModel,
    dreams: Sequence[Dream],
    told: Told,
    neighbours: Mapping[MemoryId, Sequence[str]],
    config: DreamConfig,
    *,
    lead: int,
    nearest: Collection[Dream] = (),
    short: Collection[Dream] = (),
    student: LocalModel | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Rehearsed]:
    """The dreams that a second reading answers the same, with their gap and the teacher's log-probabilities.

    `nearest` are those whose cue is nearest to its memory, as the buffer finds it. Where such a cue is answered with
    the memory itself, the reply is true and the choice is the retriever's, the better judge of far questions; the
    reader need not agree, and is no teacher then. Of those in `short` only the first `lead` tokens of the reply are
    read: what follows is recited, whatever the cue.
    gap = NLL(student, without the episode) − NLL(teacher, with it), in nats a token of the first `lead`; the lessons
    are the student's, which is the reader itself unless it is given.
    """
    spoken = [model.encode_reply(d.reply) for d in dreams]
    replies = [r[:lead] if d in short else r for d, r in zip(dreams, spoken, strict=True)]
    total = 2 * len(dreams)
    done = 0

    def more(n: int) -> None:
        nonlocal done
        done += n
        progress(min(done, total), total)

    reading = []
    for dream, reply in zip(dreams, replies, strict=True):
        near = [t for m in dream.memories for t in neighbours.get(m, ())][: config.neighbours]
        said = [t for m in sorted(dream.memories) for t in told[m]]
        reading.append((model.encode(prompt.reading(dream.cue, [*near, *said])), reply))
    read = scored(model, reading, adapter=False, progress=more)
    texts = [" ".join(t for m in d.memories for t in told[m]) for d in dreams]
    agreed = [
        confirms(model, d, text, logp, config, tokens=len(reply))
        for d, text, (logp, _, _), reply in zip(dreams, texts, read, spoken, strict=True)
    ]
    sure = [
        i
        for i, d in enumerate(dreams)
        if agreed[i] or (d in nearest and faithful(d.reply, texts[i]))
    ]
    total = len(dreams) + len(sure)
    lessons = []
    for i in sure:
        logp, top_ids, top_logp = read[i]
        ids = model.encode(prompt.chat(dreams[i].cue))
        lesson = Lesson((*ids, *replies[i]), len(ids), top_ids, top_logp)
        share = config.certain if agreed[i] else 1.0
        lessons.append(Rehearsed(dreams[i], surer(lesson, logp, share)))
    out = teaching.carried(lessons, model, student or model)
    blank = [r.lesson.parted(lead) for r in out]
    unread = scored(student or model, blank, adapter=True, progress=more)
    gaps = [
        float(read[i][0][:lead].mean() - own.mean())
        for i, (own, _, _) in zip(sure, unread, strict=True)
    ]
    return [replace(r, dream=replace(r.dream, gap=g)) for r, g in zip(out, gaps, strict=True)]


def confirms(
    model: LocalModel, dream: Dream, memory: str, logp: Tensor, config: DreamConfig, *, tokens: int
) -> bool:
    """Whether the second reading says the same: sure of every word that answers, and not surprised by the wording.

    `logp` (A,) is the reader's log-probability of the first A of the reply's `tokens`; the rest counts as certain.
    """
    # A neighbour must be clearly unanswered: to learn "you haven't told me" about what was told would undo the night.
    least = config.unanswered if dream.kind is DreamKind.NEVER else config.likely
    if math.exp(float(logp.sum()) / tokens) < least:
        return False
    names, rest = keys(dream.cue, dream.reply, memory)
    for (begin, end), value in zip(model.encode_spans(dream.reply), logp.tolist(), strict=False):
        around = word_at(dream.reply, begin, end)
        if stem(around) in names | rest and math.exp(value) < config.sure:
            return False
    return True
