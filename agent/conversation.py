"""A conversation: log, retrieve, prompt, stream, log. Read first.

The user's words are in the ledger before anything else happens to them. What is retrieved is quoted in the user's turn
as data; a question that was asked earlier is an episode too, but never quoted as if it told something.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

from agent import prompt
from agent.events import ConversationEvent, Recollected, Replied, TextStreamed
from agent.model import LanguageModel, Sampling
from memory.episode import Episode, EpisodeId, Role, Turn
from memory.errors import InputError
from memory.ledger import Ledger
from memory.store import BufferStore, Recollection
from memory.trust import own_words, plain, shown, suspicion

Arm = Literal["none", "buffer", "weights", "auto"]
ARMS: tuple[Arm, ...] = ("none", "buffer", "weights", "auto")
STATEMENT_CHARACTERS = 600  # a recollection's share of the prompt
HISTORY_TURNS = 6
# Without a question mark only the word order tells: "will my …" asks, "Will is my …" and "When I was …" don't.
VERB = r"(?:is|are|am|was|were|do|does|did|can|could|would|will|have|has|had|should|may|shall)"
ONE = r"(?:i|you|he|she|it|we|they|my|your|his|her|its|our|their|the|this|that|these|those|there|any|anyone|anybody)"
ASKS = re.compile(
    rf"^(?:(?:and|but|so|then|please|hey|ok|okay|well)[\s,]+)*"
    rf"(?:(?:who|whom|whose)\b|(?:what|where|when|why|how)(?:['’]s|s)\b"
    rf"|(?:what|where|when|why|how|which)\s+{VERB}\b|(?:what|which|how)\s+(?!{ONE}\b|an?\b)(?:\w+\s+){{1,3}}{VERB}\b"
    rf"|{VERB}(?:n['’]?t)?\s+{ONE}\b|remind me(?! (?:to|that|every|on|in|at|tomorrow)\b)|tell me\b|give me\b"
    rf"|name (?:my|the|one|two|three|some|all)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How a reply looks things up."""

    recollections: int = 4
    min_similarity: float = 0.2
    min_similarity_worn: float = 0.3
    """The same where a night's adapter is worn: what resembles a question less, the weights know better."""
    context_tokens: int = 2048
    reply_tokens: int = 256


def is_question(text: str) -> bool:
    """Whether a message asks for something."""
    last = text.strip().splitlines()[-1].strip() if text.strip() else ""
    return last.endswith("?") or bool(ASKS.match(last))


def adapter_for(arm: Arm) -> bool:
    """Whether an arm wears the night's adapter."""
    return arm in ("weights", "auto")


def recollect(
    question: str, store: BufferStore, recall: Recall, *, worn: bool = False
) -> list[Recollection]:
    """What the buffer knows about a question, oldest first, so that the newest of two that contradict stands last.

    Questions of earlier are skipped, and so is whatever somebody else wrote that gives orders. The user's own word
    stands after all others. `worn` is whether the reply wears a night's adapter.
    """
    least = recall.min_similarity
    if worn:
        least = max(least, recall.min_similarity_worn)
    found = store.search(question, recall.recollections * 3)
    telling = [r for r in found if r.similarity >= least and as_told(r.episode)]
    once: dict[
        str, Recollection
    ] = {}  # what was said twice takes one place, where it was said last
    for r in telling:
        same = " ".join(r.episode.said.split()).casefold()
        once[same] = max(r, once.get(same, r), key=_when)
    return sorted(list(once.values())[: recall.recollections], key=_when)


def _when(recollection: Recollection) -> tuple[bool, datetime, int]:
    episode = recollection.episode
    is_own = episode.origin.believed and tells(own_words(episode.said))
    return is_own, episode.at, episode.id


def as_told(episode: Episode) -> str:
    """What may be quoted of an episode, with who says it; "" for nothing."""
    if not episode.origin.believed:
        said = told(plain(episode.said))
        return f"A {episode.origin} says: {said}" if said and not suspicion(episode.said) else ""
    if mine := told(own_words(episode.said)):
        return mine
    quoted = " ".join(told(plain(q)) for q in shown(episode.said) if not suspicion(q)).strip()
    return f"A quotation says: {quoted}" if quoted else ""


def tells(said: str) -> bool:
    """Whether a message tells something, or only asks."""
    return bool(told(said))


def told(said: str) -> str:
    """A message without its questions: what may be quoted of it."""
    parts = re.split(r"(?<=[.!?])\s+|\n+", said.strip())
    return " ".join(p for p in parts if p and not is_question(p))


def answer_turns(
    question: str, arm: Arm, store: BufferStore | None, model: LanguageModel, recall: Recall
) -> tuple[list[Turn], list[Recollection]]:
    """The prompt that an arm gives for a lone question: no history, nothing logged."""
    found = (
        recollect(question, store, recall, worn=arm == "auto" and model.wears)
        if store is not None and arm in ("buffer", "auto")
        else []
    )
    return turns_for(question, found, (), model, recall), found


def reply_room(model: LanguageModel, recall: Recall) -> int:
    """The longest reply in tokens: half of a small context."""
    return min(recall.reply_tokens, model.context_tokens // 2)


def turns_for(
    message: str,
    found: Sequence[Recollection],
    history: Sequence[Turn],
    model: LanguageModel,
    recall: Recall,
) -> list[Turn]:
    """Reading where there is something to read, else a plain prompt; within the token budget.

    Raises:
        InputError: the message alone is longer than the model's context.
    """
    room = min(recall.context_tokens, model.context_tokens - reply_room(model, recall))
    # Best first: what is cut is the least similar.
    best = sorted(found, key=lambda r: -r.similarity)
    order = {as_told(r.episode): i for i, r in enumerate(found)}

    def build(earlier: Sequence[Turn], said: Sequence[str]) -> list[Turn]:
        if said and is_question(message):
            oldest_first = sorted(said, key=lambda s: order[s])
            return prompt.reading(message, [s[:STATEMENT_CHARACTERS] for s in oldest_first])
        whole = (
            earlier[1:] if earlier and earlier[0].role is Role.ASSISTANT else earlier
        )  # its question was cut
        return prompt.chat(message, history=whole)

    turns = prompt.fit(
        build, history, [as_told(r.episode) for r in best], count=model.count_tokens, budget=room
    )
    if (size := model.count_tokens(turns)) > room:
        raise InputError(
            f"Your message is {size} tokens long and the model reads {room} at once; to be answered it "
            "has to be shorter."
        )
    return turns


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
        use_buffer = memory in ("auto", "buffer")
        history = self._earlier() if use_buffer else []  # `weights` and `none` know only weights
        found = (
            recollect(
                message, self._store, self._recall, worn=memory == "auto" and self._model.wears
            )
            if use_buffer and is_question(message)
            else []
        )
        if self._private is None:
            self._store.add([episode])
        yield Recollected(recollections=tuple(found))
        turns = turns_for(message, found, history, self._model, self._recall)
        pieces: list[str] = []
        stopped = False
        stream = self._model.stream(
            turns,
            Sampling(max_tokens=reply_room(self._model, self._recall), temperature=temperature),
            adapter=adapter_for(memory),
            cancelled=cancelled,
        )
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
