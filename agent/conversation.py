"""A conversation: log, retrieve, prompt, stream, log. Read first.

The user's words are in the ledger before anything else happens to them. What is retrieved is quoted in the user's turn
as data; a question that was asked earlier is an episode too, but never quoted as if it told something.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from agent.events import ConversationEvent, Recollected, Replied, TextStreamed
from agent.model import LanguageModel, Sampling
from agent.recalling import Arm, Recall, approach, reply_room
from memory.episode import Episode, EpisodeId, Role, Turn
from memory.errors import InputError
from memory.ledger import Ledger
from memory.store import BufferStore

HISTORY_TURNS = 6


class Conversation:
    """One session of talk."""

    def __init__(
        self,
        ledger: Ledger,
        store: BufferStore,
        model: LanguageModel,
        recall: Recall | None = None,
        *,
        session: str = "",
        private: bool = False,
    ) -> None:
        """`private`: what is said here is logged nowhere and lives only as long as this object."""
        self._ledger = ledger
        self._store = store
        self._model = model
        self._recall = recall or Recall()
        self.session = session
        self._private: list[Turn] | None = [] if private else None
        self._whispers = 0

    def say(
        self,
        message: str,
        *,
        memory: Arm = "auto",
        cancelled: Callable[[], bool] = lambda: False,
        again: Episode | None = None,
        temperature: float = 0.0,
    ) -> Iterator[ConversationEvent]:
        """Answer a message; the last event is `Replied`. `again` is its episode where it is in the ledger already.

        Raises InputError for an empty or an endless one.
        """
        check_message(message)
        episode = again or self._logged(message)
        began = time.monotonic()
        # `weights` and `none` know only weights
        history = self._earlier() if memory in ("auto", "buffer") else []
        recall = replace(self._recall, slept=self._ledger.learnt_until())
        how = approach(message, memory, self._store, self._model, recall, history=history)
        if self._private is None:
            self._store.add([episode])
        yield Recollected(recollections=tuple(how.found))
        turns = how.turns
        pieces: list[str] = []
        stopped = False
        stream = self._model.stream(
            turns,
            Sampling(max_tokens=reply_room(self._model, self._recall), temperature=temperature),
            adapter=how.adapter,
            cancelled=cancelled,
        )
        if how.said is not None and temperature <= 0 and not cancelled():
            stream = iter([how.said])
        try:
            for piece in stream:
                pieces.append(piece)
                yield TextStreamed(text=piece)
                stopped = stopped or cancelled()
            stopped = stopped or cancelled()  # before the first piece
        finally:  # the partial reply is kept when the reader goes away or the model fails
            reply = "".join(pieces).strip()
            if reply:
                episode = self._replied(episode, reply)
        yield Replied(
            episode=episode, prompt=self._model.prompt(turns), prompt_tokens=self._model.count_tokens(turns),
            reply_tokens=self._tokens_of(reply, turns), seconds=time.monotonic() - began, stopped=stopped,
            adapter=how.adapter,
        )  # fmt: skip

    def _logged(self, message: str) -> Episode:
        if self._private is None:
            return self._ledger.append(message, session=self.session)
        self._whispers += 1  # ids below zero: told apart on the screen, and in no ledger
        return Episode(
            id=EpisodeId(-self._whispers), said=message, replied=None, at=datetime.now(UTC)
        )

    def _replied(self, episode: Episode, reply: str) -> Episode:
        if self._private is None:
            return self._ledger.reply(episode.id, reply)
        turns = (
            Turn(role=Role.USER, content=episode.said),
            Turn(role=Role.ASSISTANT, content=reply),
        )
        self._private.extend(turns)
        return replace(episode, replied=reply)

    def _earlier(self) -> list[Turn]:
        """The session's latest turns in pairs: some chat templates refuse a message that got no reply."""
        if self._private is not None:
            return self._private[-HISTORY_TURNS:]
        if not self.session:
            return []
        turns = self._ledger.session_turns(self.session)[:-1]  # without the message just logged
        pairs = [
            (asked, reply)
            for asked, reply in pairwise(turns)
            if asked.role is Role.USER and reply.role is Role.ASSISTANT
        ]
        return [turn for pair in pairs[-HISTORY_TURNS // 2 :] for turn in pair]

    def _tokens_of(self, reply: str, turns: Sequence[Turn]) -> int:
        """A reply's length in tokens; pieces of a stream are words."""

        def size(text: str) -> int:
            return self._model.count_tokens([*turns, Turn(role=Role.ASSISTANT, content=text)])

        return size(reply) - size("") if reply else 0


def check_message(message: str) -> None:
    """Raise InputError for what can't be a message."""
    if not message.strip():
        raise InputError("The message is empty; say something.")
    try:
        message.encode()
    except UnicodeEncodeError:
        raise InputError(
            "The message has bytes that are not UTF-8 text; nothing was logged."
        ) from None
