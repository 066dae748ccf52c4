"""The bridge's part for the talk: replies, and afterwards where each answer came from.

Measuring goes on while nothing else does. What the user does next interrupts it, and it is taken up again when idle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from textual.message import Message

from agent.conversation import Arm, Conversation, adapter_for, is_question
from agent.events import ConversationEvent, Recollected, Replied
from memory.episode import Episode, EpisodeId
from memory.errors import InputError
from memory.store import Recollection
from memory.trace import Provenance, Source, Trace
from tui.errands import Errands
from tui.root import Root
from tui.screens.measuring import Parts, gathered, measure
from tui.screens.messages import THINKING, Measured, Measuring, Talked

AGAIN_TEMPERATURE = 0.8  # a greedy reply would come out the same
MOST_OWED = 4  # answers whose measuring was interrupted; older ones stay unmeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An answer whose source isn't known yet."""

    episode: Episode
    parts: Parts
    adapter: str | None  # the one worn when it was given: another would tell of itself
    trace: Trace


class Talking(Errands):
    """Answers, one at a time."""

    def __init__(self, root: Root, target: Any) -> None:
        super().__init__(target)
        self.root = root
        self.adapter: str | None = None  # the one worn, by name
        self._private: Conversation | None = None  # the private talk; it is nowhere else
        self._owed: deque[Owed] = deque(maxlen=MOST_OWED)  # the newest last

    def say(self, message: str, memory: Arm, session: str, again: EpisodeId | None = None) -> None:
        """Answer a message. `again` is the episode that it takes the place of, or asks once more."""
        answered: list[tuple[Replied, Trace]] = []
        talked, temperature = False, 0.0

        def work() -> Iterator[Message]:
            nonlocal talked, temperature
            talk = self.root.conversation(session)
            talked = bool(self.root.home.ledger.session_turns(session))
            episode, temperature = self._taken_back(message, again)
            events = talk.say(
                message, memory=memory, cancelled=self._stop.is_set, again=episode,
                temperature=temperature,
            )  # fmt: skip
            for told in self._told(events, memory):
                if isinstance(told.event, Replied) and told.trace is not None:
                    answered.append((told.event, told.trace))
                    self._keep(told.event, told.trace)
                yield told

        self._run(THINKING, work)
        for reply, trace in answered:
            if not _asked(reply):
                continue
            parts = Parts(
                worn=trace.adapter is not None,
                looked_up=bool(trace.found),
                # The prompt that quotes what was looked up has no earlier turns.
                talked=talked and memory in ("auto", "buffer") and not trace.found,
                sampled=temperature > 0,
                tokens=trace.tokens,
            )
            self._owe(Owed(episode=reply.episode, parts=parts, adapter=self.adapter, trace=trace))
            self.measure()

    def _told(self, events: Iterator[ConversationEvent], memory: Arm) -> Iterator[Talked]:
        """The events for the screen; the reply with how it came about."""
        found: tuple[Recollection, ...] = ()
        for event in gathered(events):
            trace = None
            if isinstance(event, Recollected):
                found = event.recollections
            elif isinstance(event, Replied):
                trace = Trace(
                    adapter=self.adapter if adapter_for(memory) else None, found=found,
                    tokens=event.reply_tokens, seconds=event.seconds, stopped=event.stopped,
                )  # fmt: skip
            yield Talked(event, trace)

    def _keep(self, reply: Replied, trace: Trace) -> None:
        """Write down how a reply came about; where an answer came from is found out later, or never."""
        if _asked(reply):
            trace = replace(trace, provenance=Provenance(source=Source.UNMEASURED))
        self.root.home.ledger.keep_trace(reply.episode, trace)

    def _taken_back(self, message: str, again: EpisodeId | None) -> tuple[Episode | None, float]:
        """The episode to answer anew, and how warm; None where the words are new, or a night has learnt the old."""
        from memory.ledger_sessions import reword

        if again is None:
            return None, 0.0
        before = self.root.home.ledger.episode(again)
        if before.said == message:
            return before, AGAIN_TEMPERATURE
        try:
            return reword(self.root.home.ledger, again, message), 0.0
        except InputError:
            return None, 0.0

    def whisper(self, message: str, memory: Arm) -> None:
        """Answer a message that is logged nowhere; it may use what is remembered."""

        def work() -> Iterator[Message]:
            if self._private is None:
                self._private = self.root.conversation("", private=True)
            events = self._private.say(message, memory=memory, cancelled=self._stop.is_set)
            yield from self._told(events, memory)

        self._run(THINKING, work)

    def fall_silent(self) -> None:
        """Forget the private talk."""
        self._private = None

    # -------------------------------------------------------------- measuring

    @property
    def owes(self) -> bool:
        """Whether the source of an answer is still to be found out."""
        return bool(self._owed)

    def _owe(self, owed: Owed) -> None:
        for earlier in [o for o in self._owed if o.episode.id == owed.episode.id]:
            self._owed.remove(earlier)  # answered anew since
        self._owed.append(owed)

    def _owe_no_more(self) -> None:
        """What was forgotten in the meantime isn't asked for again."""
        known = {e.id: e for e in self.root.home.ledger.episodes()}
        for owed in [o for o in self._owed if known.get(o.episode.id) != o.episode]:
            self._owed.remove(owed)

    def measure(self) -> None:
        """Ask again without each memory that had a part; whatever the user does next comes first."""
        with self._measuring:
            while self._owed and not self._give_way.is_set():
                owed = self._owed.pop()
                if owed.adapter == self.adapter:
                    self._target.post_message(Measuring(owed.episode.id))
                    self._target.post_message(Measured(owed.episode.id, self._measured(owed)))

    def _measured(self, owed: Owed) -> Provenance:
        episode = owed.episode
        try:
            found = measure(
                self.root, episode.said, episode.replied or "", owed.parts, self._give_way.is_set
            )
            if found is not None:
                self.root.home.ledger.keep_trace(episode, replace(owed.trace, provenance=found))
                return found
            self._owed.append(owed)
        except Exception as error:  # noqa: BLE001  # a badge is no reason to trouble anybody
            self._target.note_error(error)
        return Provenance(source=Source.UNMEASURED)


def _asked(reply: Replied) -> bool:
    """Whether somebody asked, and was answered to the end: then it is found out where that came from."""
    return is_question(reply.episode.said) and not reply.stopped
