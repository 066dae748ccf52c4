"""Training examples: a prompt in one of somnus' shapes, and the reply wanted. Seeded, deterministic, endless.

A scene is a handful of filled families, as if one user had told them; every skill draws its examples from a scene.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent import prompt
from memory.episode import DreamKind, Turn
from sleep.instincts.families import Ask, Family, Values, families, fill, vocabulary

UNTOLD = "You haven't told me that."
# How often each skill is practised.
MIX = {
    "read": 9,
    "crowd": 24,
    "change": 7,
    "absent": 9,
    "blank": 9,
    "dream": 26,
    "extract": 13,
    "greet": 3,
}


@dataclass(frozen=True, slots=True)
class Example:
    """One exercise. `skill` names it in the evaluation's table."""

    skill: str
    turns: tuple[Turn, ...]
    reply: str
    family: str


@dataclass(frozen=True, slots=True)
class Told:
    """A family filled with values, and the words in which it was told."""

    family: Family
    values: Values
    said: str

    def memory(self) -> str:
        return fill(self.family.memory, self.values)


class Talk:
    """Draws scenes from the families that may be used."""

    def __init__(self, seed: int, *, held_out: bool = False) -> None:
        self.rng = random.Random(seed)
        self.families = [f for f in families() if f.held_out == held_out]

    def tell(self, family: Family | None = None) -> Told:
        rng = self.rng
        family = family or rng.choice(self.families)
        values = family.draw(rng)
        # Reading must work on what was said as well as on the memory that replay made of it.
        words = family.memory if rng.random() < 0.3 else rng.choice(family.say)
        return Told(family, values, fill(words, values))

    def crowd(self, count: int, avoid: Family) -> list[Told]:
        """Other things told: sometimes of the same family with other values, which is where mix-ups come from."""
        out = []
        for _ in range(count):
            out.append(self.tell(self.rng.choice([f for f in self.families if f is not avoid])))
        return out

    def sibling(self, told: Told) -> Told | None:
        """The same kind of statement about something else: the dog's name beside the cat's."""
        asked = " ".join(q for a in told.family.asked("fact") for q in a.questions)
        keys = [s for s in told.values if "{" + s + "}" in asked]
        if not keys:
            return None
        values = told.family.draw(self.rng)
        if any(values[k] == told.values[k] for k in keys):
            return None
        return Told(told.family, values, fill(self.rng.choice(told.family.say), values))

    def examples(self, skills: Sequence[str] | None = None) -> Iterator[Example]:
        """An endless stream in the proportions of MIX."""
        names = list(skills or MIX)
        while True:
            skill = self.rng.choices(names, [MIX[n] for n in names])[0]
            made = SKILLS[skill](self)
            if made is not None:
                yield made


def _question(
    rng: random.Random, ask: Ask, values: Values, old: Values | None = None
) -> tuple[str, str]:
    question = fill(rng.choice(ask.questions), values, old)
    if rng.random() < 0.15:  # people don't always type the question mark or the capital
        question = (
            question.rstrip("?") if rng.random() < 0.5 else question[:1].lower() + question[1:]
        )
    return question, fill(rng.choice(ask.answers), values, old)


def _ask(rng: random.Random, family: Family) -> Ask:
    blocks = [a for a in family.asks if a.kind != "was"]
    return rng.choice(blocks)


def read(talk: Talk) -> Example | None:
    """One statement, one question."""
    told = talk.tell()
    q, a = _question(talk.rng, _ask(talk.rng, told.family), told.values)
    return Example("read", tuple(prompt.reading(q, [told.said])), a, told.family.name)


def crowd(talk: Talk) -> Example | None:
    """The right statement among one to five others; one time in five the question is about none of them."""
    told = talk.tell()
    others = talk.crowd(talk.rng.randint(1, 4), told.family)
    if talk.rng.random() < 0.35 and (twin := talk.sibling(told)):
        others[0] = twin
    said = [o.said for o in others]
    if told.family.never and talk.rng.random() < 0.2:
        q, a = _question(talk.rng, talk.rng.choice(told.family.never), told.values)
    else:
        q, a = _question(talk.rng, _ask(talk.rng, told.family), told.values)
    said.insert(talk.rng.randint(0, len(said)), told.said)
    return Example("crowd", tuple(prompt.reading(q, said)), a, told.family.name)


