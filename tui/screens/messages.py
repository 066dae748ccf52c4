"""What the bridge tells the screens; all of it is posted from worker threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.message import Message

from agent.events import ConversationEvent
from memory.episode import EpisodeId, Memory
from memory.errors import SomnusError
from memory.store import Recollection
from memory.trace import Provenance, Trace
from sleep.events import NightEvent

THINKING = "thinking"  # the work on a reply
WAKING = "waking up"  # loading the model, or putting on what a night learnt


@dataclass
class Loading(Message):
    """Something slow goes on."""

    what: str
    share: float | None


@dataclass
class Loaded(Message):
    """The model is ready."""

    name: str
    adapter: str | None


@dataclass
class Talked(Message):
    """An event of a reply; the last comes with how it came about."""

    event: ConversationEvent
    trace: Trace | None = None


@dataclass
class Measuring(Message):
    """It is being found out where an answer came from."""

    episode: EpisodeId


@dataclass
class Measured(Message):
    """Where an answer came from."""

    episode: EpisodeId
    provenance: Provenance


@dataclass
class Found(Message):
    """What the memories hold about some words: recollections from the buffer, and memories."""

    words: str
    recollections: list[Recollection]
    memories: list[Memory]


@dataclass
class Remembered(Message):
    """A statement is in the buffer."""

    said: str


@dataclass
class Planned(Message):
    """What a night would do now, or why there is none: the document of `sleep --dry-run`, or a sentence."""

    report: dict[str, Any] | None
    refusal: str = ""


@dataclass
class LayDown(Message):
    """A night begins; until its first event its process starts, which takes seconds."""


@dataclass
class Slept(Message):
    """An event of a night."""

    event: NightEvent


@dataclass
class Woke(Message):
    """A night is over, or pauses: `error` says why it did not come to its end."""

    by_itself: bool
    error: SomnusError | None = None


@dataclass
class RolledBack(Message):
    """Nights were undone."""

    nights: list[int]
    waiting: int


@dataclass
class Answers(Message):
    """The document of a recall."""

    report: dict[str, Any]


@dataclass
class Stopped(Message):
    """A recall was stopped after so many of its answers."""

    done: int
    total: int


@dataclass
class Forgot(Message):
    """Memories are gone, but for the adapters of these nights."""

    nights: list[int]
    count: int


@dataclass
class Confirmed(Message):
    """These statements are the user's own word now; the next night may learn them."""

    said: list[str]


@dataclass
class Failed(Message):
    """One sentence about what went wrong, and with what work."""

    text: str
    what: str = ""


@dataclass
class AtRest(Message):
    """The worker is free again. (Textual has an Idle of its own, many times a second.)"""
