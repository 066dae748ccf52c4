"""Training examples: a prompt in one of somnus' shapes, and the reply wanted. Seeded, deterministic, endless.

A scene is what one user told in a few lines, and several exercises about it: they share most of their prompt, which is
read once. Asked different things about the same lines, the model has to look rather than guess.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent import prompt
from memory.episode import DreamKind, Turn
from sleep.instincts.families import SLOT, Ask, Family, Values, families, fill, vocabulary
from sleep.words import hard

UNTOLD = "You haven't told me that."
LINES = (1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 6)
"""Lines told in a scene of reading."""
DREAMS = {
    DreamKind.FACT: 4,
    DreamKind.REVERSE: 3,
    DreamKind.INDIRECT: 4,
    DreamKind.NEVER: 2,
}
"""How often each kind of dream is practised."""
ABSENT, NEVER = 0.03, 0.11
"""Shares of a scene's questions that are about something else, and about what was left out.

Few of the first kind: where hardly a word is shared, the answer is far more often there than not, and a model that has
learnt otherwise abstains whenever it is asked in other words.
"""
KINDS = {"fact": 8, "reverse": 4, "indirect": 8, "yesno": 1}
"""How often each kind of question is asked about what was told."""
WHOLE = ("fact", "reverse", "indirect")
"""Kinds of question that are answered with the whole memory."""
YOURS = {
    "i am": "you are", "i was": "you were", "i'm": "you're", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
    "we are": "you are", "we were": "you were", "we're": "you're", "we've": "you've", "we'd": "you'd",
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "am": "are",
    "we": "you", "us": "you", "our": "your", "ours": "yours", "ourselves": "yourselves",
}  # fmt: skip
TURNING = re.compile(
    r"\b(" + "|".join(sorted(YOURS, key=len, reverse=True)) + r")\b(?!['’-]\w)", re.IGNORECASE
)
# Where a second statement may go on in lower case.
JOINED = ("my ", "the ", "we ", "on ", "at ", "in ", "our ", "every ", "there ", "it ", "a ")


@dataclass(frozen=True, slots=True)
class Example:
    """One exercise. `skill` names it in the evaluation's table."""

    skill: str
    turns: tuple[Turn, ...]
    reply: str
    family: str
    expected: tuple[str, ...] = ()
    """Values asked for, which any right answer holds; () where only the reply itself tells."""


@dataclass(frozen=True, slots=True)
class Told:
    """A family filled with values; `old` is what it was before a correction, `twin` whether a sibling stands by."""

    family: Family
    values: Values
    old: Values | None = None
    twin: Values | None = None

    def memory(self) -> str:
        return fill(self.family.memory, self.values)

    def retold(self) -> str:
        """The memory, turned to the user; "" where a rule can't turn it."""
        return to_you(self.memory())

    def names(self) -> list[str]:
        """Slots of the memory whose values are names or numbers: a question may give nothing but such a one."""
        return [s for s in sorted(_slots(self.family.memory)) if hard("x " + self.values[s])]

    def asks(self) -> list[Ask]:
        """What can be asked about it now: beside a sibling, only what names the one that is meant."""
        blocks = [a for a in self.family.asks if a.kind != "was"]
        if self.twin is None:
            return blocks
        telling = {m[2] for m in SLOT.finditer(self.family.memory)}
        apart = {s for s in telling if self.values[s] != self.twin[s]}
        clear = [
            Ask(a.kind, tuple(q for q in a.questions if _slots(q) & apart), a.answers)
            for a in blocks
        ]
        return [a for a in clear if a.questions]


