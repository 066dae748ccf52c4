"""The keys that there are, by the names that config.toml's [keys] uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.binding import Binding

from tui.screens.confirm import Confirm
from tui.screens.help import HelpScreen
from tui.screens.journal import LogScreen
from tui.screens.sessions import SessionsScreen
from tui.screens.settings import SettingsScreen
from tui.widgets.grid import Grid
from tui.widgets.message_box import MessageBox

KEYED = (MessageBox, Grid, Confirm, HelpScreen, LogScreen, SessionsScreen, SettingsScreen)


def bindings(*others: type[Any]) -> list[list[Binding]]:
    """The keys of what has keys everywhere, and of these others: a list for each."""
    every: tuple[type[Any], ...] = (*KEYED, *others)
    return [bindings_of(c) for c in every]


def bindings_of(owner: type[Any]) -> list[Binding]:
    """The keys of one part of the app."""
    return [b for b in owner.__dict__.get("BINDINGS", []) if isinstance(b, Binding)]


def complaint(chosen: Mapping[str, str], every: Sequence[Sequence[Binding]]) -> str:
    """One sentence about a name in [keys] that no key has, or a key that it takes from another; else nothing."""
    known = {b.id for some in every for b in some}
    if unknown := sorted(chosen.keys() - known):
        return f"config.toml's [keys] names {unknown[0]!r}, which is no key's name; f1 lists those there are."
    for some in every:
        taken = {key: b.id for b in some for key in _keys(chosen.get(b.id or "", ""))}
        for b in some:
            if b.id not in chosen and (stolen := taken.keys() & _keys(b.key)):
                key = min(stolen)
                return (
                    f"config.toml's [keys] gives {key} to {taken[key]}: {b.id} needs another key."
                )
    return ""


def _keys(text: str) -> set[str]:
    return {key.strip() for key in text.split(",") if key.strip()}
