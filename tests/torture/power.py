"""Power cuts in lives that were recorded: every home that a cut may leave is opened, and some live on.

A life's cuts lie evenly in it, from its first write to its last; what each of them leaves unsynced is drawn by chance.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from disk import KINDS, Disk, Heard, lay_out, read_tape
from forge import TAPE, Forge
from life import FORGOT, WORD

CUTS = 2000  # a life
GOING_ON = 10  # of so many homes one lives on


def listener(folder: Path) -> Path | None:
    """The library that hears what lives write, made here; None where that can't be done."""
    made, source = folder / "listen.so", Path(__file__).with_name("listen.c")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        return None
    words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl", "-lpthread"]
    return made if subprocess.run(words, check=False).returncode == 0 else None


class Tapes:
    """Lives on tape, each recorded when it is first asked for. The second is the rare one."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self._tapes: dict[int, list[Heard]] = {}

    def of(self, life: int) -> list[Heard]:
        """All that a life did to its disk."""
        if life not in self._tapes:
            folder = self._forge.folder / f"recorded-{life}"
            folder.mkdir()
            tape = folder.with_suffix(".tape")
            seed, kind = whose(life)
            assert self._forge.live(folder / "home", seed, f"{TAPE}{tape}", kind) == 0
            self._tapes[life] = read_tape(tape)
        return self._tapes[life]


def whose(life: int) -> tuple[int, str]:
    """A life's seed, and of which kind it is."""
    return (0, "rare") if life == 1 else (life or 1, "live")


def suffer(forge: Forge, tapes: Tapes, number: int, cuts: int = CUTS) -> dict[str, Any]:
    """One power cut, what it left, and what is wrong with that."""
    began = time.monotonic()
    life, place = divmod(number, cuts)
    tape, kind, draw = tapes.of(life), KINDS[number % len(KINDS)], random.Random(f"cut {number}")
    moment = len(tape) * (place + 1) // cuts or 1
    folder = forge.folder / "cut"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    found = Disk(tape[:moment]).after(kind, draw)
    state = lay_out(found, folder)
    wounds = [*_not_forgotten(found), *forge.seen(folder / "home")]
    if number % GOING_ON == 0:
        wounds += forge.live_on(folder / "home", *whose(life))
    return {
        "seed": life, "moment": f"{moment} of {len(tape)}", "unsynced": kind, "state": state, "wounds": wounds,
        "seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip


def _not_forgotten(found: dict[str, bytes | None]) -> list[str]:
    """Files that know what was forgotten, before anybody tidies them up."""
    if FORGOT not in (found.get("home.told") or b"").decode().splitlines():
        return []
    return [
        f"after the cut still in {name}" for name, data in found.items() if WORD in (data or b"")
    ]
