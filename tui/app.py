"""The terminal app: its screens over one bridge. It knows no model; everything slow arrives as a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, ClassVar

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from tui.bridge import Bridge
from tui.root import Root
from tui.screens import messages as m
from tui.screens.base import SomnusScreen
from tui.screens.chat import ChatScreen
from tui.screens.help import HelpScreen, keys_of
from tui.screens.journal import Journal, LogScreen
from tui.screens.keys import bindings, complaint
from tui.screens.memory import MemoryScreen
from tui.screens.recall import RecallScreen
from tui.screens.sessions import SessionsScreen
from tui.screens.settings import SettingsScreen
from tui.screens.slash import SLASHES, run_slash
from tui.screens.sleep import SleepScreen
from tui.screens.themes import THEMES, theme_name
from tui.vigil import Vigil
from tui.widgets.hypnogram import brief

SCREENS: dict[str, type[SomnusScreen]] = {
    s.NAME: s for s in (ChatScreen, MemoryScreen, SleepScreen, RecallScreen)
}


class SomnusApp(App[None]):
    """Chat, memory, sleep, recall."""

    CSS_PATH = "app.tcss"
    TITLE = "somnus"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  # as Textual has it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-high")]  # noqa: RUF012  # as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "show('chat')", "Chat", id="screen.chat", show=False),
        Binding("f3", "show('memory')", "Memory", id="screen.memory", show=False),
        Binding("f4", "show('sleep')", "Sleep", id="screen.sleep", show=False),
        Binding("f5", "show('recall')", "Recall", id="screen.recall", show=False),
        Binding("ctrl+s", "sleep_now", "Sleep now", id="sleep.now"),
        Binding("escape", "stop", "Stop", id="chat.stop", show=False),
        Binding("ctrl+o", "sessions", "Sessions", id="sessions", show=False),
        Binding("f1", "help", "Help", id="help"),
        Binding("f9", "log", "Log", id="log", show=False),
        Binding("f10", "settings", "Settings", id="settings", show=False),
        Binding("ctrl+p", "command_palette", "Menu", id="palette", priority=True),
        Binding("ctrl+q", "quit", "Quit", id="quit", priority=True, show=False),
    ]

    def __init__(self, root: Root) -> None:
        super().__init__()
        self.root = root
        root.home  # noqa: B018  # opened here: two threads that find it closed would both open it
        self.bridge = Bridge(root, self)
        self.journal = Journal(root.path / "somnus.log")
        self.session = ""
        self.new_session()
        self.ready = False
        self.clock: Callable[[], datetime] = lambda: datetime.now().astimezone()
        self.vigil = Vigil(self)
        self.tried: datetime | None = None  # the scheduled time that a night was last begun for
        self.news: Message | None = None  # the latest for the status lines
        self.night_now = ""  # what the night does, in a few words; nothing when nobody sleeps

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.take_settings()
        for name, screen in SCREENS.items():
            self.install_screen(screen(), name)
        self.push_screen("chat")
        self.run_bridge("load")

    def new_session(self) -> None:
        """What is said from now on belongs to a session of its own."""
        self.session = f"app-{datetime.now():%Y%m%d-%H%M%S-%f}"

    def take_settings(self) -> None:
        """Theme, animation and keys as the settings say."""
        config = self.root.config
        self.theme = theme_name(config.theme)
        if not config.animation:
            self.animation_level = "none"
        self.set_keymap(config.keys)
        if problem := complaint(config.keys, bindings(type(self), *SCREENS.values())):
            self.notify(problem, severity="warning", timeout=12, markup=False)

    @work(thread=True, group="bridge")
    def run_bridge(self, what: str, *arguments: Any) -> None:
        """Do something slow in a thread; its messages come back to the screens."""
        getattr(self.bridge, what)(*arguments)

    def note_error(self, error: BaseException) -> None:
        """Keep an error for the log screen; called from any thread."""
        self.journal.error(error)

    def _fatal_error(self) -> None:
        """Textual's last resort would print a traceback; the log gets it, and the user a sentence."""
        if self._exception is not None:
            self.journal.error(self._exception)
        self._close_messages_no_wait()

    # ---------------------------------------------------------------- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The way to the sleep screen isn't shown on it."""
        return action != "sleep_now" or not isinstance(self.screen, SleepScreen)

    def action_show(self, name: str) -> None:
        if not isinstance(self.screen, SomnusScreen):
            self.pop_screen()
        self.switch_screen(name)

    def action_stop(self) -> None:
        if not self.get_screen("chat", ChatScreen).leave_editing():
            self.bridge.stop()

    def action_sleep_now(self) -> None:
        """Show the plan first; the sleep screen's button starts it."""
        self.action_show("sleep")

    def action_help(self) -> None:
        if isinstance(self.screen, HelpScreen):
            return
        about = self.screen.HELP or "esc closes this."
        self.push_screen(HelpScreen(about, keys_of(self.screen)))

    def action_log(self) -> None:
        if not isinstance(self.screen, LogScreen):
            self.push_screen(LogScreen(self.journal))

    def action_settings(self) -> None:
        if not isinstance(self.screen, SettingsScreen):
            self.push_screen(SettingsScreen())

    def action_sessions(self) -> None:
        async def resume(name: str | None) -> None:
            if name is not None and self.get_screen("chat", ChatScreen).free():
                self.session = name
            self.action_show("chat")
            await self.get_screen("chat", ChatScreen).show_session()

        if isinstance(self.screen, SomnusScreen):
            self.push_screen(SessionsScreen(), resume)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: Textual's own, every key that works here, every slash command."""
        yield from super().get_system_commands(screen)
        for active in screen.active_bindings.values():
            b = active.binding
            if b.id and b.description and b.action not in ("quit", "send", "newline"):
                text = f"{self.get_key_display(b)} ({b.id})"
                yield SystemCommand(b.description, text, self._doing(b.action, active.node))
        chat = self.get_screen("chat", ChatScreen)
        for s in SLASHES:
            if not s.needs_more:
                yield SystemCommand(
                    f"/{s.name}", s.text, lambda line=f"/{s.name}": self._slash(chat, line)
                )
            else:
                yield SystemCommand(
                    f"/{s.name} …", s.text, lambda line=f"/{s.name} ": self._begin(chat, line)
                )

    def _doing(self, action: str, node: Any) -> Any:
        async def do() -> None:
            await self.run_action(action, node)

        return do

    def _slash(self, chat: ChatScreen, line: str) -> None:
        self.action_show("chat")
        self.call_after_refresh(run_slash, chat, line)

    def _begin(self, chat: ChatScreen, line: str) -> None:
        """A command that needs words: they are typed in the message box."""
        self.action_show("chat")
        self.call_after_refresh(chat.write, line)

    # --------------------------------------------------------------- the night

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste | events.MouseDown):
            self.vigil.touched()
        await super().on_event(event)

    def on_loaded(self, message: m.Loaded) -> None:
        self.ready = True
        self.vigil.begin()
        self._hand_on(message)

    async def on_woke(self, message: m.Woke) -> None:
        self.vigil.woke(message.by_itself, message.error)
        self._show_night("")
        self.get_screen("sleep", SleepScreen).rolled_back()
        if message.error is not None:
            await self.on_failed(m.Failed(str(message.error)))

    def on_unmount(self) -> None:
        self.vigil.end()
        self.bridge.stop()
        self.bridge.bed.wake()

    # --------------------------------------------------- messages of the bridge

    def on_loading(self, message: m.Loading) -> None:
        self._hand_on(message)

    def on_idle(self, message: m.Idle) -> None:
        del message
        if self.ready and not isinstance(
            self.news, m.Failed
        ):  # a failure stays to be read until the next work
            self._hand_on(m.Loaded(self.root.model.name, self.bridge.adapter))
        self.vigil.look()

    async def on_failed(self, message: m.Failed) -> None:
        await self.get_screen("chat", ChatScreen).end_reply()
        self.notify(message.text, severity="error", timeout=12, markup=False)
        self._hand_on(message)

    async def on_talked(self, message: m.Talked) -> None:
        await self.get_screen("chat", ChatScreen).talked(message.event)

    def on_measuring(self) -> None:
        self.get_screen("chat", ChatScreen).measuring()

    def on_measured(self, message: m.Measured) -> None:
        self.get_screen("chat", ChatScreen).measured(message)

    def on_found(self, message: m.Found) -> None:
        self.get_screen("chat", ChatScreen).show_found(message)

    def on_remembered(self, message: m.Remembered) -> None:
        self.get_screen("chat", ChatScreen).note(f"Kept in the buffer: “{message.said}”")

    def on_planned(self, message: m.Planned) -> None:
        self.get_screen("sleep", SleepScreen).planned(message)

    def on_slept(self, message: m.Slept) -> None:
        self.get_screen("sleep", SleepScreen).slept(message.event)
        if (text := brief(message.event)) is not None:
            self._show_night(text)

    def _show_night(self, text: str) -> None:
        self.night_now = text
        for name in SCREENS:
            self.get_screen(name, SomnusScreen).tell_night(text)

    def on_rolled_back(self, message: m.RolledBack) -> None:
        nights = ", ".join(map(str, message.nights))
        self.notify(f"Undone: night {nights}. The buffer holds {message.waiting} episodes again.")
        self.get_screen("sleep", SleepScreen).rolled_back()

    def on_answers(self, message: m.Answers) -> None:
        self.get_screen("recall", RecallScreen).answers(message.report)

    def on_forgot(self, message: m.Forgot) -> None:
        self.get_screen("memory", MemoryScreen).refill()
        text = f"Forgotten: {message.count}."
        if message.nights:
            text += (
                f" The weights still know it from night {message.nights[0]}: "
                f"`somnus nights rollback {message.nights[0]}` undoes that."
            )
        self.notify(text, timeout=8)

    def _hand_on(self, message: Message) -> None:
        """The status line hears it; a screen that is shown later hears the latest."""
        self.news = message
        self.journal.take(message)
        for name in SCREENS:
            if self.is_screen_installed(name):  # not any more when the app ends
                self.get_screen(name, SomnusScreen).status(message)
