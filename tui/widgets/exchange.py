"""One exchange of the talk: what the user said, the reply as it streams, and its badge."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Markdown, Static

from memory.episode import EpisodeId
from tui.widgets.badge import Badge

LONGEST = 4000  # characters of a message on the screen: to wrap a million takes minutes


def beginning(said: str) -> str:
    """A message as it is shown: of an endless one the beginning, and how much more there is."""
    more = len(said) - LONGEST
    return f"{said[:LONGEST]} … ({more} more characters)" if more > 0 else said


class Exchange(Vertical):
    """A message and its reply."""

    def __init__(self, said: str, replied: str = "", *, episode: EpisodeId | None = None) -> None:
        super().__init__()
        self.said = said
        self.replied = replied
        self.episode = episode  # None until the reply is complete
        self.badge: Badge | None = None
        self._stream: Any = None

    def compose(self) -> ComposeResult:
        yield Static(Content(beginning(self.said)), classes="user")
        yield Markdown(self.replied, classes="reply", open_links=False)

    @property
    def logged(self) -> bool:
        """Whether it is in the ledger: not before the reply is complete, and never in private."""
        return self.episode is not None and self.episode > 0

    async def write(self, text: str) -> None:
        """A piece of the reply."""
        if self._stream is None:
            self._stream = Markdown.get_stream(self.query_one(Markdown))
        self.replied += text
        await self._stream.write(text)

    async def end(self) -> None:
        """The reply is over, whether it came to its end or not."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()

    async def tell_source(self, badge: Badge) -> None:
        """Put the badge under the reply."""
        self.badge = badge
        await self.mount(badge)
