"""One piece of slow work at a time: it runs in a worker thread, and what it yields arrives as messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from textual.message import Message

from memory.errors import SomnusError
from tui.screens.messages import AtRest, Failed, Loading


class Errands:
    """Takes turns. `stop` asks the present work to end at its next safe point."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._measuring = threading.Lock()
        self._give_way = threading.Event()  # measuring ends at the next token

    @property
    def busy(self) -> bool:
        """Whether something goes on."""
        return self._turn.locked()

    def stop(self) -> None:
        """Ask the present work to end."""
        self._give_way.set()
        self._stop.set()

    def _progress(self, what: str, share: float | None) -> None:
        self._target.post_message(Loading(what, share))

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
                    self._target.post_message(Failed(str(error), what))
                except Exception as error:  # noqa: BLE001  # no traceback reaches the screen
                    self._target.post_message(Failed(str(self._unexpected(error)), what))
        self._target.post_message(AtRest())

    def _unexpected(self, error: Exception) -> SomnusError:
        self._target.note_error(error)
        return SomnusError(f"Something unexpected happened ({type(error).__name__}: {error}).")
