"""Help for where you are: what the screen is for, its keys, and the slash commands."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.screens.dialogue import Dialogue
from tui.screens.slash import SLASHES


class HelpScreen(Dialogue[None]):
    """Read it and press escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "dismiss", "Close", id="help.close")
    ]

    def __init__(self, about: str, keys: list[tuple[str, str, str]]) -> None:
        """`keys`: (key, what it does, the name that config.toml's [keys] uses)."""
        super().__init__()
        self._about = about
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="dialogue", classes="wide"):
            yield Static(Content(self._text()), id="help-text")

    def on_mount(self) -> None:
        self.query_one("#dialogue").focus()

    def _text(self) -> str:
        lines = [" ".join(self._about.split()), "", 'Keys (in config.toml: [keys] name = "key")']
        lines += [f"  {key:<8} {text:<21} {name}" for key, text, name in self._keys]
        lines += ["", "Commands in the message box"]
        lines += [f"  {f'/{s.name} {s.words}':<16} {s.text}" for s in SLASHES]
        return "\n".join([*lines, "", "esc closes this."])


def keys_of(screen: Any) -> list[tuple[str, str, str]]:
    """The keys that work here now: the focused part's, the screen's, the app's; those with names."""
    out: dict[str, tuple[str, str, str]] = {}
    for active in screen.active_bindings.values():
        b = active.binding
        if b.id and b.id not in out:
            out[b.id] = (screen.app.get_key_display(b), b.description or b.action, b.id)
    return list(out.values())
