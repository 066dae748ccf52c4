"""The values that everything else passes around: frozen, aware of time, ignorant of storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

EpisodeId = NewType("EpisodeId", int)
MemoryId = NewType("MemoryId", int)


class Role(StrEnum):
    """Who said a turn."""

    USER = "user"
    ASSISTANT = "assistant"


class Origin(StrEnum):
    """Where a turn's words come from; only what the user typed, or confirmed, is believed."""

    TYPED = "typed"
    CONFIRMED = "confirmed"  # of another origin, or held back, until the user said that it holds
    PASTED = "pasted"
    QUOTED = "quoted"
    RETRIEVED = "retrieved"
    DOCUMENT = "document"
    TOOL = "tool"

    @property
    def believed(self) -> bool:
        """Whether it counts as the user's own word; anything else is data."""
        return self in (Origin.TYPED, Origin.CONFIRMED)


class MemoryState(StrEnum):
    """Where a memory lives."""

    BUFFER = "buffer"  # waits for a night
    CONSOLIDATED = "consolidated"  # in the weights, proved by an exam
    KEPT_BACK = "kept_back"  # failed its last exam; still in the buffer
    SUPERSEDED = "superseded"  # a newer statement took its place
    FORGOTTEN = "forgotten"  # redacted at the user's wish
    QUARANTINED = "quarantined"  # not the user's word, or a secret: never learnt unless confirmed


class Phase(StrEnum):
    """The states of a night, in order; ROLLED_BACK and NOTHING may end it early."""

    PLANNED = "planned"
    REPLAYED = "replayed"
    DREAMT = "dreamt"
    SEEDED = "seeded"
    EXAMINED = "examined"
    COMMITTED = "committed"
    CLEARED = "cleared"
    ROLLED_BACK = "rolled_back"


class DreamKind(StrEnum):
    """How a dream asks after its memory."""

    FACT = "fact"
    REVERSE = "reverse"
    INDIRECT = "indirect"
    WAS = "was"
    NEVER = "never"  # a neighbour that the user never mentioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation, verbatim."""

    role: Role
    content: str
    at: datetime | None = None
    origin: Origin = Origin.TYPED


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What the user said and the reply, if there was one. `id` grows with time; below zero it is a private one's."""

    id: EpisodeId
    said: str
    replied: str | None
    at: datetime  # aware, UTC
    origin: Origin = Origin.TYPED
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One atomic statement of an episode, in the user's own words (first person)."""

    id: MemoryId
    episode: EpisodeId
    text: str
    at: datetime  # when it was said
    state: MemoryState = MemoryState.BUFFER
    night: int | None = None  # the night that consolidated it
    failures: int = 0  # exams failed in a row
    superseded_by: MemoryId | None = None
    pinned: bool = False
    reason: str = ""  # why it was kept back, superseded …


@dataclass(frozen=True, slots=True, kw_only=True)
class Dream:
    """A cue and a reply made up to rehearse memories.

    `gap` is NLL(student, no episode) − NLL(teacher, episode) in nats a token: how much there is to learn.
    """

    night: int
    memories: tuple[MemoryId, ...]
    kind: DreamKind
    cue: str
    reply: str
    gap: float = 0.0
    used: bool = False  # trained on
    held_out: bool = False  # kept for the exam, never trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamAnswer:
    """One closed-book answer: the student's and, as control, the one with the night's adapter off."""

    night: int
    memory: MemoryId | None  # None: a never-told question
    kind: DreamKind
    question: str
    expected: str
    answer: str
    right: bool
    control_answer: str
    control_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One sleep as the ledger knows it. `report` is the JSON document `sleep --json` prints."""

    number: int
    phase: Phase
    started: datetime
    finished: datetime | None
    episodes: tuple[EpisodeId, ...]  # the watermark: what was in the buffer when it began
    adapter: str | None  # folder name under HOME/adapters
    parent: str | None
    report: dict[str, object] | None
    sha256: str | None = None  # digest of the adapter that was trained, before it is examined