def change(talk: Talk) -> Example | None:
    """A statement and its later correction: asked for now, or for before."""
    family = talk.rng.choice(talk.families)
    if not family.change:
        return None
    old = family.draw(talk.rng)
    new = family.redraw(talk.rng, old)
    if any(old[s] == new[s] for s in family.moving()):
        return None
    first = fill(talk.rng.choice(family.say), old)
    later = fill(talk.rng.choice([*family.change, *family.change, family.memory]), new, old)
    said = [first, *(o.said for o in talk.crowd(talk.rng.randint(0, 3), family)), later]
    was = family.asked("was")
    if was and talk.rng.random() < 0.4:
        q, a = _question(talk.rng, was[0], new, old)
    else:
        q, a = _question(talk.rng, _ask(talk.rng, family), new, old)
    return Example("change", tuple(prompt.reading(q, said)), a, family.name)


def absent(talk: Talk) -> Example | None:
    """A question about something that none of the statements tells."""
    told = talk.tell()
    said = [o.said for o in talk.crowd(talk.rng.randint(1, 5), told.family)]
    q, a = _untold(talk, told)
    return Example("absent", tuple(prompt.reading(q, said)), a, told.family.name)


def blank(talk: Talk) -> Example | None:
    """A personal question with nothing told at all."""
    told = talk.tell()
    q, a = _untold(talk, told)
    return Example("blank", tuple(prompt.chat(q)), a, told.family.name)


def _untold(talk: Talk, told: Told) -> tuple[str, str]:
    if told.family.never and talk.rng.random() < 0.5:
        return _question(talk.rng, talk.rng.choice(told.family.never), told.values)
    return _question(talk.rng, _ask(talk.rng, told.family), told.values)[0], UNTOLD


def dream(talk: Talk) -> Example | None:
    """A statement becomes a question of a given kind and its answer."""
    told = talk.tell()
    kinds = [
        DreamKind.FACT,
        DreamKind.FACT,
        DreamKind.REVERSE,
        DreamKind.INDIRECT,
        DreamKind.INDIRECT,
        DreamKind.NEVER,
    ]
    kind = talk.rng.choice(kinds)
    never = kind is DreamKind.NEVER
    blocks = list(told.family.never) if never else told.family.asked(kind.value)
    if not blocks:
        return None
    q, a = _question(talk.rng, talk.rng.choice(blocks), told.values)
    q = q[:1].upper() + q[1:]
    return Example(
        "dream", tuple(prompt.dreaming([told.said], kind)), f"{q}\n{a}", told.family.name
    )


def extract(talk: Talk) -> Example | None:
    """A message of facts and small talk becomes the facts alone; or nothing."""
    rng = talk.rng
    told = [talk.tell() for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 2, 3, 4]))]
    told = list({t.family.name: t for t in told}.values())
    parts = [fill(rng.choice(t.family.say), t.values) for t in told]
    for _ in range(rng.choice([0, 0, 1, 1, 2]) if told else rng.choice([1, 1, 2])):
        idle = rng.choice(vocabulary("small_talk" if rng.random() < 0.6 else "general_questions"))
        if not told and rng.random() < 0.3:
            idle = _untold(talk, talk.tell())[0]
        parts.insert(rng.randint(0, len(parts)), idle)
    reply = "\n".join(t.memory() for t in told) or prompt.NOTHING
    family = told[0].family.name if told else "small talk"
    return Example("extract", tuple(prompt.extracting(" ".join(parts))), reply, family)


def greet(talk: Talk) -> Example | None:
    """Something is told in passing: a short acknowledgement, not an essay."""
    told = talk.tell()
    return Example(
        "greet",
        tuple(prompt.chat(told.said)),
        talk.rng.choice(vocabulary("acks")),
        told.family.name,
    )


SKILLS: dict[str, Callable[[Talk], Example | None]] = {
    "read": read, "crowd": crowd, "change": change, "absent": absent,
    "blank": blank, "dream": dream, "extract": extract, "greet": greet,
}  # fmt: skip
