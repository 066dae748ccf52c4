"""A night in a process of its own, so that the chat goes on: a low-priority child that prints its events as JSON lines.

The child dies with its parent: where its standard input ends, it ends, at once. A night may be killed at any moment
without loss (see `sleep/night.py`), so whoever asks it to stop need not wait longer than `PATIENCE` for a safe point.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from memory import errors
from memory.errors import Interrupted, SomnusError
from sleep.events import NightEvent, from_json
from tui.root import Options, Root

PATIENCE = 4.0  # seconds between the wish to stop and the kill
NICENESS = 15


def sleep_apart(
    root: Root, *, budget: float | None = None, stop: Callable[[], bool] = lambda: False
) -> Iterator[NightEvent]:
    """The events of a night of `root`, which owns the home, as `Root.night` gives them; a stop takes 5 s at most.

    Raises what the night raises; Interrupted also when the child had to be killed.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "tui.apart"],  # -P: nothing is imported from the current folder
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None
    try:
        kind = type(root)
        options = asdict(replace(root.options, home=root.path))
        order = {"root": [kind.__module__, kind.__qualname__], "options": options, "budget": budget}
        _tell(child.stdin, json.dumps(order, default=str))
        for document in _documents(child, stop):
            if "error" in document:
                kinds = {k.__name__: k for k in vars(errors).values() if isinstance(k, type)}
                raise kinds.get(document["error"], SomnusError)(document["text"])
            yield from_json(document)
        if child.wait() != 0:
            if stop():
                raise Interrupted(
                    "The night was interrupted; nothing was lost, and it goes on later."
                )
            raise SomnusError(
                f"The night's process ended ({_why(child.returncode)}); nothing was lost, and the next sleep goes on."
            )
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


def _documents(child: Any, stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """What the child prints; while it says nothing, `stop` is asked and handed on, and then insisted upon."""
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        with contextlib.suppress(ValueError, OSError):  # closed under our hands
            for line in child.stdout:
                lines.put(line)
        lines.put("")

    threading.Thread(target=read, name="night", daemon=True).start()
    asked: float | None = None
    while True:
        if asked is None and stop():
            asked = time.monotonic()
            _tell(child.stdin, "stop")
        if asked is not None and time.monotonic() - asked > PATIENCE:
            child.kill()
        try:
            line = lines.get(timeout=0.2)
        except Empty:
            continue
        if not line:
            return
        yield json.loads(line)


def _tell(pipe: IO[str], line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # it ended by itself, and says why
        pipe.write(line + "\n")
        pipe.flush()


def _why(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name


# ------------------------------------------------------------------------- in the child


def main() -> int:
    """One night, as the first line of standard input says; a second line asks to stop."""
    lines = _lines()
    order = json.loads(next(lines))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no event

    def say(document: dict[str, Any]) -> None:
        out.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
        out.flush()

    stop = threading.Event()
    threading.Thread(target=_listen, args=(lines, stop), daemon=True).start()
    stand_back()
    module, name = order["root"]
    options = order["options"] | {"home": Path(order["options"]["home"])}
    root: Root = getattr(importlib.import_module(module), name)(Options(**options)).lent()
    try:
        for event in root.night(budget=order["budget"], stop=stop.is_set):
            say(event.to_json())
    except SomnusError as error:
        say({"error": type(error).__name__, "text": str(error)})
    except Exception as error:  # noqa: BLE001  # the outermost edge of this process
        from tui.cli import log_error

        where = log_error(error, root.path)
        text = f"Something unexpected happened ({type(error).__name__}: {error}); the details are in {where}."
        say({"error": "SomnusError", "text": text})
    finally:
        root.close()
    return 0


def stand_back() -> None:
    """Take what others leave of the processors.

    Linux weighs whole sessions against each other first (sched(7), autogroup), and within one the niceness.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS), "ascii")


def _listen(lines: Iterator[bytes], stop: threading.Event) -> None:
    for _ in lines:
        stop.set()
    os._exit(1)  # the parent is gone


def _lines() -> Iterator[bytes]:
    """Lines of standard input, unbuffered: a thread that waits in `sys.stdin` could not be left behind at the end."""
    data = b""
    while more := os.read(0, 65536):
        *whole, data = (data + more).split(b"\n")
        yield from whole


if __name__ == "__main__":
    sys.exit(main())
