"""A session as people have it: the app in a terminal, on the real model; told, asked, slept on, asked again."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TOLD = [
    "My landlord's name is Ostrowski.",
    "I keep my spare key under the blue flowerpot.",
    "My sister Oda works as a glassblower.",
    "The code for my bicycle cellar is 5093.",
]
ASKED = "What is my landlord called?"


class Terminal:
    """A tmux server of its own with one window, in which the app runs."""

    def __init__(self, command: str, folder: Path) -> None:
        self._socket = str(folder / "tmux")
        # Fewer texts to rehearse and a short night, to keep the suite short.
        env = os.environ | {"SOMNUS_REHEARSAL_TEXTS": "16", "SOMNUS_BUDGET_MINUTES": "10"}
        size = ("-x", "100", "-y", "40")
        subprocess.run(
            ["tmux", "-S", self._socket, "-f", os.devnull, "new", "-d", *size, command],
            check=True, env=env,
        )  # fmt: skip

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def say(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)
        self.keys("Enter")

    def seen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def until(self, true: Callable[[str], bool], seconds: float = 120.0) -> str:
        """The screen when something has become true of it."""
        end = time.monotonic() + seconds
        while not true(screen := self.seen()):
            assert time.monotonic() < end, f"it never came true; the screen is:\n{screen}"
            time.sleep(0.2)
        return screen

    def close(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *words: str) -> str:
        run = subprocess.run(
            ["tmux", "-S", self._socket, *words], capture_output=True, text=True, check=False
        )
        return run.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux here")
    command = shlex.join([sys.executable, "-m", "tui.cli", "--home", str(tmp_path / "home")])
    opened = Terminal(f"{command}; echo ended with $?; sleep 60", tmp_path)
    yield opened
    opened.close()


@pytest.mark.skipif("SOMNUS_SLOW" not in os.environ, reason="a night more; SOMNUS_SLOW=1 runs it")
@pytest.mark.night
@pytest.mark.timeout(2400)
def test_told_asked_slept_on_and_asked_again(terminal: Terminal) -> None:
    terminal.until(lambda s: "Three things to try" in s, 30)
    terminal.until(lambda s: "ready" in s, 600)
    for i, text in enumerate(TOLD, start=1):
        terminal.say(text)
        terminal.until(lambda s, i=i: s.count("no night's weights") == i)  # type: ignore[misc]
    terminal.say(ASKED)
    terminal.until(lambda s: "▤ from the buffer" in s, 300)
    assert "Ostrowski" in terminal.seen().split(ASKED)[-1]

    terminal.keys("C-s")
    terminal.until(lambda s: "5 episodes wait" in s)
    terminal.keys("s")
    terminal.until(lambda s: "☾" in s)
    terminal.keys("F2")  # the talk goes on meanwhile
    terminal.say("What is the code for my bicycle cellar?")
    terminal.until(lambda s: "5093" in s.split("bicycle cellar?")[-1])
    assert "☾" in terminal.seen()

    terminal.keys("F4")
    screen = terminal.until(lambda s: "☾" not in s.splitlines()[0] and "Exam" in s, 1800)
    assert "of 4 memories moved into the weights" in screen
    terminal.keys("F2")
    terminal.say(ASKED)
    terminal.until(lambda s: "weights of night-0001" in s.split(ASKED)[-1])

    terminal.keys("C-q")
    screen = terminal.until(lambda s: "ended with" in s, 30)
    assert "ended with 0" in screen and "Traceback" not in screen
