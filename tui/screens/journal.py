"""What the app did and what went wrong: kept in memory for the log screen, errors also in HOME/somnus.log."""

from __future__ import annotations

import os
import traceback
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import RichLog

from memory.secrets import masked
from tui.screens.dialogue import Dialogue
from tui.screens.messages import Failed, Loaded, Loading

MOST_LINES = 1000


class Journal:
    """The latest lines. Safe to write from several threads."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = datetime.now) -> None:
        self.path = path
        self._clock = clock
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        self._last = ""

    def take(self, message: object) -> None:
        """A message of the bridge; progress of the same work is one line."""
        if isinstance(message, Loading):
            self._add(message.what)
        elif isinstance(message, Loaded):
            self._add(f"ready: {message.name}, {message.adapter or 'no night yet'}")
        elif isinstance(message, Failed):
            self._add(f"! {message.text}")

    def error(self, error: BaseException) -> None:
        """An unexpected error: one line here, the traceback in the file, where a developer finds it."""
        self._add(f"! {type(error).__name__}: {error} (details in {self.path})")
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            with os.fdopen(os.open(self.path, flags, 0o600), "a", encoding="utf-8") as file:
                file.write(masked("".join(traceback.format_exception(error))) + "\n")
        except OSError:
            self._add("the log file can't be written")

    def forgot(self) -> None:
        """Errors quote what was said."""
        self.lines.clear()
        self._last = ""

    def _add(self, text: str) -> None:
        text = masked(text)
        if text != self._last:
            self._last = text
            self.lines.append(f"{self._clock():%H:%M:%S}  {text}")


class LogScreen(Dialogue[None]):
    """The journal; escape closes it."""

    HELP = "What the app did and what went wrong, the latest last; errors stand in full in the file named above."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f9", "dismiss", "Close", id="log.close")
    ]

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue", classes="wide") as frame:
            frame.border_title = Content(f"log · errors in full: {self._journal.path}")
            yield RichLog(id="log", wrap=True, markup=False, min_width=1)

    def on_mount(self) -> None:
        log = self.query_one("#log", RichLog)
        for line in self._journal.lines:
            log.write(line)
        log.focus()

    async def forgot(self) -> None:
        self.query_one("#log", RichLog).clear()
