"""What a home looked like when it was closed, so that damage is found before anything damaged is used.

HOME/seal has the SHA-256 of the ledger, the pointer and the buffer. It is written last and removed at the next opening:
a home without one was not closed but died, and is looked at more closely. Adapters have digests of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from memory.faults import reached
from memory.paths import fsync_dir, write_atomic, writing

NAME = "seal"


def seal(home: Path) -> None:
    """Write down what is there."""
    write_atomic(home / NAME, json.dumps(_digests(home), indent=1).encode())


def changed(home: Path) -> set[str] | None:
    """Files that are not as they were at closing; None when the home was never closed."""
    try:
        before = dict(json.loads((home / NAME).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    now = _digests(home)
    return {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}


def unseal(home: Path) -> None:
    """From now on the home is open; only closing it seals it again."""
    if (home / NAME).exists():
        with writing(home / NAME):
            reached("seal.remove")
            (home / NAME).unlink()
            fsync_dir(home)


def sha256(path: Path) -> str:
    """A file's digest; "" for one that can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _digests(home: Path) -> dict[str, str]:
    return {p.relative_to(home).as_posix(): sha256(p) for p in _files(home)}


def _files(home: Path) -> Iterator[Path]:
    for path in (home / "ledger.db", home / "ledger.db-wal", home / "current"):
        if path.exists() and path.stat().st_size:
            yield path
    yield from sorted(p for p in (home / "buffer").rglob("*") if p.is_file())
