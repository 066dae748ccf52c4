"""Files torn, emptied and flipped while nobody looks: what a disk or a sync tool does to a closed home."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from forge import Forge

KINDS = ("gone", "empty", "torn", "zeros", "flip")
HARMLESS = (".lock", "/seal")  # nothing is read from them but how the home was closed


def spoil(file: Path, kind: str, seed: int) -> None:
    """Damage one file."""
    data = bytearray(file.read_bytes())
    draw = random.Random(f"{file.name} {kind} {seed}")
    if kind == "gone":
        file.unlink()
        return
    if kind == "flip" and data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    if kind == "torn":
        del data[draw.randrange(len(data) or 1) :]
    if kind == "zeros":
        begin = draw.randrange(len(data) or 1)
        data[begin : begin + 512] = bytes(len(data[begin : begin + 512]))
    file.write_bytes(b"" if kind == "empty" else data)


def targets(home: Path) -> list[str]:
    """Every file of a home, by a name that is the same in each home with the same life."""
    return sorted(p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file())


def suffer(forge: Forge, whole: Path, name: str, kind: str, seed: int) -> list[str]:
    """Copy a closed home, spoil one file, start: it must be as before, mended and said, or refused in a sentence."""
    home = whole.with_name("spoilt")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(whole, home)
    for beside in ("told", "zip"):
        shutil.copy(whole.with_name(f"{whole.name}.{beside}"), home.with_name(f"spoilt.{beside}"))
    before = (home / name).read_bytes()
    spoil(home / name, kind, seed)
    if (home / name).exists() and (home / name).read_bytes() == before:
        return []  # zeros where zeros were
    found = forge.look(home)
    wrong: list[str] = found["wounds"]
    told = found["notes"] or found["refused"]
    if not told and _matters(name, whole):
        wrong = [*wrong, "nothing was said"]
    return [f"{name} {kind}: {w}" for w in wrong]


def _matters(name: str, home: Path) -> bool:
    """The buffer is mended from the ledger, which needs no words; an adapter that isn't worn is not in use."""
    if name.startswith("adapters/"):
        return name.split("/")[1] == (home / "current").read_text().strip()
    return not name.startswith("buffer/") and not f"/{name}".endswith(HARMLESS)
