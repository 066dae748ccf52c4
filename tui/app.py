"""The terminal app: four screens over one bridge. It knows no model; everything slow arrives as a message."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.bridge import Answers, Bridge, Failed, Forgot, Idle, Loaded, Loading, Slept, Talked
from tui.root import Root
from tui.screens.base import SomnusScreen
from tui.screens.chat import ChatScreen
from tui.screens.memory import MemoryScreen
from tui.screens.recall import RecallScreen
from tui.screens.sleep import SleepScreen

SCREENS: dict[str, type[SomnusScreen]] = {
    s.NAME: s for s in (ChatScreen, MemoryScreen, SleepScreen, RecallScreen)
}


class SomnusApp(App[None]):
    """Chat, memory, sleep, recall."""

    CSS_PATH = "app.tcss"
    TITLE = "somnus"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "show('chat')", "Chat", id="screen.chat"),
        Binding("f3", "show('memory')", "Memory", id="screen.memory"),
        Binding("f4", "show('sleep')", "Sleep", id="screen.sleep"),
        Binding("f5", "show('recall')", "Recall", id="screen.recall"),
        Binding("ctrl+s", "sleep_now", "Sleep now", id="sleep.now"),
        Binding("escape", "stop", "Stop", id="chat.stop"),
        Binding("f1", "show_help_panel", "Help", id="help"),
        Binding("ctrl+q", "quit", "Quit", id="quit", priority=True),
    ]

    def __init__(self, root: Root) -> None:
        super().__init__()
        self.root = root
        self.bridge = Bridge(root, self)
        self.session = f"app-{datetime.now():%Y%m%d-%H%M%S}"
        self.ready = False
        self.scheduler: Any = None
        self.tried: datetime | None = None  # the scheduled time that a night was last begun for
        self.news: Message | None = None  # the latest for the status lines

    def on_mount(self) -> None:
        for name, screen in SCREENS.items():
            self.install_screen(screen(), name)
        self.push_screen("chat")
        self.run_bridge("load")

    @work(thread=True, group="bridge")
    def run_bridge(self, what: str, *arguments: Any) -> None:
        """Do something slow in a thread; its messages come back to the screens."""
        getattr(self.bridge, what)(*arguments)

    def action_show(self, name: str) -> None:
        self.switch_screen(name)

    def action_stop(self) -> None:
        self.bridge.stop()

    def action_sleep_now(self) -> None:
        """Show the plan first; the sleep screen's button starts it."""
        self.switch_screen("sleep")
        self.call_after_refresh(lambda: self.get_screen("sleep", SleepScreen).plan())

    def ask_for_a_night(self) -> None:
        """The schedule's wish; it comes from the scheduler's thread."""
        self.call_from_thread(self.catch_up)

    def catch_up(self) -> None:
        """Sleep if a scheduled time has passed without a night: once for each such time, so that esc can put it off.

        Asked every minute by the wall clock too: a timer that slept through the laptop's own sleep comes late.
        """
        from sleep.schedule import is_due, last_scheduled

        now, sleep_at = datetime.now().astimezone(), self.root.config.sleep_at
        scheduled = last_scheduled(sleep_at, now)
        if self.tried == scheduled or not self.ready or self.bridge.busy:
            return
        if is_due(self.root.home.ledger, sleep_at, now):
            self.tried = scheduled
            self.notify("A night is due: I'm going to sleep. Press esc to put it off.")
            self.run_bridge("sleep")

    def on_loaded(self, message: Loaded) -> None:
        from sleep.schedule import make_scheduler

        self.ready = True
        self.scheduler = make_scheduler(self.root.config.sleep_at, self.ask_for_a_night)
        self.set_interval(60, self.catch_up)
        self._hand_on(message)

    def on_unmount(self) -> None:
        self.bridge.stop()
        if self.scheduler is not None:
            self.scheduler.shutdown(wait=False)

    def on_loading(self, message: Loading) -> None:
        self._hand_on(message)

    def on_idle(self, message: Idle) -> None:
        del message
        if self.ready and not isinstance(
            self.news, Failed
        ):  # a failure stays to be read until the next work
            self._hand_on(Loaded(self.root.model.name, self.bridge.adapter))
        self.catch_up()

    async def on_failed(self, message: Failed) -> None:
        await self.get_screen("chat", ChatScreen).end_reply()
        self.notify(message.text, severity="error", timeout=12, markup=False)
        self._hand_on(message)

    async def on_talked(self, message: Talked) -> None:
        await self.get_screen("chat", ChatScreen).talked(message.event)

    def on_slept(self, message: Slept) -> None:
        self.get_screen("sleep", SleepScreen).slept(message.event)

    def on_answers(self, message: Answers) -> None:
        self.get_screen("recall", RecallScreen).answers(message.report)

    def on_forgot(self, message: Forgot) -> None:
        self.get_screen("memory", MemoryScreen).refill()
        if message.nights:
            first = message.nights[0]
            self.notify(
                f"The weights still know it from night {first}: `somnus nights rollback {first}` undoes that."
            )

    def _hand_on(self, message: Message) -> None:
        """The status line hears it; a screen that is shown later hears the latest."""
        self.news = message
        for name in SCREENS:
            self.get_screen(name, SomnusScreen).status(message)
