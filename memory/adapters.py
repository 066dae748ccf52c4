"""Adapters with their lineage: written aside, named in one rename, pointed at last. Safetensors only."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory.errors import HomeError
from memory.paths import fsync_dir, private_dir, write_atomic

WEIGHTS = "adapter_model.safetensors"
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
    """The adapters of one home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "adapters"
        self.pointer = home / "current"
        self.warning: str | None = None

    def path(self, name: str) -> Path:
        """The folder of an adapter."""
        return self.folder / name

    def current(self) -> AdapterCard | None:
        """The adapter in use. A damaged one falls back to its nearest whole ancestor, and `warning` says so."""
        name = self.pointer.read_text("utf-8", "replace").strip() if self.pointer.exists() else ""
        wanted, seen, self.warning = name, set[str](), None
        while name and name not in seen:
            seen.add(name)
            card = self._card(name)
            if card is not None and _sha256(self.path(name) / WEIGHTS) == card.sha256:
                if name != wanted:
                    self.warning = f"The adapter {wanted} is damaged; {name} is worn instead."
                return card
            name = (card.parent if card else self._before(name)) or ""
        if wanted:
            self.warning = (
                f"The adapter {wanted} is damaged and there is no earlier one; none is worn."
            )
        return None

    def _card(self, name: str) -> AdapterCard | None:
        if not NAME.fullmatch(name):
            return None
        try:
            raw = json.loads((self.path(name) / "card.json").read_text("utf-8"))
            return AdapterCard(**{**raw, "memories": tuple(raw["memories"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

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
        odd = [
            f.name
            for f in staging.iterdir()
            if f.suffix not in {".safetensors", ".json"} and f.name != "README.md"
        ]
        if odd:
            raise HomeError(
                f"The adapter in {staging} has a file {odd[0]} that is not safetensors; it is refused."
            )
        (staging / "README.md").unlink(missing_ok=True)
        signed = replace(
            card, sha256=_sha256(staging / WEIGHTS), created=datetime.now(UTC).isoformat()
        )
        write_atomic(staging / "card.json", json.dumps(asdict(signed), indent=1).encode())
        for file in staging.iterdir():
            file.chmod(0o600)
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        private_dir(staging)
        fsync_dir(staging)
        final = self.path(card.name)
        aside = self.folder / f".staging-old-{card.name}"
        if final.exists():  # the night died after its rename, and does it again
            shutil.rmtree(aside, ignore_errors=True)
            final.replace(aside)
        staging.replace(final)
        fsync_dir(self.folder)
        self.discard(aside)
        return signed

    def point(self, name: str | None) -> None:
        """Wear this adapter from now on; None wears none. Raises HomeError when there is no such adapter."""
        if name is not None and not (NAME.fullmatch(name) and self.path(name).is_dir()):
            raise HomeError(
                f"There is no adapter {name!r} in {self.folder}; `somnus nights` lists those there are."
            )
        write_atomic(self.pointer, f"{name or ''}\n".encode())

    def discard(self, staging: Path) -> None:
        """Throw an unfinished adapter away."""
        shutil.rmtree(staging, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what unfinished nights left."""
        for left in self.folder.glob(".staging-*"):
            self.discard(left)

    def prune(self, keep: int, most_mb: int) -> None:
        """Remove the oldest adapters beyond a number and a size; never the one in use, nor its parent."""
        cards = self.cards()
        current = self.current()
        safe = {current.name, current.parent} if current else set()
        sizes = {c.name: sum(f.stat().st_size for f in self.path(c.name).iterdir()) for c in cards}
        for card in cards:
            too_many = len(sizes) > keep or sum(sizes.values()) > most_mb * 1_000_000
            if too_many and card.name not in safe:
                shutil.rmtree(self.path(card.name), ignore_errors=True)
                del sizes[card.name]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
