"""What the app does with the bridge's messages: each goes to the screen that it is for, while there are screens.

Worker threads post until the very end of the app; what comes after its screens are gone is let go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from textual import work
from textual.app import App
from textual.message import Message

from memory.errors import Interrupted
from sleep.events import NightEnded
from tui.screens import messages as m
from tui.screens.base import SomnusScreen, not_loaded
from tui.screens.chat import ChatScreen
from tui.screens.dialogue import Dialogue
from tui.screens.memory import MemoryScreen
from tui.screens.morning import mark_seen, verdict
from tui.screens.recall import RecallScreen
from tui.screens.sleep import SleepScreen
from tui.screens.telling import found_text
from tui.widgets.hypnogram import brief

if TYPE_CHECKING:
    from tui.bridge import Bridge
    from tui.root import Root
    from tui.screens.journal import Journal
    from tui.vigil import Vigil

SCREENS: dict[str, type[SomnusScreen]] = {
    s.NAME: s for s in (ChatScreen, MemoryScreen, SleepScreen, RecallScreen)
}
Screen = TypeVar("Screen", bound=SomnusScreen)
Handler = Callable[[Any, Any], Any]


def while_open(handler: Handler) -> Handler:
    """A handler that does nothing once the screens are gone."""

    @wraps(handler)
    def handle(self: Any, message: Any) -> Any:
        return handler(self, message) if self.is_screen_installed(ChatScreen.NAME) else None

    return handle


class Hearing(App[None]):
    """The part of the app that hears."""

    root: Root
    bridge: Bridge
    journal: Journal
    vigil: Vigil
    ready = False
    load_failed = ""  # why the model couldn't be loaded
    news: Message | None = None  # the latest for the status lines
    night_now = ""  # what the night does, in a few words; nothing when nobody sleeps

    def screen_of(self, kind: type[Screen]) -> Screen:
        """The app's one screen of a kind."""
        return self.get_screen(kind.NAME, kind)

    def _hand_on(self, message: Message) -> None:
        """The status line hears it; a screen that is shown later hears the latest."""
        self.news = message
        self.journal.take(message)
        for kind in SCREENS.values():
            self.screen_of(kind).status(message)

    def _tell_night(self, text: str) -> None:
        self.night_now = text
        for kind in SCREENS.values():
            self.screen_of(kind).tell_night(text)

    @work(thread=True, group="bridge")
    def run_bridge(self, what: str, *arguments: Any) -> None:
        """Do something slow in a thread; its messages come back to the screens."""
        getattr(self.bridge, what)(*arguments)

    @while_open
    def on_loading(self, message: m.Loading) -> None:
        self._hand_on(message)

    @while_open
    def on_loaded(self, message: m.Loaded) -> None:
        self.ready, self.load_failed = True, ""
        self.vigil.begin()
        self._hand_on(message)

    @while_open
    def on_at_rest(self, message: m.AtRest) -> None:
        del message
        if self.ready and not isinstance(self.news, m.Failed):  # it stays to be read
            self._hand_on(m.Loaded(self.root.model.name, self.bridge.adapter))
        if self.bridge.owes and not self.bridge.busy:
            self.run_bridge("measure")
        self.vigil.look()

    @while_open
    async def on_failed(self, message: m.Failed) -> None:
        if message.what == m.THINKING:  # a night that fails beside the talk doesn't end a reply
            await self.screen_of(ChatScreen).end_reply()
        text = message.text
        if message.what == m.WAKING and not self.ready:
            self.load_failed = text
            text = not_loaded(self.screen)
        self.notify(text, severity="error", timeout=12, markup=False)
        self._hand_on(message)

    # ------------------------------------------------------------------- talk

    @while_open
    async def on_talked(self, message: m.Talked) -> None:
        await self.screen_of(ChatScreen).talked(message)

    @while_open
    def on_measuring(self, message: m.Measuring) -> None:
        self.screen_of(ChatScreen).measured(message)

    @while_open
    def on_measured(self, message: m.Measured) -> None:
        self.screen_of(ChatScreen).measured(message)

    @while_open
    def on_found(self, message: m.Found) -> None:
        self.screen_of(ChatScreen).note(found_text(message))

    @while_open
    def on_remembered(self, message: m.Remembered) -> None:
        self.screen_of(ChatScreen).note(f"Kept in the buffer: “{message.said}”")

    # ----------------------------------------------------------------- memory

    @while_open
    def on_stopped(self, message: m.Stopped) -> None:
        self.screen_of(RecallScreen).stopped(message)

    @while_open
    async def on_forgot(self, message: m.Forgot) -> None:
        self.journal.forgot()
        self.clear_notifications()
        for screen in {*map(self.screen_of, SCREENS.values()), *self.screen_stack}:
            if isinstance(screen, SomnusScreen | Dialogue):
                await screen.forgot()
        text = f"Forgotten: {message.count}."
        if message.nights:
            text += f" The weights forget it too: what they learnt since night {message.nights[0]} waits in the buffer."
        self.notify(text, timeout=8)

    @while_open
    def on_confirmed(self, message: m.Confirmed) -> None:
        self.screen_of(MemoryScreen).refill()
        self.notify(f"Confirmed: {len(message.said)}; the next night may learn it.")

    @while_open
    def on_answers(self, message: m.Answers) -> None:
        self.screen_of(RecallScreen).answers(message.report)

    # ------------------------------------------------------------------ sleep

    @while_open
    def on_planned(self, message: m.Planned) -> None:
        self.screen_of(SleepScreen).planned(message)

    @while_open
    def on_lay_down(self, message: m.LayDown) -> None:
        del message
        self._tell_night("falling asleep")
        self.screen_of(SleepScreen).lay_down()

    @while_open
    def on_slept(self, message: m.Slept) -> None:
        self.screen_of(SleepScreen).slept(message.event)
        if isinstance(message.event, NightEnded):
            self._tell_verdict(message.event)
        if (text := brief(message.event)) is not None:
            self._tell_night(text)

    def _tell_verdict(self, ended: NightEnded) -> None:
        """How the night went, to somebody who looks elsewhere; nobody sees it twice."""
        chat = self.screen_of(ChatScreen)
        if self.screen_of(SleepScreen).is_current:
            return
        if chat.is_current:
            chat.note(verdict(ended.report, ended.night))
            mark_seen(self.root.home.ledger)
        else:  # the card stands in the chat, when it is looked at
            self.notify(
                verdict(ended.report, ended.night).splitlines()[0], timeout=12, markup=False
            )

    @while_open
    async def on_woke(self, message: m.Woke) -> None:
        self.vigil.woke(message.by_itself, message.error)
        self._tell_night("")
        self.screen_of(SleepScreen).rolled_back()
        if isinstance(message.error, Interrupted):  # as somebody wished
            self.notify(str(message.error))
        elif message.error is not None:
            await self.on_failed(m.Failed(str(message.error)))

    @while_open
    def on_rolled_back(self, message: m.RolledBack) -> None:
        nights = ", ".join(map(str, message.nights))
        self.notify(f"Undone: night {nights}. The buffer holds {message.waiting} episodes again.")
        self.screen_of(SleepScreen).rolled_back()
