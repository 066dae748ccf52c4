"""What one user tells: families filled with values, worded, joined, corrected, asked about, turned to the user.

Everything random comes from one seeded generator.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sleep.instincts.families import SLOT, Ask, Family, Values, families, fill, vocabulary
from sleep.words import hard, holds

KINDS = {"fact": 8, "reverse": 4, "indirect": 8, "yesno": 1}
"""How often each kind of question is asked about what was told."""
WHOLE = ("fact", "reverse", "indirect")
"""Kinds of question that are answered with the whole memory."""
LONGEST = 26
"""Words of a line that is said back as it was said."""
CLOSE = 0.5
"""Share of the scenes that tell things near to one another, as what a buffer finds for a question is."""
YOURS = {
    "i am": "you are", "i was": "you were", "i'm": "you're", "i've": "you've", "i'd": "you'd", "i'll": "you'll",
    "we are": "you are", "we were": "you were", "we're": "you're", "we've": "you've", "we'd": "you'd",
    "we'll": "you'll", "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself",
    "and am": "and are", "but am": "but are",  # alone it may be an hour's, or a word of another language
    "we": "you", "us": "you", "our": "your", "ours": "yours", "ourselves": "yourselves",
}  # fmt: skip
TURNING = re.compile(
    r"\b(" + "|".join(sorted(YOURS, key=len, reverse=True)) + r")\b(?!['’-]\w)", re.IGNORECASE
)
# Where a second statement may go on in lower case.
JOINED = ("my ", "the ", "we ", "on ", "at ", "in ", "our ", "every ", "there ", "it ", "a ")


@dataclass(frozen=True, slots=True)
class Told:
    """A family filled with values; `old` is what it was before a correction, `twin` whether a sibling stands by.

    `line` is how it was said.
    """

    family: Family
    values: Values
    old: Values | None = None
    twin: Values | None = None
    line: str = ""

    def memory(self) -> str:
        return fill(self.family.memory, self.values)

    def retold(self) -> str:
        """What was said, or else the memory, turned to the user; "" where a rule can turn neither."""
        short = len(self.line.split()) <= LONGEST and "?" not in self.line
        return (to_you(self.line) if short else "") or to_you(self.memory())

    def names(self) -> list[str]:
        """Slots of the memory whose values are names or numbers: a question may give nothing but such a one."""
        return [s for s in sorted(slots(self.family.memory)) if hard("x " + self.values[s])]

    def asks(self) -> list[Ask]:
        """What can be asked about it now: beside a sibling, only what names the one that is meant."""
        blocks = [a for a in self.family.asks if a.kind != "was"]
        if self.twin is None:
            return blocks
        telling = {m[2] for m in SLOT.finditer(self.family.memory)}
        apart = {s for s in telling if self.values[s] != self.twin[s]}
        clear = [
            Ask(a.kind, tuple(q for q in a.questions if slots(q) & apart), a.answers)
            for a in blocks
        ]
        return [a for a in clear if a.questions]


class Talk:
    """Draws scenes from the families that may be used.

    `near` names for each family those that are easily taken for it (see `nearness.py`); where it names none, all are
    equally far.
    """

    def __init__(
        self, seed: int, *, held_out: bool = False, near: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.rng = random.Random(seed)
        self.families = [f for f in families() if f.held_out == held_out]
        self.near = {name: frozenset(names) for name, names in (near or {}).items()}

    def tell(self, count: int) -> list[Told]:
        """Things of unrelated families; in some of the scenes they are near to the first."""
        some: list[Family] = []
        close = self.rng.random() < CLOSE
        for _ in range(count):
            able = self.others(some)
            near = self.nearer(some[0], able) if close and some else []
            some.append(self.rng.choice(near or able))
        return [Told(f, f.draw(self.rng)) for f in some]

    def others(self, some: Sequence[Family]) -> list[Family]:
        """Families about which these tell nothing: of related ones, one may answer what is asked about another."""
        about = frozenset[str]().union(*(subjects(f.name) for f in some))
        return [f for f in self.families if not about & subjects(f.name)]

    def nearer(self, family: Family, some: Sequence[Family]) -> list[Family]:
        """Those of them that are easily taken for this one."""
        near = self.near.get(family.name, frozenset())
        return [f for f in some if f.name in near]

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
        asked = fill(question, told.values, told.old)
        if self.rng.random() < 0.15:  # people don't always type the question mark or the capital
            asked = asked.rstrip("?") if self.rng.random() < 0.5 else asked[:1].lower() + asked[1:]
        if ask.kind in WHOLE and (whole := told.retold()):
            wanted = {told.values[slot] for slot in slots(answer) - slots(question)}
            return asked, whole, tuple(sorted(v for v in wanted if holds(whole, v)))
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
        yours = YOURS[match[0].lower()]
        before = statement[: match.start()].rstrip()
        return yours[:1].upper() + yours[1:] if not before or before[-1] in ".!?" else yours

    return re.sub(r"\.\.$", ".", TURNING.sub(turned, statement))


def related(one: Family, other: Family) -> bool:
    """Whether two families are about the same things: their names share a word after the first (pet-name, pet-age)."""
    return bool(subjects(one.name) & subjects(other.name))


@cache
def subjects(name: str) -> frozenset[str]:
    """What a family is about, by its name."""
    return frozenset(name.split("-")[1:])


def slots(text: str) -> set[str]:
    return {m[2] for m in SLOT.finditer(text)}