class Talk:
    """Draws scenes from the families that may be used."""

    def __init__(self, seed: int, *, held_out: bool = False) -> None:
        self.rng = random.Random(seed)
        self.families = [f for f in families() if f.held_out == held_out]

    def scenes(self) -> Iterator[list[Example]]:
        """An endless stream, in the proportions of SCENES."""
        kinds, shares = list(SCENES), list(SCENES.values())
        while True:
            made = self.rng.choices(kinds, shares)[0](self)
            if made:
                yield list({e.turns[-1].content + e.reply: e for e in made}.values())

    def examples(self, skills: Sequence[str] | None = None) -> Iterator[Example]:
        """The exercises of the scenes one by one."""
        for scene in self.scenes():
            yield from (e for e in scene if skills is None or e.skill in skills)

    def tell(self, count: int) -> list[Told]:
        """Things of unrelated families."""
        some: list[Family] = []
        for _ in range(count):
            some.append(self.rng.choice(self.others(some)))
        return [Told(f, f.draw(self.rng)) for f in some]

    def others(self, some: Sequence[Family]) -> list[Family]:
        """Families about which these tell nothing: of related ones, one may answer what is asked about another."""
        return [f for f in self.families if not any(related(f, g) for g in some)]

    def say(self, told: Told) -> str:
        # Reading must work on what was said as well as on the memory that replay made of it.
        words = told.family.memory if self.rng.random() < 0.3 else self.rng.choice(told.family.say)
        return fill(words, told.values, told.old)

    def join(self, first: str, second: str) -> str:
        """Two statements in one sentence, or in one breath."""
        if second.lower().startswith(JOINED):
            second = second[:1].lower() + second[1:]
        elif not second.startswith(("I ", "I'")):
            return f"{first} {second}"
        return first.rstrip(".!") + self.rng.choice([", and ", ", and ", "; ", ", but "]) + second

    def weighed(self, blocks: Sequence[Ask]) -> Ask:
        """One of the blocks, its kind drawn first."""
        kinds = sorted({b.kind for b in blocks})
        (kind,) = self.rng.choices(kinds, [KINDS.get(k, 1) for k in kinds])
        return self.rng.choice([b for b in blocks if b.kind == kind])

    def question(self, ask: Ask, told: Told) -> tuple[str, str, tuple[str, ...]]:
        """A question, the reply wanted, and the values that any right answer holds.

        What was told is answered with the whole memory, turned to the user: one sure sentence a memory is what a small
        model learns best, and it holds whatever was asked for.
        """
        question = self.rng.choice(ask.questions)
        if ask.kind == "reverse" and self.rng.random() < 0.25 and (names := told.names()):
            question = self.rng.choice(vocabulary("what_about")).replace(
                "{value}", "{" + self.rng.choice(names) + "}"
            )
        answer = self.rng.choice(ask.answers)
        wanted = {told.values[slot] for slot in _slots(answer) - _slots(question)}
        asked = fill(question, told.values, told.old)
        if self.rng.random() < 0.15:  # people don't always type the question mark or the capital
            asked = asked.rstrip("?") if self.rng.random() < 0.5 else asked[:1].lower() + asked[1:]
        if ask.kind in WHOLE and told.retold():
            return asked, told.retold(), tuple(sorted(wanted))
        return asked, fill(answer, told.values, told.old), ()

    def sibling(self, told: Told) -> tuple[Told, Told] | None:
        """Two of a kind: the dog's name beside the cat's, which is where mix-ups come from."""
        other = told.family.draw(self.rng)
        one, two = (
            Told(told.family, told.values, None, other),
            Told(told.family, other, None, told.values),
        )
        plain = [a for a in one.asks() if a.kind == "fact"]
        return (one, two) if plain and [a for a in two.asks() if a.kind == "fact"] else None


def to_you(statement: str) -> str:
    """A statement of the user's, said to the user: "My cat …", "Your cat …"; "" where it speaks to us already."""
    if re.search(r"\b(you|your|yours)\b", statement, re.IGNORECASE):
        return ""

    def turned(match: re.Match[str]) -> str:
        return YOURS[match[0].lower()]

    told = TURNING.sub(turned, statement)
    return re.sub(r"\.\.$", ".", told[:1].upper() + told[1:])


def related(one: Family, other: Family) -> bool:
    """Whether two families are about the same things: their names share a word after the first (pet-name, pet-age)."""
    return bool(set(one.name.split("-")[1:]) & set(other.name.split("-")[1:]))


def _slots(text: str) -> set[str]:
    return {m[2] for m in SLOT.finditer(text)}


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
    for extra in extras:
        i = rng.randrange(len(lines))
        lines[i] = talk.join(lines[i], talk.say(extra))
    told += extras
    changed = _corrected(talk, told, lines) if rng.random() < 0.25 else None
    if changed:
        told.append(changed)
    skill = "change" if changed else ("read" if len(lines) == 1 else "crowd")
    out = []
    for _ in range(rng.randint(4, 7) if len(lines) > 1 else rng.randint(3, 4)):
        draw = rng.random()
        about = changed if changed and draw > 0.5 else rng.choice(told)
        if draw < ABSENT:
            other = rng.choice(talk.others([t.family for t in told]))
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
        about = rng.choice(told)
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


def blank(talk: Talk) -> list[Example]:
    """Personal questions with nothing told at all."""
    out = []
    for family in talk.rng.sample(talk.families, 5):
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
    reading: 44, dreaming: 30, dreaming_of_change: 4, blank: 4, extracting: 12, greeting: 3,
}  # fmt: skip
SKILLS = ("read", "crowd", "change", "absent", "blank", "dream", "extract", "greet")
