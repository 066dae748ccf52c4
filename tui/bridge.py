"""Where threads meet the interface: slow work happens in worker threads and arrives as messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from textual.message import Message

from agent.conversation import Arm, Conversation, is_question
from agent.events import Recollected, Replied
from memory.episode import Episode, EpisodeId, MemoryId, Phase
from memory.errors import InputError, Interrupted, NothingToLearn, SomnusError
from tui.root import Root
from tui.screens.measuring import gathered, measure
from tui.screens.messages import (
    Answers,
    Failed,
    Forgot,
    Found,
    Idle,
    Loaded,
    Loading,
    Measured,
    Measuring,
    Planned,
    Remembered,
    RolledBack,
    Slept,
    Talked,
)
from tui.widgets.badge import Provenance, Source

AGAIN_TEMPERATURE = 0.8  # a greedy reply would come out the same


class Bridge:
    """One piece of slow work at a time; `stop` asks the present one to end at its next safe point."""

    def __init__(self, root: Root, target: Any) -> None:
        self.root = root
        self._target = target
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._give_up = False
        self._measuring = threading.Lock()
        self._give_way = threading.Event()  # measuring ends at the next token
        self._private: Conversation | None = None  # the private talk; it is nowhere else
        self.adapter: str | None = None  # the one worn, by name
        root.progress = self._progress

    @property
    def busy(self) -> bool:
        """Whether something goes on."""
        return self._turn.locked()

    def _progress(self, what: str, share: float | None) -> None:
        self._target.post_message(Loading(what, share))

    def stop(self, *, give_up: bool = False) -> None:
        """Ask the present work to end. A night that isn't given up goes on with the next sleep."""
        self._give_up = give_up
        self._give_way.set()
        self._stop.set()

    def load(self) -> None:
        """Load models and buffer."""

        def work() -> Iterator[Message]:
            from sleep.prepare import recover

            if said := recover(self.root.home):
                self._progress(said, None)
            model = self.root.model
            self.root.store  # noqa: B018  # opened in this thread
            self._look_at_adapter()
            yield Loaded(model.name, self.adapter)

        self._run("waking up", work)

    # ------------------------------------------------------------------- talk

    def say(self, message: str, memory: Arm, session: str, again: EpisodeId | None = None) -> None:
        """Answer a message. `again` is the episode that it takes the place of, or asks once more."""
        replied: list[Replied] = []
        talked = False

        def work() -> Iterator[Message]:
            nonlocal talked
            talk = self.root.conversation(session)
            talked = bool(self.root.home.ledger.session_turns(session))
            episode, temperature = self._taken_back(message, again)
            events = talk.say(
                message, memory=memory, cancelled=self._stop.is_set, again=episode,
                temperature=temperature,
            )  # fmt: skip
            for event in gathered(events):
                if isinstance(event, Recollected):
                    found.append(bool(event.recollections))
                if isinstance(event, Replied) and not event.stopped:
                    replied.append(event)
                yield Talked(event)

        found: list[bool] = []
        self._run("thinking", work)
        if replied:
            self._measure(message, replied[0].episode, memory, any(found), talked)

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
                r = self.root
                self._private = Conversation(
                    r.home.ledger, r.store, r.model, r.recall, private=True
                )
            events = self._private.say(message, memory=memory, cancelled=self._stop.is_set)
            yield from map(Talked, gathered(events))

        self._run("thinking", work)

    def fall_silent(self) -> None:
        """Forget the private talk."""
        self._private = None

    def _measure(
        self, question: str, episode: Episode, memory: Arm, looked_up: bool, talked: bool
    ) -> None:
        """Ask again without each memory that had a part; whatever the user does next comes first."""
        if not is_question(question) or not self._measuring.acquire(blocking=False):
            return
        try:
            self._target.post_message(Measuring())
            provenance = measure(
                self.root, question, episode.replied or "",
                worn=self.adapter is not None and memory in ("auto", "weights"), looked_up=looked_up,
                talked=talked and memory in ("auto", "buffer"), cancelled=self._give_way.is_set,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001  # a badge is no reason to trouble anybody
            self._target.note_error(error)
            provenance = Provenance(source=Source.UNMEASURED)
        finally:
            self._measuring.release()
        self._target.post_message(Measured(episode.id, provenance))

    # ----------------------------------------------------------------- memory

    def remember(self, said: str, session: str) -> None:
        """Put a statement into the buffer, without a reply."""

        def work() -> Iterator[Message]:
            self.root.store.add([self.root.home.ledger.append(said, session=session)])
            yield Remembered(said)

        self._run("remembering", work)

    def look_up(self, words: str) -> None:
        """What the buffer and the memories hold about these words."""

        def work() -> Iterator[Message]:
            found = self.root.store.search(words, self.root.config.recollections)
            least = self.root.config.min_similarity
            memories = self.root.home.ledger.search_memories(words)
            yield Found(words, [r for r in found if r.similarity >= least], memories)

        self._run("looking", work)

    def forget(self, memories: list[MemoryId], episodes: list[EpisodeId]) -> None:
        """Forget memories, and episodes that no night has read yet, in the ledger and in the buffer."""

        def work() -> Iterator[Message]:
            from memory.forgetting import forget

            ledger = self.root.home.ledger
            unread = [(e.id, e.said, e.at) for e in ledger.episodes(episodes)]
            fresh = [m.id for m in ledger.add_memories(unread)]
            receipt = forget(ledger, [*memories, *fresh])
            self.root.store.rebuild(ledger.waiting())
            yield Forgot(receipt["nights"], len(receipt["memories"]))

        self._run("forgetting", work)

    # ------------------------------------------------------------------ sleep

    def plan(self) -> None:
        """What a night would do now; needs no model, so it waits for nobody."""
        from sleep.prepare import plan

        try:
            self._target.post_message(Planned(plan(self.root.home, self.root.config, None)))
        except NothingToLearn as nothing:
            self._target.post_message(Planned(None, str(nothing)))
        except SomnusError as error:
            self._target.post_message(Failed(str(error)))

    def sleep(self, budget: float | None = None) -> None:
        """Sleep once."""

        def work() -> Iterator[Message]:
            try:
                for event in self.root.night(budget=budget, stop=self._stop.is_set):
                    yield Slept(event)
            except Interrupted:
                night = self.root.home.ledger.unfinished()
                if not self._give_up or night is None:
                    raise
                yield from self._undo(night.number)
                self.root.home.ledger.advance(
                    night.number, Phase.ROLLED_BACK, finished=datetime.now(UTC)
                )
            finally:
                self._look_at_adapter()

        self._run("sleeping; the chat waits", work)

    def roll_back(self, night: int) -> None:
        """Undo a night and all after it."""
        self._run("rolling back", lambda: self._undo(night))

    def _undo(self, night: int) -> Iterator[Message]:
        from sleep.prepare import roll_back

        undone = roll_back(self.root.home, night)
        self.root.home.adapters.sweep()
        self.root.model.wear(self.root.adapter_path)
        waiting = self.root.home.ledger.waiting()
        self.root.store.rebuild(waiting)
        self._look_at_adapter()
        yield RolledBack(undone, len(waiting))

    def recall(self, questions: list[Any], arms: list[Arm]) -> None:
        """Ask questions under several arms."""

        def work() -> Iterator[Message]:
            from sleep.recall import ask_all, document

            answers = []
            for answered in ask_all(
                self.root.model, self.root.store, questions, arms, self.root.recall
            ):
                if self._stop.is_set():
                    return
                answers.append(answered)
                yield Loading(f"asking ({answered.arm})", answered.done / answered.total)
            yield Answers(document(answers, model=self.root.model.name, adapter=self.adapter))

        self._run("asking", work)

    def _look_at_adapter(self) -> None:
        card = self.root.home.adapters.current()
        self.adapter = card.name if card else None

    def _run(self, what: str, work: Callable[[], Iterator[Message]]) -> None:
        """Called in a worker thread: every message of the work is posted, and every error as a sentence."""
        with self._turn:
            self._give_way.set()
            with self._measuring:
                self._give_way.clear()
                self._stop.clear()
                self._progress(what, None)
                try:
                    for message in work():
                        self._target.post_message(message)
                except SomnusError as error:
                    self._target.post_message(Failed(str(error)))
                except Exception as error:  # noqa: BLE001  # no traceback reaches the screen
                    self._target.note_error(error)
                    self._target.post_message(
                        Failed(f"Something unexpected happened ({type(error).__name__}: {error}).")
                    )
        self._target.post_message(Idle())
