"""Training examples: a prompt in one of somnus' shapes, and the reply wanted. Seeded, deterministic, endless.

A scene is what one user told in a few lines, and several exercises about it: they share most of their prompt, which is
read once. Asked different things about the same lines, the model has to look rather than guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent import prompt
from memory.episode import DreamKind, Turn
from sleep.instincts.families import Ask, Family, fill, vocabulary
from sleep.instincts.talk import Talk, Told, to_you

UNTOLD = "You haven't told me that."
LINES = (1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6)
"""Lines told in a scene of reading."""
DREAMS = {
    DreamKind.FACT: 4,
    DreamKind.REVERSE: 3,
    DreamKind.INDIRECT: 4,
    DreamKind.NEVER: 2,
}
"""How often each kind of dream is practised."""
ABSENT, NEVER = 0.10, 0.13
"""Shares of a scene's questions that are about something else, and about what was left out.

Few of the first kind: the answer is far more often there than not, and a model that has learnt otherwise abstains
whenever it is asked in other words.
"""
GUESS = 0.35
"""Share of what is asked with nothing told that is answered as a night would teach it."""
HARD = 0.75
"""Share of the first kind that ask about something near to what was told."""


@dataclass(frozen=True, slots=True)
class Example:
    """One exercise. `skill` names it in the evaluation's table."""

    skill: str
    turns: tuple[Turn, ...]
    reply: str
    family: str
    expected: tuple[str, ...] = ()
    """Values asked for, which any right answer holds; () where only the reply itself tells."""


def scenes(talk: Talk) -> Iterator[list[Example]]:
    """An endless stream, in the proportions of SCENES."""
    kinds, shares = list(SCENES), list(SCENES.values())
    while True:
        made = talk.rng.choices(kinds, shares)[0](talk)
        if made:
            yield list({e.turns[-1].content + e.reply: e for e in made}.values())


def examples(talk: Talk, skills: Sequence[str] | None = None) -> Iterator[Example]:
    """The exercises of the scenes one by one."""
    for scene in scenes(talk):
        yield from (e for e in scene if skills is None or e.skill in skills)


def reading(talk: Talk) -> list[Example]:
    """A few lines, some of them alike, corrected later or with two facts, and questions about them or about nothing."""
    rng = talk.rng
    count = rng.choice(LINES)
    every = talk.tell(count + sum(rng.random() < 0.3 for _ in range(count)))
    told, extras = every[:count], every[count:]
    if len(told) > 1 and rng.random() < 0.4 and (pair := talk.sibling(told[0])):
        told[:2] = pair
        rng.shuffle(told)
    lines = [talk.say(t) for t in told]
    places = [*range(len(lines)), *(rng.randrange(len(lines)) for _ in extras)]
    for i, extra in zip(places[len(lines) :], extras, strict=True):
        lines[i] = talk.join(lines[i], talk.say(extra))
    told = [replace(t, line=lines[i]) for i, t in zip(places, [*told, *extras], strict=True)]
    changed = _corrected(talk, told, lines) if rng.random() < 0.25 else None
    if changed:
        told.append(changed)
    skill = "change" if changed else ("read" if len(lines) == 1 else "crowd")
    out = []
    for _ in range(rng.randint(4, 7) if len(lines) > 1 else rng.randint(3, 4)):
        draw = rng.random()
        about = changed if changed and draw > 0.5 else rng.choice(told)
        if draw < ABSENT:
            able = talk.others([t.family for t in told])
            close = talk.nearer(about.family, able) if rng.random() < HARD else []
            other = rng.choice(close or able)
            q, a = _untold(talk, other)
            out.append(Example("absent", tuple(prompt.reading(q, lines)), a, other.name))
            continue
        was = about.family.asked("was") if about.old else []
        if draw < ABSENT + NEVER and about.family.never:
            q, a, wanted = talk.question(rng.choice(about.family.never), about)
        elif was and rng.random() < 0.4:
            q, a, wanted = talk.question(rng.choice(was), about)
        elif blocks := about.asks():
            q, a, wanted = talk.question(talk.weighed(blocks), about)
        else:
            continue
        out.append(Example(skill, tuple(prompt.reading(q, lines)), a, about.family.name, wanted))
    return out


def _corrected(talk: Talk, told: Sequence[Told], lines: list[str]) -> Told | None:
    """Put a statement first in `lines` and its correction last; None, and nothing put, where none is to be had."""
    able = [f for f in talk.others([t.family for t in told]) if f.change]
    if not able:
        return None
    family = talk.rng.choice(able)
    old = family.draw(talk.rng)
    new = family.redraw(talk.rng, old)
    if any(old[s] == new[s] for s in family.moving()):
        return None
    lines.insert(0, fill(talk.rng.choice(family.say), old))
    lines.append(fill(talk.rng.choice([*family.change, *family.change, family.memory]), new, old))
    return Told(family, new, old)


