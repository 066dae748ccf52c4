"""What a night works with: the home, the model, the buffer, its limits and its clock. Passed to every phase."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from agent.local_model import LocalModel
from memory.adapters import digest
from memory.episode import Episode, Memory, Phase
from memory.errors import Interrupted
from memory.paths import fsync_tree
from memory.store import BufferStore, Embedder
from sleep.dreams import DreamConfig
from sleep.events import Progressed
from sleep.imitation import ImitationConfig
from sleep.lesson import Lesson
from sleep.narrated import Tick, narrated
from sleep.teaching import Rehearsed
from sleep.training import TrainingConfig
from sleep.verdict import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepConfig:
    """Everything about a night that can be set."""

    budget_minutes: float = 60.0
    """A night ends within this; what doesn't fit waits for the next."""
    rank: int = 16
    """New rank a night …"""
    above: float = 0.4
    """… in the layers above this share of the network's depth …"""
    scale: float = 16.0
    """… and adds so many times B·A. Adam moves either factor as fast, so that B, which begins at zero, learns
    faster than A (LoRA+, Hayou et al. 2024, arXiv 2402.12354)."""
    dreams: DreamConfig = field(default_factory=DreamConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    limits: Limits = field(default_factory=Limits)
    exam: int = 4
    """Questions a memory, set aside before training."""
    tried: int = 24
    """Dreams a memory, at most, that are learnt again where earlier nights had to keep it back."""
    recited: int = 16
    """Dreams a memory whose reply is learnt to its end; of the others only its beginning."""
    in_view: float = 0.05
    """Share of the dreams that are also learnt with others in view, as retrieval shows them later."""
    texts: int = 64
    """Texts of the base whose curvature is held, or that are rehearsed; a tenth more is kept aside for the drift."""
    earlier_dreams: int = 64
    """Dreams of earlier nights rehearsed, at most."""
    earlier_questions: int = 40
    """Questions of earlier nights' exams asked again, at most."""
    most_rank: int = 128
    """Rank of the nights together beyond which they are compressed …"""
    deep_rank: int = 64
    """… to this one."""
    most_failures: int = 3
    """After so many failed nights a memory stays in the buffer for good, and is reported."""
    seed: int = 0

    @property
    def beginning(self) -> int:
        """Tokens of a reply that are read and learnt where its end is recited: the weighty ones and the next."""
        return self.training.lead + 1


@dataclass(slots=True, kw_only=True)
class Room:
    """One night's surroundings, and what the phases hand to each other."""

    home: Any
    model: LocalModel  # learns, and wakes in the morning
    teacher: LocalModel  # reads and dreams: the same one, unless a larger student learns
    store: BufferStore
    embedder: Embedder
    config: SleepConfig
    cache: Path
    number: int
    past: Path | None
    base_hash: str
    stop: Callable[[], bool] = lambda: False
    pace: float = 1.0  # how many times as long as foreseen everything takes here
    keep: tuple[int, int] = (5, 500)  # adapters kept: how many, how many MB
    began: float = field(default_factory=time.monotonic)
    phase: Phase = Phase.PLANNED
    episodes: list[Episode] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)  # what tonight learns
    rehearsed: list[Rehearsed] = field(default_factory=list)
    earlier: list[Rehearsed] = field(default_factory=list)
    texts: list[Lesson] = field(default_factory=list)
    kept_texts: list[Lesson] = field(default_factory=list)  # never rehearsed: they measure drift
    moving: list[Tensor] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def ledger(self) -> Any:
        return self.home.ledger

    @property
    def seed(self) -> int:
        """Every night has its own, derived from the configuration's."""
        return self.config.seed * 1_000_003 + self.number

    @property
    def deadline(self) -> float:
        """Monotonic time by which the night must be over."""
        return self.began + 60.0 * self.config.budget_minutes

    @property
    def staging(self) -> Path:
        """Tonight's adapter before it is committed."""
        return Path(self.home.path) / "adapters" / f".staging-{self.name}"

    @property
    def deep(self) -> Path:
        """What earlier nights wrote, compressed tonight; swept away when the night is over."""
        return self.staging.with_name(f".staging-deep-{self.name}")

    @property
    def name(self) -> str:
        return f"night-{self.number:04d}"

    def tonight(self) -> list[Memory]:
        """The memories that this night learns, as the ledger has them now."""
        return [self.ledger.memory(i) for i in self.report["memories"]]

    def narrated(
        self, phase: Phase, note: str, work: Callable[[Tick], Any]
    ) -> Generator[Progressed, None, Any]:
        """Work that tells how far it is, as events, with a safe point at every tick."""
        return narrated(self.number, phase, note, work, self.check)

    def sign(self) -> None:
        """Tonight's adapter is trained and on disk: from now on only this very one may be examined and worn."""
        fsync_tree(self.staging)
        self.ledger.advance(self.number, self.phase, sha256=digest(self.staging))

    def tampered(self) -> str | None:
        """Why tonight's adapter on disk is not the one that was trained; None when it is."""
        folder = self.staging if self.staging.exists() else self.home.adapters.path(self.name)
        if digest(folder) == self.ledger.night(self.number).sha256:
            return None
        return f"the adapter in {folder} is not the one that this night trained"

    def check(self) -> None:
        """A safe point: everything so far is in the ledger."""
        if self.stop():
            raise Interrupted(
                f"Night {self.number} was interrupted while it was {self.phase}; nothing was lost, and "
                "`somnus sleep` goes on where it was."
            )

    @property
    def parent(self) -> str | None:
        """The adapter on which tonight's grows."""
        name: str | None = self.ledger.night(self.number).parent
        return name

    def worn_path(self) -> Path | None:
        """The folder of the adapter in use."""
        card = self.home.adapters.current()
        return self.home.adapters.path(card.name) if card else None
