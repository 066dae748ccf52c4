"""Families of synthetic talk, loaded from `data/instincts/` and checked. See the README there for the format."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from memory.episode import DreamKind
from memory.errors import InputError

SLOT = re.compile(r"\{(old\.)?([a-z_0-9]+)\}")
Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Ask:
    """Questions of one kind and the answers that any of them may get."""

    kind: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of thing people say, with what can be asked about it and what can't."""

    name: str
    held_out: bool
    slots: dict[str, tuple[str, ...]]
    say: tuple[str, ...]
    memory: str
    change: tuple[str, ...]
    asks: tuple[Ask, ...]
    never: tuple[Ask, ...]

    def draw(self, rng: random.Random) -> Values:
        """One value for every slot."""
        return {slot: rng.choice(values) for slot, values in self.slots.items()}

    def redraw(self, rng: random.Random, old: Values) -> Values:
        """Values after a change: what the correction mentions as old differs, the rest stays."""
        new = self.draw(rng)
        moving = self.moving()
        return {s: new[s] if s in moving else old[s] for s in old}

    def moving(self) -> set[str]:
        """Slots that a correction changes."""
        texts = [*self.change, *(a for x in self.asks if x.kind == "was" for a in x.answers)]
        return {m[2] for t in texts for m in SLOT.finditer(t) if m[1]}

    def asked(self, kind: str) -> list[Ask]:
        return [a for a in self.asks if a.kind == kind]


def fill(text: str, values: Values, old: Values | None = None) -> str:
    """Put values into the slots, and a capital at the beginning of every sentence."""

    def value(match: re.Match[str]) -> str:
        return (old or values)[match[2]] if match[1] else values[match[2]]

    filled = re.sub(r"\.\.$", ".", SLOT.sub(value, text))
    return filled[:1].upper() + filled[1:]


@cache
def vocabulary(name: str) -> tuple[str, ...]:
    """The lines of vocab/NAME.txt."""
    text = files("data").joinpath("instincts", "vocab", f"{name}.txt").read_text("utf-8")
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


@cache
def families() -> tuple[Family, ...]:
    """Every family, in the order of file names. Raises InputError naming the family that is wrong."""
    folder = files("data").joinpath("instincts", "families")
    found: list[Family] = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            document = tomllib.loads(file.read_text("utf-8"))
            held_out = file.name.startswith("heldout_")
            found += [_family(raw, held_out, file.name) for raw in document.get("family", [])]
    return tuple(found)


def _family(raw: dict[str, object], held_out: bool, file: str) -> Family:
    name = str(raw.get("name", "?"))

    def texts(value: object) -> tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(value or ())  # type: ignore[arg-type]

    def asks(key: str) -> tuple[Ask, ...]:
        blocks: list[dict[str, object]] = raw.get(key, [])  # type: ignore[assignment]
        return tuple(Ask(str(b.get("kind", key)), texts(b["q"]), texts(b["a"])) for b in blocks)

    slots: dict[str, object] = raw.get("slots", {})  # type: ignore[assignment]
    said: dict[str, object] = raw.get("texts", {})  # type: ignore[assignment]
    family = Family(
        name=name,
        held_out=held_out,
        slots={
            s: vocabulary(v[1:]) if isinstance(v, str) and v.startswith("@") else texts(v)
            for s, v in slots.items()
        },
        say=texts(said.get("say")),
        memory=str(said.get("memory", "")),
        change=texts(said.get("change")),
        asks=asks("ask"),
        never=asks("never"),
    )
    for problem in problems(family):
        raise InputError(f"Family {name} in {file} {problem}.")
    return family


def problems(family: Family) -> list[str]:
    """What is wrong with a family; [] when it can be used."""
    found = []
    every = [*family.say, family.memory, *family.change]
    every += [t for a in (*family.asks, *family.never) for t in (*a.questions, *a.answers)]
    used = {m[2] for t in every for m in SLOT.finditer(t)}
    if used - set(family.slots):
        found.append(f"uses undeclared slots {sorted(used - set(family.slots))}")
    if any("{" in SLOT.sub("", t) for t in every):
        found.append("has a malformed placeholder")
    if not family.say or not family.memory:
        found.append("says nothing")
    kinds = {k.value for k in DreamKind} | {"yesno", "never"}
    if any(a.kind not in kinds for a in family.asks):
        found.append(f"asks a question of a kind that is none of {sorted(kinds)}")
    return found
