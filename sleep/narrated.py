"""Turns work that reports progress by calling back into a generator of events, so that a night stays one generator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import TypeVar

from memory.episode import Phase
from sleep.events import Progressed

T = TypeVar("T")
Tick = Callable[[int, int], None]
TELLING = 0.05
"""Share that is done before the time left is told: the first bit takes as long as all that comes before it."""


def onwards(before: int, total: int, progress: Tick) -> Callable[[int], None]:
    """Hears how much of a part is done, and tells it as a share of all, after the `before` that were done already."""
    return lambda done: progress(before + done, total)


class _Abandoned(Exception):
    """The reader went away."""


def narrated(
    night: int, phase: Phase, note: str, work: Callable[[Tick], T], check: Callable[[], None]
) -> Generator[Progressed, None, T]:
    """Run `work(tick)` in a thread and yield what it ticks as `Progressed`; return its result or raise its error.

    `check` is called at every tick, in the working thread; what it raises ends the work there.
    """
    queue: SimpleQueue[Progressed | None] = SimpleQueue()
    result: list[T] = []
    failure: list[BaseException] = []
    gone = threading.Event()
    began = time.monotonic()

    def tick(done: int, total: int) -> None:
        if gone.is_set():
            raise _Abandoned
        check()
        spent = time.monotonic() - began
        left = spent / done * (total - done) if done > TELLING * total else None
        queue.put(
            Progressed(night=night, phase=phase, done=done, total=total, left=left, note=note)
        )

    def run() -> None:
        try:
            result.append(work(tick))
        except BaseException as error:  # noqa: BLE001  # handed to the reader below
            failure.append(error)
        finally:
            queue.put(None)

    thread = threading.Thread(target=run, name=f"night-{night}-{phase}", daemon=True)
    thread.start()
    try:
        while (event := queue.get()) is not None:
            yield event
    finally:
        gone.set()
        thread.join()
    if failure:
        raise failure[0]
    return result[0]
