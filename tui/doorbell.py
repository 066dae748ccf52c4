"""The doorbell: how a second somnus asks the one that owns the home, over a socket in the home, for the user alone.

A wish is one line of JSON, and so is its answer. No port is opened. Where there is no such socket, nobody answers, and
the second somnus says plainly that the home is taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from memory.errors import HomeBusyError
from memory.home import Home

NAME = "somnus.sock"
PATIENCE = 8.0  # seconds: a night stops within five
LONGEST = 4096  # bytes of a wish


class Want(StrEnum):
    """What one may ask of the owner."""

    SLEEP = "sleep"
    PAUSE = "pause"
    CANCEL = "cancel"
    HOME = "home"  # a night that nobody watches gives way to the user


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked; `budget` in minutes for a night."""

    want: Want
    budget: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether it is done, and a sentence for the user."""

    done: bool
    said: str


class Doorbell:
    """The owner's end. Wishes are answered one after the other in a thread of its own."""

    def __init__(self, home: Path, answer: Callable[[Asked], Answer]) -> None:
        """Begin to listen; a system without such sockets has no doorbell."""
        self._answer = answer
        self._path = home / NAME
        self._socket: socket.socket | None = None
        with contextlib.suppress(OSError, AttributeError):
            self._socket = self._listen()
            threading.Thread(target=self._serve, name="doorbell", daemon=True).start()

    def _listen(self) -> socket.socket:
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)  # of an owner that died: the home's lock is ours
            with _reachable(self._path) as name:
                before = os.umask(0o177)
                try:
                    bell.bind(name)
                finally:
                    os.umask(before)
            bell.listen(8)
        except BaseException:
            bell.close()
            raise
        return bell

    def _serve(self) -> None:
        bell = self._socket
        while bell is not None:
            try:
                caller, _ = bell.accept()
            except OSError:
                return  # closed
            with caller, contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                caller.settimeout(2.0)
                asked = json.loads(_line(caller))
                wish = Asked(want=Want(asked["want"]), budget=asked.get("budget"))
                caller.sendall(json.dumps(asdict(self._answer(wish))).encode() + b"\n")

    def close(self) -> None:
        """Nobody is at home any more."""
        bell, self._socket = self._socket, None
        if bell is not None:
            with contextlib.suppress(OSError):
                bell.shutdown(socket.SHUT_RDWR)  # wakes the thread
            bell.close()
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Doorbell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ring(home: Path, want: Want, budget: float | None = None) -> Answer | None:
    """Ask the owner of a home; None when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as call:
            call.settimeout(PATIENCE)
            with _reachable(home / NAME) as name:
                call.connect(name)
            call.sendall(json.dumps({"want": want.value, "budget": budget}).encode() + b"\n")
            return Answer(**json.loads(_line(call)))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def opened_politely(home: Path) -> Home:
    """Own a home; a night that nobody watches is asked to pause and make way. Raises HomeBusyError."""
    try:
        return Home.open(home)
    except HomeBusyError:
        answer = ring(home, Want.HOME)
        if answer is None or not answer.done:
            raise
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return Home.open(home)
        except HomeBusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < LONGEST:
        more = connection.recv(LONGEST)
        if not more:
            break
        data += more
    return data


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name of the socket that is short enough: a socket's address has room for about a hundred bytes."""
    if len(os.fsencode(path)) < 100 or not sys.platform.startswith("linux"):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
