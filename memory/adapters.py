"""Adapters with their lineage: written aside, named in one rename, pointed at last. Safetensors only."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory.errors import HomeError
from memory.faults import reached
from memory.paths import fsync_dir, fsync_tree, private_dir, write_atomic, writing
from memory.seal import sha256

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
Signature = Callable[[str], str | None]
NAME = re.compile("night-[0-9]{4,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterCard:
    """What is known about an adapter: card.json beside its weights."""

    name: str
    night: int
    parent: str | None
    base_hash: str
    memories: tuple[int, ...]
    exam: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""  # of adapter_model.safetensors
    created: str = ""


class Adapters:
    """The adapters of one home. An adapter is whole when it is what its card and its night's record say."""

    def __init__(self, home: Path, signature: Signature = lambda name: None) -> None:
        self.folder = home / "adapters"
        self.pointer = home / "current"
        self.warning: str | None = None
        self._signature = signature  # what the ledger knows an adapter by; None: nothing

    def path(self, name: str) -> Path:
        """The folder of an adapter."""
        return self.folder / name

    def current(self) -> AdapterCard | None:
        """The adapter in use. A damaged one falls back to its nearest whole ancestor, and `warning` says so."""
        name = self.named()
        wanted, seen, self.warning = name, set[str](), None
        while name and name not in seen:
            seen.add(name)
            card = self._card(name)
            if card is not None and self.whole(name):
                if name != wanted:
                    self.warning = f"The adapter {wanted} is damaged; {name} is worn instead."
                return card
            name = (card.parent if card else self._before(name)) or ""
        if wanted:
            self.warning = (
                f"The adapter {wanted} is damaged and there is no earlier one; none is worn."
            )
        return None

    def named(self) -> str:
        """What the pointer says, whether or not it is whole; "" for none."""
        return self.pointer.read_text("utf-8", "replace").strip() if self.pointer.exists() else ""

    def whole(self, name: str) -> bool:
        """Whether an adapter is on disk as its night made it."""
        card = self._card(name)
        if card is None or sha256(self.path(name) / WEIGHTS) != card.sha256:
            return False
        return self._signature(name) in (None, digest(self.path(name)))

    def _card(self, name: str) -> AdapterCard | None:
        if not NAME.fullmatch(name):
            return None
        try:
            raw = json.loads((self.path(name) / "card.json").read_text("utf-8"))
            check = raw.pop("check", None)  # older cards have none
            if check is not None and check != _check(raw):
                return None
            card = AdapterCard(**{**raw, "memories": tuple(raw["memories"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return card if card.name == name == f"night-{card.night:04}" else None

    def _before(self, name: str) -> str | None:
        earlier = [c.name for c in self.cards() if c.name < name]
        return earlier[-1] if earlier else None

    def cards(self) -> list[AdapterCard]:
        """All adapters, the oldest first."""
        names = sorted(p.name for p in self.folder.glob("night-*")) if self.folder.exists() else []
        return [card for name in names if (card := self._card(name)) is not None]

    def staging(self, night: int) -> Path:
        """A fresh folder for a night's adapter, swept away unless it is committed."""
        folder = self.folder / f".staging-night-{night:04}"
        self.discard(folder)
        return private_dir(folder)

    def commit(self, staging: Path, card: AdapterCard) -> AdapterCard:
        """Give a finished adapter its name. Raises HomeError for files that are neither safetensors nor JSON."""
        with writing(staging):
            reached("adapter.tidy")
            # Hidden files are what an earlier run was writing when it was killed.
            for left in (*staging.glob(".*"), staging / "README.md"):
                left.unlink(missing_ok=True)
        odd = [f.name for f in staging.iterdir() if f.suffix not in {".safetensors", ".json"}]
        if odd:
            raise HomeError(
                f"The adapter in {staging} has a file {odd[0]} that is not safetensors; it is refused."
            )
        signed = replace(
            card, sha256=sha256(staging / WEIGHTS), created=datetime.now(UTC).isoformat()
        )
        raw = asdict(signed)
        text = json.dumps(raw | {"check": _check(raw)}, indent=1)
        write_atomic(staging / "card.json", text.encode())
        final = self.path(card.name)
        aside = self.folder / f".staging-old-{card.name}"
        with writing(final):
            reached("adapter.sync")
            fsync_tree(staging)
            if final.exists():  # the night died after its rename, and does it again
                self.discard(aside)
                reached("adapter.aside")
                final.replace(aside)
            reached("adapter.name")
            staging.replace(final)
            reached("adapter.named")
            fsync_dir(self.folder)
        self.discard(aside)
        return signed

    def point(self, name: str | None) -> None:
        """Wear this adapter from now on; None wears none. Raises HomeError when it is not there, or not whole."""
        if name is not None and not (NAME.fullmatch(name) and self.path(name).is_dir()):
            raise HomeError(
                f"There is no adapter {name!r} in {self.folder}; `somnus nights` lists those there are."
            )
        if name is not None and not self.whole(name):
            raise HomeError(f"The adapter {name} in {self.folder} is damaged, and is not worn.")
        write_atomic(self.pointer, f"{name or ''}\n".encode())

    def discard(self, staging: Path) -> None:
        """Throw an unfinished adapter away."""
        with writing(staging):
            reached("adapter.discard")
            shutil.rmtree(staging, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Take an adapter off the disk, for good. It must not be the one in use."""
        with writing(self.path(name)):
            reached("adapter.remove")
            shutil.rmtree(self.path(name), ignore_errors=True)
            fsync_dir(self.folder)

    def sweep(self) -> None:
        """Remove what unfinished nights left."""
        for left in self.folder.glob(".staging-*"):
            self.discard(left)

    def size(self, name: str) -> int:
        """Bytes of an adapter on disk."""
        return sum(f.stat().st_size for f in self.path(name).iterdir())

    def prune(self, keep: int, most_mb: int) -> None:
        """Remove the oldest adapters beyond a number and a size; never the one in use, nor its parent."""
        cards = self.cards()
        current = self.current()
        safe = {current.name, current.parent} if current else set()
        sizes = {c.name: self.size(c.name) for c in cards}
        for card in cards:
            too_many = len(sizes) > keep or sum(sizes.values()) > most_mb * 1_000_000
            if too_many and card.name not in safe:
                self.remove(card.name)
                del sizes[card.name]


def _check(raw: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def digest(folder: Path) -> str:
    """What an adapter is known by: its weights and how they are to be read."""
    both = sha256(folder / WEIGHTS) + sha256(folder / CONFIG)
    return hashlib.sha256(both.encode()).hexdigest()
