"""One line that says what goes on."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui.bridge import Failed, Loaded, Loading


class StatusLine(Static):
    """Shows the bridge's messages."""

    def show(self, message: object) -> None:
        """The line for a message of the bridge."""
        if isinstance(message, Loading):
            share = "" if message.share is None else f" {message.share:.0%}"
            self.update(Content(f"{message.what}{share} …"))
        elif isinstance(message, Loaded):
            self.update(Content(f"{message.name} · {message.adapter or 'no night yet'} · ready"))
        elif isinstance(message, Failed):
            self.update(Content(message.text))
