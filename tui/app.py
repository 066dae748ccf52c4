"""The terminal app: its screens over one bridge. It knows no model; everything slow arrives as a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from memory.paths import LOG
from tui.bridge import Bridge
from tui.harmless import Harmless
from tui.hearing import SCREENS, Hearing
from tui.root import Root
from tui.screens.base import LOAD_AGAIN, SomnusScreen, keep_still
from tui.screens.chat import ChatScreen
from tui.screens.help import HelpScreen, keys_of
from tui.screens.journal import Journal, LogScreen
from tui.screens.keys import bindings, bindings_of, complaint
from tui.screens.sessions import SessionsScreen
from tui.screens.settings import SettingsScreen
from tui.screens.slash import SLASHES, run_slash
from tui.screens.sleep import SleepScreen
from tui.screens.themes import THEMES, theme_name
from tui.vigil import Vigil


class SomnusApp(Hearing):
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
        self.clock: Callable[[], datetime] = lambda: datetime.now().astimezone()
        self.journal = Journal(root.path / LOG, lambda: self.clock())
        self.session = ""
        self.new_session()
        self.vigil = Vigil(self)
        self.tried: datetime | None = None  # the scheduled time that a night was last begun for

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

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), Harmless()]

    def take_settings(self) -> None:
        """Theme, animation and keys as the settings say."""
        config = self.root.config
        self.theme = theme_name(config.theme)
        if not config.animation:
            self.animation_level = "none"
        self.set_keymap(config.keys)
        if problem := complaint(config.keys, bindings(type(self), *SCREENS.values())):
            self.notify(problem, severity="warning", timeout=12, markup=False)

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
        while not isinstance(self.screen, SomnusScreen):
            self.pop_screen()
        self.switch_screen(name)

    def action_stop(self) -> None:
        """Stop what this screen is about; a night only where it is seen."""
        screen = self.screen
        if isinstance(screen, ChatScreen) and screen.leave():
            return
        if isinstance(screen, SleepScreen) and screen.asleep and not self.bridge.busy:
            screen.action_pause()
        elif self.bridge.busy:
            self.bridge.stop()

    def action_load_again(self) -> None:
        """After a load that failed."""
        if self.load_failed:
            self.load_failed = ""
            self.run_bridge("load")

    def action_sleep_now(self) -> None:
        """Show the plan first; the sleep screen's button starts it."""
        self.action_show("sleep")

    def action_command_palette(self) -> None:
        super().action_command_palette()
        self.call_after_refresh(lambda: keep_still(self.screen))

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
        chat, sessions = self.screen_of(ChatScreen), SessionsScreen()

        async def resume(name: str | None) -> None:
            if name is not None and chat.free():
                self.session = name
                self.action_show("chat")
                await chat.show_session()
            elif sessions.deleted_present:
                self.new_session()
                await chat.show_session()

        if isinstance(self.screen, SomnusScreen):
            self.push_screen(sessions, resume)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: Textual's own, every key that works here or in another place, every slash command."""
        yield from super().get_system_commands(screen)
        if self.load_failed:
            yield SystemCommand(LOAD_AGAIN, "the model", self.action_load_again)
        for active in screen.active_bindings.values():
            b = active.binding
            if b.id and b.description and b.action not in ("quit", "send", "newline"):
                text = f"{self.get_key_display(b)} ({b.id})"
                yield SystemCommand(b.description, text, self._doing(b.action, active.node))
        for name, kind in SCREENS.items():
            for there in bindings_of(kind) if not isinstance(screen, kind) else ():
                chosen = replace(there, key=self.root.config.keys.get(there.id or "", there.key))
                text = f"{self.get_key_display(chosen)} in {name} ({there.id})"
                title = f"{name.capitalize()}: {there.description}"
                yield SystemCommand(title, text, self._doing_there(name, there.action))
        chat = self.screen_of(ChatScreen)
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

    def _doing_there(self, name: str, action: str) -> Any:
        def do() -> None:
            self.action_show(name)
            self.call_after_refresh(self.run_action, action, self.get_screen(name))

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

    def on_unmount(self) -> None:
        self.vigil.end()
        self.bridge.stop()
        self.bridge.bed.wake()
