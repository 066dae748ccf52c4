"""The terminal app: three screens over one bridge. It knows no model; everything slow arrives as a message."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType

from tui.bridge import Bridge, Failed, Idle, Loaded, Loading
from tui.root import Root
from tui.screens.chat import ChatScreen
from tui.screens.recall import RecallScreen
from tui.screens.sleep import SleepScreen


class SomnusApp(App[None]):
    """Chat, sleep, recall."""

    CSS_PATH = "app.tcss"
    TITLE = "somnus"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "show('chat')", "Chat", id="screen.chat"),
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

    def on_mount(self) -> None:
        for screen in (ChatScreen(), SleepScreen(), RecallScreen()):
            self.install_screen(screen, screen.NAME)
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
        """The schedule's or the catch-up's wish; called from any thread."""
        self.call_from_thread(self.run_bridge, "sleep")

    def on_loaded(self, message: Loaded) -> None:
        from sleep.schedule import is_due, make_scheduler

        self.ready = True
        config = self.root.config
        self.scheduler = make_scheduler(config.sleep_at, self.ask_for_a_night)
        if is_due(self.root.home.ledger, config.sleep_at, datetime.now().astimezone()):
            self.notify("A night was missed; it is caught up now. Press esc to put it off.")
            self.run_bridge("sleep")
        self._hand_on(message)

    def on_unmount(self) -> None:
        self.bridge.stop()
        if self.scheduler is not None:
            self.scheduler.shutdown(wait=False)

    def on_loading(self, message: Loading) -> None:
        self._hand_on(message)

    def on_idle(self, message: Idle) -> None:
        self._hand_on(message)

    def on_failed(self, message: Failed) -> None:
        self.notify(message.text, severity="error", timeout=12, markup=False)
        self._hand_on(message)

    def on_talked(self, message: Any) -> None:
        self.get_screen("chat", ChatScreen).talked(message.event)

    def on_slept(self, message: Any) -> None:
        self.get_screen("sleep", SleepScreen).slept(message.event)

    def on_answers(self, message: Any) -> None:
        self.get_screen("recall", RecallScreen).answers(message.report)

    def _hand_on(self, message: Any) -> None:
        """Every screen's status line hears it."""
        for screen in (ChatScreen, SleepScreen, RecallScreen):
            self.get_screen(screen.NAME, screen).status(message)
