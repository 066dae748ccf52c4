"""The line at the foot: the keys that work here. Where there is no room, those that can be spared give way."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class Keys(Footer):
    """The way to help and to the menu stands last, and must not be what runs off."""

    def __init__(self, spare: Sequence[str] = ()) -> None:
        """`spare`: actions that are left out, the first first."""
        super().__init__(compact=True, show_command_palette=False)
        self._spare = spare
        self._width = 0

    def compose(self) -> ComposeResult:
        keys = [k for k in super().compose() if isinstance(k, FooterKey)]
        spare = [k for action in self._spare for k in keys if k.action == action]
        self._width = self.app.size.width
        while spare and sum(map(_cells, keys)) - 1 > self._width:
            keys.remove(spare.pop(0))
        yield from keys

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._width:
            self.call_after_refresh(self.recompose)


def _cells(key: FooterKey) -> int:
    """With the gap behind it."""
    return len(f"{key.key_display} {key.description} ")
