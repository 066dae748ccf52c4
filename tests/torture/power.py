"""Power cuts in lives that were recorded: every home that a cut may leave is opened, and some live on.

However many cuts a life suffers, they lie evenly in it; what each of them leaves unsynced is drawn by chance.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from disk import ACKNOWLEDGED, KINDS, Disk, Heard, as_it_is, lay_out, read_tape
from forge import TAPE, Forge
from life import FORGOT, WORD

CUTS = 2000  # a life
GOLDEN = (5**0.5 - 1) / 2  # its multiples, less their whole parts, are spread as evenly as can be
GOING_ON = 10  # of so many homes one lives on
Whose = tuple[str, int]  # a life's kind, and its seed
FIRST, RARE = ("live", 1), ("rare", 0)
RECOVERED = "recovered"  # the rest of the first life in a home that a cut left


def listener(folder: Path) -> Path | None:
    """The library that hears what lives write, made here; None where that can't be done."""
    made, source = folder / "listen.so", Path(__file__).with_name("listen.c")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        return None
    words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl", "-lpthread"]
    return made if subprocess.run(words, check=False).returncode == 0 else None


class Tapes:
    """Lives on tape, each recorded when it is first asked for."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self._tapes: dict[Whose, list[Heard]] = {}
        self.begins: dict[Whose, int] = {}  # what was there before the life isn't cut

    def folder(self, whose: Whose) -> Path:
        """Where it was lived."""
        return self._forge.folder / f"recorded-{whose[0]}-{whose[1]}"

    def of(self, whose: Whose) -> list[Heard]:
        """All that a life did to its disk."""
        if whose not in self._tapes:
            folder, file = self.folder(whose), self.folder(whose).with_suffix(".tape")
            folder.mkdir()
            if whose[0] == RECOVERED:
                self._cut_off(folder, whose[1])
            before = as_it_is(folder)
            seed, kind = alike(whose)
            assert self._forge.live(folder / "home", seed, f"{TAPE}{file}", kind) == 0
            top, *tape = read_tape(file)
            self._tapes[whose], self.begins[whose] = [top, *before, *tape], len(before) + 1
        return self._tapes[whose]

    def _cut_off(self, folder: Path, number: int) -> None:
        """Lay out what a cut left of the first life."""
        tape, draw = self.of(FIRST), random.Random(f"cut off {number}")
        moment = draw.randint(1, len(tape))
        lay_out(Disk(tape[:moment]).after(draw.choice(KINDS), draw), folder)

    def acknowledgements(self, whose: Whose) -> list[int]:
        """The moments right after something was acknowledged."""
        tape = self.of(whose)
        (told,) = {h.inode for h in tape if h.op == "c" and h.path.endswith(ACKNOWLEDGED)}
        return [i for i, h in enumerate(tape, 1) if h.op == "w" and h.inode == told]


def alike(whose: Whose) -> tuple[int, str]:
    """The seed and the kind of what is lived."""
    kind, seed = whose
    return (FIRST[1], FIRST[0]) if kind == RECOVERED else (seed, kind)


def drawn(forge: Forge, tapes: Tapes, number: int, whose: Whose | None = None) -> dict[str, Any]:
    """The cut of a number, in its own life or in this one; every tenth home lives on."""
    life = number // CUTS
    whose = whose or {0: FIRST, 1: RARE}.get(life, ("live" if life % 2 else RECOVERED, life))
    return suffer(forge, tapes, whose, number * GOLDEN % 1.0, KINDS[number % len(KINDS)], number)


def suffer(
    forge: Forge, tapes: Tapes, whose: Whose, share: float, unsynced: str, seed: int = 1
) -> dict[str, Any]:
    """One power cut after this share of a life, what it left, and what is wrong with that."""
    began, tape, (life, kind) = time.monotonic(), tapes.of(whose), alike(whose)
    begin = tapes.begins[whose]
    moment = begin + round(share * (len(tape) - begin))
    folder = forge.folder / "cut"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    found = Disk(tape[:moment]).after(unsynced, random.Random(f"cut {seed}"))
    state = lay_out(found, folder)
    wounds = [*_not_forgotten(found), *forge.seen(folder / "home", kind)]
    if seed % GOING_ON == 0:
        wounds += forge.live_on(folder / "home", life, kind)
    return {
        "life": " ".join(map(str, whose)), "seed": seed, "moment": f"{moment} of {len(tape)}", "unsynced": unsynced,
        "state": state, "wounds": wounds, "seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip


def _not_forgotten(found: dict[str, bytes | None]) -> list[str]:
    """Files that know what was forgotten, before anybody tidies them up."""
    if FORGOT not in (found.get("home.told") or b"").decode().splitlines():
        return []
    return [f"after the cut still in {n}" for n, data in found.items() if WORD in (data or b"")]
