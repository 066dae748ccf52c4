"""Where threads meet the interface: slow work happens in one worker thread and arrives as messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from textual.message import Message
from textual.widget import Widget

from agent.conversation import Arm
from agent.events import ConversationEvent
from memory.episode import MemoryId
from memory.errors import SomnusError
from sleep.events import NightEvent
from tui.root import Root


@dataclass
class Loading(Message):
    """Something slow goes on before the first reply."""

    what: str
    share: float | None


@dataclass
class Loaded(Message):
    """The model is ready."""

    name: str
    adapter: str | None


@dataclass
class Talked(Message):
    """An event of a reply."""

    event: ConversationEvent


@dataclass
class Slept(Message):
    """An event of a night."""

    event: NightEvent


@dataclass
class Answers(Message):
    """The document of a recall."""

    report: dict[str, Any]


@dataclass
class Forgot(Message):
    """A memory is gone, but for the adapters of these nights."""

    nights: list[int]


@dataclass
class Failed(Message):
    """One sentence about what went wrong."""

    text: str


@dataclass
class Idle(Message):
    """The worker is free again."""


class Bridge:
    """One piece of slow work at a time; `stop` asks the present one to end at its next safe point."""

    def __init__(self, root: Root, target: Widget | Any) -> None:
        self.root = root
        self._target = target
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self.adapter: str | None = None  # the one worn, by name
        root.progress = self._progress

    @property
    def busy(self) -> bool:
        """Whether something goes on."""
        return self._turn.locked()

    def _progress(self, what: str, share: float | None) -> None:
        self._target.post_message(Loading(what, share))

    def stop(self) -> None:
        """Ask the present work to end."""
        self._stop.set()

    def load(self) -> None:
        """Load models and buffer."""

        def work() -> Iterator[Message]:
            model = self.root.model
            self.root.store  # noqa: B018  # opened in this thread
            self._look_at_adapter()
            yield Loaded(model.name, self.adapter)

        self._run("waking up", work)

    def say(self, message: str, memory: Arm, session: str) -> None:
        """Answer a message."""

        def work() -> Iterator[Message]:
            talk = self.root.conversation(session)
            for event in talk.say(message, memory=memory, cancelled=self._stop.is_set):
                yield Talked(event)

        self._run("thinking", work)

    def sleep(self) -> None:
        """Sleep once."""

        def work() -> Iterator[Message]:
            for event in self.root.night(stop=self._stop.is_set):
                yield Slept(event)
            self._look_at_adapter()

        self._run("sleeping; the chat waits", work)

    def forget(self, memory: MemoryId) -> None:
        """Forget a memory, in the ledger and in the buffer."""

        def work() -> Iterator[Message]:
            from memory.forgetting import forget

            receipt = forget(self.root.home.ledger, [memory])
            self.root.store.rebuild(self.root.home.ledger.waiting())
            yield Forgot(receipt["nights"])

        self._run("forgetting", work)

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
            self._stop.clear()
            self._progress(what, None)
            try:
                for message in work():
                    self._target.post_message(message)
            except SomnusError as error:
                self._target.post_message(Failed(str(error)))
            except Exception as error:  # noqa: BLE001  # no traceback reaches the screen
                self._target.post_message(
                    Failed(f"Something unexpected happened ({type(error).__name__}: {error}).")
                )
        self._target.post_message(Idle())
