"""The chat: a message box, replies that stream, and under each where it came from."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Footer, Header, Markdown, Static, TextArea

from agent.events import ConversationEvent, Recollected, Replied, TextStreamed
from tui.screens.base import SomnusScreen
from tui.widgets.status_line import StatusLine

EMPTY = """Three things to try:

  · Tell me something:       My cat is called Biscuit.
  · Ask about it:            What's my cat's name?
  · Press ctrl+s, let me sleep, and ask again: by then I know it by heart."""


class MessageBox(TextArea):
    """Enter sends; ctrl+j or shift+enter make a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="chat.send", priority=True),
        Binding("shift+enter,ctrl+j", "newline", "New line", id="chat.newline", show=False),
    ]

    class Sent(Message):
        """The user sent what stands in the box."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def action_send(self) -> None:
        if text := self.text.strip():
            self.post_message(self.Sent(text))
            self.clear()

    def action_newline(self) -> None:
        self.insert("\n")


class ChatScreen(SomnusScreen):
    """Talk."""

    NAME = "chat"
    AUTO_FOCUS = "#message"

    def __init__(self) -> None:
        super().__init__()
        self._stream: Any = None
        self._found = 0

    def compose(self) -> ComposeResult:
        yield Header()
        with VerticalScroll(id="talk"):
            yield Static(Content(EMPTY), id="empty")
        yield StatusLine(Content("starting …"))
        yield MessageBox(id="message", show_line_numbers=False)
        yield Footer()

    @on(MessageBox.Sent)
    async def send(self, sent: MessageBox.Sent) -> None:
        if not self.free():
            self.query_one(MessageBox).text = sent.text
            return
        for empty in self.query("#empty"):
            await empty.remove()
        talk = self.query_one("#talk", VerticalScroll)
        reply = Markdown(classes="reply")
        await talk.mount(Static(Content(sent.text), classes="user"), reply)
        self._stream = Markdown.get_stream(reply)
        talk.anchor()
        self.somnus.run_bridge("say", sent.text, "auto", self.somnus.session)

    async def talked(self, event: ConversationEvent) -> None:
        """An event of the reply."""
        if isinstance(event, Recollected):
            self._found = len(event.recollections)
        elif isinstance(event, TextStreamed):
            if self._stream is not None:
                await self._stream.write(event.text)
        elif isinstance(event, Replied):
            await self.end_reply()
            await self._tell_source(event)

    async def end_reply(self) -> None:
        """The stream is over, whether the reply came to its end or not."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()

    async def _tell_source(self, event: Replied) -> None:
        looked_up = (
            f"{self._found} recollected from the buffer" if self._found else "nothing looked up"
        )
        weights = (
            f"weights of {self.somnus.bridge.adapter}"
            if self.somnus.bridge.adapter
            else "no night's weights yet"
        )
        speed = event.reply_tokens / max(event.seconds, 1e-6)
        line = (
            f"{looked_up} · {weights} · {event.prompt_tokens} prompt tokens · {speed:.0f} tokens/s"
        )
        line += " · stopped" * event.stopped
        await self.query_one("#talk", VerticalScroll).mount(Static(Content(line), classes="source"))
