"""What the agent needs of a language model. `LocalModel` is the real one, `ScriptedModel` the one for tests.

Prompts are lists of turns; the model renders them with its own chat template. A user's words never become
structure: control tokens inside a turn are encoded as plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from memory.episode import Turn
from memory.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to decode. Temperature 0 is greedy."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None


def check_room(prompt_tokens: int, sampling: Sampling, context_tokens: int) -> None:
    """Raise InputError for a prompt and a reply that don't fit into a model's context together."""
    if prompt_tokens + sampling.max_tokens > context_tokens:
        raise InputError(
            f"The prompt is {prompt_tokens} tokens long and its reply may have {sampling.max_tokens}, more than the "
            f"{context_tokens} that the model holds; shorten one of them."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """A reply that comes to mind, its mean log-probability a token, in nats, and whether it came to its end."""

    text: str
    logp: float
    ended: bool = True


class LanguageModel(Protocol):
    """A chat model with, perhaps, a night's adapter that can be taken off."""

    @property
    def name(self) -> str: ...

    @property
    def has_instincts(self) -> bool:
        """Whether its weights were taught to read, dream and abstain in somnus' prompt shapes."""
        ...

    @property
    def wears(self) -> bool:
        """Whether a night's adapter is on it."""
        ...

    @property
    def context_tokens(self) -> int:
        """The longest prompt plus reply, in tokens."""
        ...

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The exact text given to the model for these turns, ready for its reply."""
        ...

    def count_tokens(self, turns: Sequence[Turn]) -> int:
        """Length of the prompt in tokens."""
        ...

    def stream(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        *,
        adapter: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[str]:
        """The reply piece by piece. `adapter=False` takes the night's adapter off for this reply; `cancelled` is
        asked once a token."""
        ...

    def answer(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling, *, adapter: bool = True
    ) -> list[str]:
        """One reply a prompt, decoded in batches."""
        ...

    def log_likelihood(
        self, prompts: Sequence[Sequence[Turn]], beginnings: Sequence[str]
    ) -> list[float]:
        """In nats, with the night's adapter off: how likely the reply to each prompt begins with these words."""
        ...

    def thoughts(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling
    ) -> list[list[Thought]]:
        """For each prompt the replies that come to mind with the night's adapter on, at least one."""
        ...
