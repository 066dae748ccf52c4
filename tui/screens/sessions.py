"""The list of chat sessions: find one, resume it, name it, let it go."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from memory.errors import InputError
from memory.ledger_sessions import Session, let_go, list_sessions, rename_session
from tui.screens.chat import ChatScreen
from tui.screens.confirm import Confirm
from tui.screens.dialogue import Dialogue
from tui.widgets.badge import short
from tui.widgets.keys import Keys


class SessionsScreen(Dialogue[str]):
    """Gives the name of the session to resume, or nothing."""

    HELP = "Type to search in titles and in what was said; enter resumes the session under the bar."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="sessions.close"),
        Binding("down", "bar(1)", "Next", id="sessions.next", show=False, priority=True),
        Binding("up", "bar(-1)", "Previous", id="sessions.previous", show=False, priority=True),
        Binding("f2", "rename", "Rename", id="sessions.rename"),
        Binding("f8", "let_go", "Delete", id="sessions.delete"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[Session] = []
        self._naming: Session | None = None
        self.deleted_present = False  # the session that the chat shows

    def compose(self) -> ComposeResult:
        with Vertical(id="dialogue", classes="wide"):
            yield Input(placeholder="search in all talk", id="search")
            yield OptionList(id="sessions")
            yield Static(id="said")
            yield Keys()

    def on_mount(self) -> None:
        self.query_one("#sessions").can_focus = False
        self._fill()

    @on(Input.Changed, "#search")
    def changed(self) -> None:
        if self._naming is None:
            self._fill()

    async def forgot(self) -> None:
        self._fill()

    def _fill(self) -> None:
        app = self.somnus
        options = self.query_one("#sessions", OptionList)
        self._shown = list_sessions(app.root.home.ledger, self.query_one("#search", Input).value)
        options.clear_options()
        options.add_options(
            Option(
                Content(
                    f"{'›' if s.name == app.session else ' '} {s.last.astimezone():%Y-%m-%d %H:%M}  "
                    f"{s.episodes:>3}  {short(s.title)}"
                )
            )
            for s in self._shown
        )
        if self._shown:
            options.highlighted = 0
        self.query_one("#said", Static).update(Content("" if self._shown else "No talk is found."))

    def _chosen(self) -> Session | None:
        at = self.query_one("#sessions", OptionList).highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def action_bar(self, step: int) -> None:
        options = self.query_one("#sessions", OptionList)
        (options.action_cursor_down if step > 0 else options.action_cursor_up)()

    @on(Input.Submitted, "#search")
    def submitted(self) -> None:
        box = self.query_one("#search", Input)
        if self._naming is not None:
            named, self._naming = self._naming, None
            try:
                rename_session(self.somnus.root.home.ledger, named.name, box.value)
            except InputError as error:
                self.query_one("#said", Static).update(Content(str(error)))
            box.placeholder, box.value = "search in all talk", ""
            self._fill()
        elif chosen := self._chosen():
            self.dismiss(chosen.name)

    @on(OptionList.OptionSelected, "#sessions")
    def clicked(self) -> None:
        if chosen := self._chosen():
            self.dismiss(chosen.name)

    def action_close(self) -> None:
        if self._naming is None:
            self.dismiss(None)
        else:
            self._naming = None
            self.query_one("#search", Input).value = ""
            self._fill()

    def action_rename(self) -> None:
        if chosen := self._chosen():
            self._naming = chosen
            box = self.query_one("#search", Input)
            box.placeholder, box.value = "its new title", chosen.title
            box.cursor_position = len(chosen.title)
            self.query_one("#said", Static).update(Content("Type its new title and press enter."))

    def action_let_go(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        present = chosen.name == self.somnus.session
        if present and self.somnus.screen_of(ChatScreen).answering:
            self.notify("One moment: I'm still answering in that session.")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                let_go(self.somnus.root.home.ledger, chosen.name)
                self.deleted_present = self.deleted_present or present
                self._fill()

        question = (
            f"Delete the session “{short(chosen.title)}” with its replies?\nWhat you told me in it stays remembered; "
            "to forget that, use the memory screen or /forget."
        )
        self.app.push_screen(Confirm(question, "Delete"), answered)
