"""A question with a yes and a no."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from tui.screens.dialogue import Dialogue


class Confirm(Dialogue[bool]):
    """Answers True for yes; escape is no."""

    HELP = "Escape is no; tab goes from one answer to the other, enter takes it."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "No", id="confirm.no")
    ]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue"):
            yield Static(Content(self._question))
            with Horizontal(classes="buttons"):
                yield Button(self._yes, id="yes", variant="warning")
                yield Button("No", id="no", variant="primary")

    def on_mount(self) -> None:
        self.query_one("#no").focus()  # the harmless answer

    @on(Button.Pressed)
    def answer(self, pressed: Button.Pressed) -> None:
        self.dismiss(pressed.button.id == "yes")
