"""Where threads and processes meet the interface: slow work happens in worker threads and arrives as messages.

Talk and everything that changes the home take turns. A night goes on beside them in a process of its own; only putting
on what it learnt takes a turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.message import Message

from agent.recalling import Arm
from memory import quarantine
from memory.episode import EpisodeId, MemoryId
from memory.errors import NothingToLearn, SomnusError
from memory.forgetting import forget
from memory.undoing import undo, unlearn
from sleep.events import NightEvent
from tui.bed import Bed
from tui.root import Root
from tui.screens.messages import (
    WAKING,
    Answers,
    AtRest,
    Confirmed,
    Failed,
    Forgot,
    Found,
    LayDown,
    Loaded,
    Loading,
    Planned,
    Remembered,
    RolledBack,
    Slept,
    Stopped,
    Woke,
)
from tui.talking import Talking

LONGEST_STOP = 8.0  # seconds that the end waits for work to stop


class Bridge(Talking):
    """All slow work of the app, and beside it at most one night."""

    def __init__(self, root: Root, target: Any) -> None:
        super().__init__(root, target)
        self.bed = Bed()
        root.progress = self._progress

    def close(self) -> None:
        """Stop everything and wait for it; a night stays as far as it got."""
        self.stop()
        self.bed.wake()
        self.bed.wait(LONGEST_STOP)
        if self._turn.acquire(timeout=LONGEST_STOP):
            self._turn.release()

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

        self._run(WAKING, work)

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
            ledger = self.root.home.ledger
            yield from self._give_night_up()  # it may have learnt this already
            fresh = ledger.add_memories([(e.id, e.said, e.at) for e in ledger.episodes(episodes)])
            receipt = forget(ledger, [*memories, *(m.id for m in fresh)])
            self._owe_no_more()
            self.fall_silent()  # a private talk may tell it, too
            undone = unlearn(ledger, self.root.home.adapters)
            if undone:
                self._wake()
            else:
                self.root.store.rebuild(ledger.waiting())
            yield Forgot(undone, len(receipt["memories"]))

        self._end_night()
        self._run("forgetting", work)

    def confirm(self, memories: list[MemoryId]) -> None:
        """The user says that these held-back statements hold."""

        def work() -> Iterator[Message]:
            told = quarantine.confirm(self.root.home.ledger, memories)
            self.root.store.add(told)
            yield Confirmed([e.said for e in told])

        self._run("confirming", work)

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

    def sleep(self, budget: float | None = None, by_itself: bool = False) -> None:
        """Sleep once, beside the talk; the end is told when the talk wears what was learnt."""
        if not self.bed.lie_down(by_itself=by_itself):
            return
        self._target.post_message(LayDown())
        ended, error = None, None

        def tell(event: NightEvent) -> None:
            self._target.post_message(Slept(event))

        def wake() -> Iterator[Message]:
            if self.bed.give_up:
                yield from self._give_night_up()
            self._wake()

        try:
            ended, error = self.bed.sleep(self.root.night_apart, budget, tell)
        except Exception as problem:  # noqa: BLE001  # no traceback reaches the screen
            error = self._unexpected(problem)
        # Said before the bed is empty: who looks whether to sleep again has to know how this night ended.
        self._target.post_message(Woke(by_itself, None if self.bed.give_up else error))
        self._run(WAKING, wake)
        self.bed.get_up()
        if ended is not None:
            tell(ended)
        self._target.post_message(AtRest())

    def roll_back(self, night: int) -> None:
        """Undo a night and all after it."""
        self._end_night()
        self._run("rolling back", lambda: self._undo(night))

    def _end_night(self) -> None:
        """What was asked for changes what a night works on: one that goes on is given up."""
        self.bed.wake(give_up=True)
        self.bed.wait()

    def _give_night_up(self) -> Iterator[Message]:
        from sleep.prepare import give_up

        if undone := give_up(self.root.home):
            yield RolledBack(undone, len(self.root.home.ledger.waiting()))

    def _undo(self, night: int) -> Iterator[Message]:
        undone = undo(self.root.home.ledger, self.root.home.adapters, night)
        self.root.home.adapters.sweep()
        self._wake()
        yield RolledBack(undone, len(self.root.home.ledger.waiting()))

    def recall(self, questions: list[Any], arms: list[Arm]) -> None:
        """Ask questions under several arms."""

        def work() -> Iterator[Message]:
            from sleep.recall import ask_all, document

            answers: list[Any] = []
            for answered in ask_all(
                self.root.model, self.root.store, questions, arms, self.root.recall
            ):
                if self._stop.is_set():
                    yield Stopped(len(answers), answered.total)
                    return
                answers.append(answered)
                yield Loading(f"asking ({answered.arm})", answered.done / answered.total)
            yield Answers(document(answers, model=self.root.model.name, adapter=self.adapter))

        self._run("asking", work)

    def _wake(self) -> None:
        self.root.wake()
        self._look_at_adapter()

    def _look_at_adapter(self) -> None:
        self.adapter = card.name if (card := self.root.home.adapters.current()) else None
