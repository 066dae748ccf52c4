"""What a conversation tells while it answers."""

from __future__ import annotations

from dataclasses import dataclass

from memory.episode import Episode
from memory.store import Recollection


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationEvent:
    """Base of the events of a reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollected(ConversationEvent):
    """What was found in the buffer and put into the prompt, oldest first; perhaps nothing."""

    recollections: tuple[Recollection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStreamed(ConversationEvent):
    """A piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied(ConversationEvent):
    """The reply is complete, or was stopped, and is in the ledger."""

    episode: Episode
    prompt: str
    prompt_tokens: int
    reply_tokens: int
    seconds: float
    stopped: bool
    adapter: bool
    """Whether it was said with the night's adapter on."""
