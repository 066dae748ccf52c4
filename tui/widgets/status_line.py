"""One line that says what goes on."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui.screens.messages import Failed, Loaded, Loading

CELLS = 16
STOPPABLE = ("thinking", "asking")


class StatusLine(Static):
    """Shows the bridge's messages."""

    def show(self, message: object) -> None:
        """The line for a message of the bridge."""
        if isinstance(message, Loading):
            share = message.share
            bar = "" if share is None else f" {'█' * round(CELLS * share):░<{CELLS}} {share:.0%}"
            stop = " (esc stops)" * (message.what in STOPPABLE)
            self.update(Content(f"{message.what}{bar} …{stop}"))
        elif isinstance(message, Loaded):
            self.update(Content(f"{message.name} · {message.adapter or 'no night yet'} · ready"))
        elif isinstance(message, Failed):
            self.update(Content(f"! {message.text}"))