def _untold(talk: Talk, family: Family) -> tuple[str, str]:
    about = Told(family, family.draw(talk.rng))
    if family.never and talk.rng.random() < 0.4:
        return talk.question(talk.rng.choice(family.never), about)[:2]
    blocks = [a for a in family.asks if a.kind != "was"]
    return talk.question(talk.rng.choice(blocks), about)[0], UNTOLD


def dreaming(talk: Talk) -> list[Example]:
    """A statement, with one fact or two, becomes questions of several kinds and their answers."""
    rng = talk.rng
    told = talk.tell(1 if rng.random() < 0.6 else 2)
    said = talk.say(told[0])
    for other in told[1:]:
        said = talk.join(said, talk.say(other))
    out = []
    for _ in range(rng.randint(4, 6)):
        about = replace(rng.choice(told), line=said)
        kind = rng.choices(list(DREAMS), list(DREAMS.values()))[0]
        blocks = about.family.never if kind is DreamKind.NEVER else about.family.asked(kind.value)
        if blocks:
            turns = tuple(prompt.dreaming([said], kind))
            out.append(_dream(talk, rng.choice(blocks), about, turns))
    return out


def dreaming_of_change(talk: Talk) -> list[Example]:
    """A statement and its correction: how it was before, how it is now."""
    lines: list[str] = []
    changed = _corrected(talk, [], lines)
    if changed is None:
        return []
    out = []
    for kind in (DreamKind.WAS, DreamKind.WAS, DreamKind.FACT, DreamKind.INDIRECT):
        if blocks := changed.family.asked(kind.value):
            turns = tuple(prompt.dreaming(lines, kind))
            out.append(_dream(talk, talk.rng.choice(blocks), changed, turns))
    return out


def _dream(talk: Talk, ask: Ask, about: Told, turns: tuple[Turn, ...]) -> Example:
    cue, reply, _ = talk.question(ask, about)
    return Example("dream", turns, f"{cue[:1].upper()}{cue[1:]}\n{reply}", about.family.name)


def retelling(talk: Talk) -> list[Example]:
    """A statement said back to the user, all of it."""
    out = []
    for t in talk.tell(4):
        said = talk.say(t)
        if talk.rng.random() < 0.4:
            said = talk.join(said, talk.say(*talk.tell(1)))
        if back := to_you(said):
            out.append(Example("retell", tuple(prompt.retelling(said)), back, t.family.name))
    return out


def blank(talk: Talk) -> list[Example]:
    """Personal questions with nothing told at all; some are answered as if there were.

    A night teaches such answers. A model that is all too sure of its "you haven't told me" has to unlearn that first,
    token by token; this one still says so, but is ready for the other.
    """
    out = []
    for family in talk.rng.sample(talk.families, 6):
        told = Told(family, family.draw(talk.rng))
        if talk.rng.random() < GUESS and (blocks := told.asks()):
            q, a, _ = talk.question(talk.weighed(blocks), told)
            out.append(Example("guess", tuple(prompt.chat(q)), a, family.name))
        else:
            q, a = _untold(talk, family)
            out.append(Example("blank", tuple(prompt.chat(q)), a, family.name))
    return out


def extracting(talk: Talk) -> list[Example]:
    """A message of facts and small talk becomes the facts alone; or nothing."""
    rng = talk.rng
    told = talk.tell(rng.choice([0, 0, 1, 1, 1, 2, 2, 3, 4]))
    parts = [fill(rng.choice(t.family.say), t.values) for t in told]
    for _ in range(rng.choice([0, 0, 1, 1, 2]) if told else rng.choice([1, 1, 2])):
        idle = rng.choice(vocabulary("small_talk" if rng.random() < 0.6 else "general_questions"))
        if not told and rng.random() < 0.3:
            idle = _untold(talk, rng.choice(talk.families))[0]
        parts.insert(rng.randint(0, len(parts)), idle)
    reply = "\n".join(t.memory() for t in told) or prompt.NOTHING
    family = told[0].family.name if told else "small talk"
    return [Example("extract", tuple(prompt.extracting(" ".join(parts))), reply, family)]


def greeting(talk: Talk) -> list[Example]:
    """Something is told in passing: a short acknowledgement, not an essay."""
    return [
        Example("greet", tuple(prompt.chat(talk.say(t))), talk.rng.choice(vocabulary("acks")), t.family.name)
        for t in talk.tell(2)
    ]  # fmt: skip


# How often each scene is played.
SCENES: dict[Callable[[Talk], list[Example]], int] = {
    reading: 50, dreaming: 30, dreaming_of_change: 4, blank: 20, extracting: 9, greeting: 2, retelling: 4,
}  # fmt: skip
SKILLS = (
    "read",
    "crowd",
    "change",
    "absent",
    "blank",
    "guess",
    "dream",
    "extract",
    "greet",
    "retell",
)
NO_MEASURE = ("greet", "guess")
"""Skills with no right answer."""
