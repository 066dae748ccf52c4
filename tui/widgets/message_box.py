"""Where a message is typed: enter sends, up and down walk through earlier messages, / opens the menu of commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from tui.widgets.slash_menu import SlashMenu

LONG_PASTE = 200  # characters from which what is pasted is somebody else's text


class MessageBox(TextArea):
    """Enter sends; ctrl+j or shift+enter make a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="chat.send"),
        Binding("shift+enter,ctrl+j", "newline", "New line", id="chat.newline", show=False),
        Binding("tab", "complete", "Complete a command", id="chat.complete", show=False),
        Binding("up", "earlier", "Earlier message", id="chat.earlier", show=False),
        Binding("down", "later", "Later message", id="chat.later", show=False),
    ]

    class Sent(Message):
        """The user sent what stands in the box."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, menu: SlashMenu, earlier: Callable[[], list[str]]) -> None:
        super().__init__(
            id="message",
            show_line_numbers=False,
            placeholder="Tell or ask me something; / for commands",
        )
        self._menu = menu
        self._read_earlier = earlier
        self._earlier: list[str] = []  # the oldest first; read when the first key asks for it
        self._back = 0  # how far back we are; 0 is the message being typed
        self._draft = ""

    def on_key(self, event: events.Key) -> None:
        """Send in the order of the keys: a binding with priority would overtake letters typed just before it."""
        bound = self.screen.active_bindings.get(event.key)
        if bound is not None and bound.binding.action == "send":
            event.stop()
            event.prevent_default()
            self.action_send()

    async def _on_paste(self, event: events.Paste) -> None:
        """A passage that is pasted comes as a quotation: data, unless the user takes the marks away."""
        if "\n" in event.text.strip() or len(event.text) > LONG_PASTE:
            quoted = "".join(f"> {line}\n" for line in event.text.strip().splitlines())
            begin = "\n" if self.cursor_location[1] else ""
            event.prevent_default()
            event.stop()
            self.insert(begin + quoted)

    def on_text_area_changed(self) -> None:
        self._menu.filter(self.text)

    def action_send(self) -> None:
        if self._menu.is_open and (chosen := self._menu.chosen):
            if chosen.needs_more and self.text.strip() != f"/{chosen.name}":
                self.write(f"/{chosen.name} ")
                return
            if not self.text.strip().startswith(f"/{chosen.name} "):
                self.text = f"/{chosen.name}"
        if text := self.text.strip():
            self._back, self._earlier = 0, []
            self.clear()
            self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        self.insert("\n")

    def action_complete(self) -> None:
        if self._menu.is_open and (chosen := self._menu.chosen):
            self.write(f"/{chosen.name} ")
        else:
            self.screen.focus_next()

    def action_earlier(self) -> None:
        if self._menu.is_open:
            self._menu.action_cursor_up()
        elif self.cursor_location[0] > 0:
            self.action_cursor_up()
        else:
            self._walk(self._back + 1)

    def action_later(self) -> None:
        if self._menu.is_open:
            self._menu.action_cursor_down()
        elif self.cursor_location[0] < self.document.line_count - 1:
            self.action_cursor_down()
        else:
            self._walk(self._back - 1)

    def _walk(self, back: int) -> None:
        if self._back == 0:
            self._earlier, self._draft = self._read_earlier(), self.text
        if 0 <= back <= len(self._earlier):
            self._back = back
            self.write(self._earlier[-back] if back else self._draft)

    def forgot(self) -> None:
        """Earlier messages are read anew; undoing brings no letter of them back."""
        if self._back:
            self.write(self._draft)
        self._back, self._earlier = 0, []
        self.history.clear()

    def close_menu(self) -> bool:
        """Close the menu of commands until the next letter; False when it isn't open."""
        was, self._menu.display = self._menu.is_open, False
        return was

    def put_back(self, text: str) -> None:
        """What was sent and can't be taken yet; what was typed since stays behind it."""
        self.write(f"{text}{self.text}")

    def write(self, text: str) -> None:
        """Replace the text; the cursor stands at its end."""
        self.text = text
        self.move_cursor(self.document.end)
