"""The talk so far: exchanges with their badges, and between them what is no turn of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from agent.telling import is_question
from memory.blotting import only_marks
from memory.episode import Episode, EpisodeId
from memory.trace import Trace
from tui.widgets.badge import Badge
from tui.widgets.exchange import Exchange


class Transcript(VerticalScroll):
    """Scrolls with what is new."""

    def __init__(self) -> None:
        super().__init__(id="talk")

    async def fill(
        self, episodes: Sequence[Episode], traces: Mapping[EpisodeId, Trace], *beside: Static
    ) -> None:
        """Show these instead of what stands here; of what was forgotten whole, nothing."""
        await self.remove_children()
        await self.mount_all(beside)
        for e in episodes:
            if only_marks(e.said):
                continue
            exchange = Exchange(e.said, e.replied or "", episode=e.id)
            await self.mount(exchange)
            if e.id in traces or (e.replied and is_question(e.said)):
                await exchange.tell_source(Badge(traces.get(e.id)))
        if episodes:
            self.anchor()  # at the end, also when it is shown only later

    async def add(self, exchange: Exchange) -> None:
        """A message that is being answered; what stood here for want of one goes."""
        for old in self.query("#empty, #morning"):
            await old.remove()
        await self.mount(exchange)
        self.anchor()

    def note(self, text: str) -> None:
        """Say something that is no turn of the talk."""
        self.mount(Static(Content(text), classes="note"))
        self.anchor()

    async def drop(self, episode: EpisodeId) -> None:
        """Take an exchange off the screen."""
        for exchange in self.query(Exchange):
            if exchange.episode == episode:
                await exchange.remove()

    @property
    def last(self) -> Exchange | None:
        """The latest exchange."""
        return next(reversed(self.query(Exchange)), None)

    @property
    def last_logged(self) -> EpisodeId | None:
        """The latest exchange here that is in the ledger."""
        return next((e.episode for e in reversed(self.query(Exchange)) if e.logged), None)

    def badge(self, episode: EpisodeId) -> Badge | None:
        """The badge of an exchange that stands here."""
        here = (e.badge for e in reversed(self.query(Exchange)) if e.episode == episode)
        return next(here, None)  # of private ones the latest: each talk counts them anew
