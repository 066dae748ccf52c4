"""The trace of a reply: what it had at hand, and where it came from. The ledger keeps it beside the episode."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from memory.episode import Memory
from memory.store import Recollection


class Source(StrEnum):
    """Where a reply came from."""

    BUFFER = "buffer"
    WEIGHTS = "weights"
    BOTH = "both"
    TALK = "talk"
    GUESS = "guess"
    NOTHING = "nothing"  # nothing is remembered, and it says so
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The source of one reply, with what was answered without each memory (None: not asked)."""

    source: Source
    without_buffer: str | None = None
    without_weights: str | None = None
    without_both: str | None = None
    memory: Memory | None = None  # of the night behind it, where the weights had a part


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is known of how one reply came about."""

    adapter: str | None  # the one worn, by name
    found: tuple[Recollection, ...]  # looked up for it, oldest first
    tokens: int
    seconds: float
    stopped: bool = False
    provenance: Provenance | None = None  # None: nobody asked where it came from
