"""The one night that may go on beside the talk: whether it does, who began it, and how it is woken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from memory.errors import SomnusError
from sleep.events import NightEnded, NightEvent


class Bed:
    """Holds at most one night. Safe to use from several threads."""

    def __init__(self) -> None:
        self._taken = threading.Lock()
        self._alarm = threading.Event()
        self.give_up = False  # the night is not to go on later
        self.by_itself = False  # nobody asked for the night

    @property
    def taken(self) -> bool:
        """Whether a night goes on."""
        return self._taken.locked()

    @property
    def woken(self) -> bool:
        """Whether the night was asked to end."""
        return self._alarm.is_set()

    def lie_down(self, *, by_itself: bool) -> bool:
        """Begin a night; False when one goes on."""
        if not self._taken.acquire(blocking=False):
            return False
        self._alarm.clear()
        self.give_up, self.by_itself = False, by_itself
        return True

    def sleep(
        self, night: Callable[..., Iterator[NightEvent]], budget: float | None, tell: Any
    ) -> tuple[NightEnded | None, SomnusError | None]:
        """Go through a night: each event but the last is told at once, the last one returned, or the error."""
        try:
            for event in night(budget=budget, stop=self._alarm.is_set):
                if isinstance(event, NightEnded):
                    return event, None
                tell(event)
        except SomnusError as error:
            return None, error
        return None, None

    def get_up(self) -> None:
        """The night is over."""
        self._taken.release()

    def wake(self, *, give_up: bool = False) -> None:
        """Ask the night to end within five seconds. One that isn't given up goes on with the next sleep."""
        self.give_up = give_up
        self._alarm.set()

    def wait(self, seconds: float = -1) -> None:
        """Until nobody sleeps any more."""
        if self._taken.acquire(timeout=seconds):
            self._taken.release()
