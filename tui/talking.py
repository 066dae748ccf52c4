"""The bridge's part for the talk: replies, and afterwards where each answer came from.

Measuring goes on while nothing else does. What the user does next interrupts it, and it is taken up again when idle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from textual.message import Message

from agent.conversation import Conversation
from agent.events import ConversationEvent, Recollected, Replied
from agent.recalling import Arm
from agent.telling import is_question
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
class Answer:
    """A reply to a question, and what it was given with."""

    episode: Episode
    memory: Arm
    trace: Trace


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
        talked, temperature = False, 0.0

        def begin() -> Iterator[ConversationEvent]:
            nonlocal talked, temperature
            talk = self.root.conversation(session)
            talked = bool(self.root.home.ledger.session_turns(session))
            episode, temperature = self._taken_back(message, again)
            return talk.say(
                message, memory=memory, cancelled=self._stop.is_set, again=episode,
                temperature=temperature,
            )  # fmt: skip

        if answer := self._answered(begin, memory):
            self._find_out(answer, talked=talked, sampled=temperature > 0)

    def _answered(
        self, begin: Callable[[], Iterator[ConversationEvent]], memory: Arm
    ) -> Answer | None:
        """Tell the screen of a reply as it comes; returns it when somebody asked and it came to its end."""
        answer: Answer | None = None

        def work() -> Iterator[Message]:
            nonlocal answer
            found: tuple[Recollection, ...] = ()
            for event in gathered(begin()):
                trace = None
                if isinstance(event, Recollected):
                    found = event.recollections
                elif isinstance(event, Replied):
                    trace = Trace(
                        adapter=self.adapter if event.adapter else None, found=found,
                        tokens=event.reply_tokens, seconds=event.seconds, stopped=event.stopped,
                    )  # fmt: skip
                    if is_question(event.episode.said) and not event.stopped:
                        answer = Answer(episode=event.episode, memory=memory, trace=trace)
                    self._keep(event.episode, trace, asked=answer is not None)
                yield Talked(event, trace)

        self._run(THINKING, work)
        return answer

    def _keep(self, episode: Episode, trace: Trace, *, asked: bool) -> None:
        """Write down how a reply came about; where an answer came from is found out later, or never."""
        if episode.id > 0:  # else it is private
            unknown = Provenance(source=Source.UNMEASURED) if asked else None
            self.root.home.ledger.keep_trace(episode, replace(trace, provenance=unknown))

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
        talked = self._private is not None

        def begin() -> Iterator[ConversationEvent]:
            if self._private is None:
                self._private = self.root.conversation("", private=True)
            return self._private.say(message, memory=memory, cancelled=self._stop.is_set)

        if answer := self._answered(begin, memory):
            self._find_out(answer, talked=talked, sampled=False)

    def fall_silent(self) -> None:
        """Forget the private talk."""
        self._private = None
        for owed in [o for o in self._owed if o.episode.id < 0]:
            self._owed.remove(owed)

    # -------------------------------------------------------------- measuring

    @property
    def owes(self) -> bool:
        """Whether the source of an answer is still to be found out."""
        return bool(self._owed)

    def _find_out(self, answer: Answer, *, talked: bool, sampled: bool) -> None:
        """Where an answer came from: now, or when there is time."""
        trace = answer.trace
        # The prompt that quotes what was looked up has no earlier turns.
        talked = talked and answer.memory in ("auto", "buffer") and not trace.found
        parts = Parts(
            worn=trace.adapter is not None, looked_up=bool(trace.found), talked=talked,
            sampled=sampled, tokens=trace.tokens,
        )  # fmt: skip
        self._owe(Owed(episode=answer.episode, parts=parts, adapter=self.adapter, trace=trace))
        self.measure()

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
