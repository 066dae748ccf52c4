"""What a night tells while it goes on: frozen, named in the past tense, printable as JSON.

The command line prints them, the app posts them, tests list them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from memory.episode import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class NightEvent:
    """Base of all events of a night."""

    night: int

    def to_json(self) -> dict[str, Any]:
        """A flat document with the event's name under "event"."""
        return {"event": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NightBegan(NightEvent):
    """The night is planned: what it will work on, and for how long at most."""

    episodes: int
    budget_minutes: float
    resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBegan(NightEvent):
    """Work towards `phase` began."""

    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(NightEvent):
    """`done` of `total` steps of the current phase; `left` seconds for it, if known; `loss` while seeding."""

    phase: Phase
    done: int
    total: int
    left: float | None = None
    loss: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseReached(NightEvent):
    """The night's state is now `phase`, durable in the ledger."""

    phase: Phase
    seconds: float
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamDreamt(NightEvent):
    """One dream that passed the filter."""

    kind: str
    cue: str
    reply: str
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryJudged(NightEvent):
    """The verdict on one memory."""

    memory: int
    text: str
    passed: bool
    right: int
    asked: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightEnded(NightEvent):
    """The last event. `report` is what `sleep --json` prints."""

    outcome: str  # "cleared", "rolled_back" or "dry_run"
    report: dict[str, Any]


def from_json(document: dict[str, Any]) -> NightEvent:
    """The event that `to_json` made a document of. Raises KeyError for one that is none."""
    fields = dict(document)
    kind = {k.__name__: k for k in NightEvent.__subclasses__()}[fields.pop("event")]
    if "phase" in fields:
        fields["phase"] = Phase(fields["phase"])
    return kind(**fields)
