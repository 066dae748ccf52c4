"""The menu of slash commands above the message box: narrower with every letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    """A command as the menu shows it. `needs_more`: it can't run without words after it."""

    name: str
    words: str
    text: str
    needs_more: bool = False


class SlashMenu(OptionList):
    """Shown while a command's name is typed; the message box keeps the focus."""

    can_focus = False

    def __init__(self, commands: Sequence[SlashCommand]) -> None:
        super().__init__(id="slash")
        self._commands = commands
        self._shown: list[SlashCommand] = []
        self.display = False

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def chosen(self) -> SlashCommand | None:
        """The command under the bar."""
        at = self.highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def filter(self, text: str) -> None:
        """Show the commands that begin with what stands in the box."""
        typing = text.startswith("/") and len(text.split()) == 1 and not text[-1:].isspace()
        name = text[1:].casefold()
        self._shown = [c for c in self._commands if typing and c.name.startswith(name)]
        self.clear_options()
        self.add_options(
            Option(Content(f"/{c.name} {c.words}".ljust(20) + c.text)) for c in self._shown
        )
        self.display = bool(self._shown)
        if self._shown:
            self.highlighted = 0
