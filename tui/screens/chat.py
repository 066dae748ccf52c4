"""The chat: a message box, replies that stream, and under each where it came from."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static

from agent.events import Recollected, Replied, TextStreamed
from agent.recalling import Arm
from memory.episode import EpisodeId
from memory.ledger_sessions import session_episodes
from memory.trace import Trace
from tui.screens.base import SomnusScreen
from tui.screens.editor import NoEditor, in_editor
from tui.screens.messages import Measured, Measuring, Talked
from tui.screens.morning import mark_seen, morning_card
from tui.screens.slash import SLASHES, run_slash
from tui.screens.telling import EMPTY, recalled_text
from tui.widgets.badge import Badge
from tui.widgets.exchange import Exchange
from tui.widgets.gauge import Gauge
from tui.widgets.keys import Keys
from tui.widgets.message_box import MessageBox
from tui.widgets.places import Places
from tui.widgets.slash_menu import SlashMenu
from tui.widgets.status_line import StatusLine
from tui.widgets.transcript import Transcript

TAKEN_AWAY: dict[Arm, Arm] = {"auto": "weights", "weights": "buffer", "buffer": "auto"}
MOST_EARLIER = 200  # messages that the up key walks through


class ChatScreen(SomnusScreen):
    """Talk."""

    NAME = "chat"
    AUTO_FOCUS = "#message"
    HELP = """Type and press enter. What you tell me is kept until a night has learnt it by heart; under every answer
stands where it came from: ▤ the buffer, ◆ the weights, ◈ both, ≡ this talk, ? a guess."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "new_session", "New session", id="chat.new", show=False),
        Binding("ctrl+t", "take_away", "Without", id="chat.without"),
        Binding("ctrl+r", "again", "Answer again", id="chat.again", show=False),
        Binding("f7", "edit", "Edit the last message", id="chat.edit", show=False, priority=True),
        Binding("f8", "copy_answer", "Copy the answer", id="chat.copy", show=False),
        Binding("f6", "side", "What was recalled", id="chat.recalled", show=False, priority=True),
        Binding("ctrl+g", "editor", "Write in $EDITOR", id="chat.editor", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._open: Exchange | None = None  # the one that is being answered
        self._stale = False  # something that stands here was forgotten
        self._arm: Arm = "auto"
        self._private = False
        self._editing: EpisodeId | None = None
        self._used = 0  # tokens of the last prompt and reply
        self._speed: float | None = None

    def compose(self) -> ComposeResult:
        yield Places(self.NAME)
        with Horizontal(id="room"):
            yield Transcript()
            with VerticalScroll(id="recalled"):
                yield Static(Content(recalled_text(())), id="recalled-text")
        menu = SlashMenu(SLASHES)
        yield menu
        with Vertical(id="lines"):
            yield StatusLine(Content("starting …"))
            yield Gauge()
        yield MessageBox(menu, self._earlier)
        yield Keys(self.SPARE)

    async def on_mount(self) -> None:
        await self.show_session()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        ledger = self.somnus.root.home.ledger
        if card := morning_card(ledger):  # of a night that ended behind another screen
            self.note(card)
            mark_seen(ledger)

    @property
    def talk(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def answering(self) -> bool:
        """Whether a reply is on its way."""
        return self._open is not None

    def free(self) -> bool:
        """A message that waits for its reply is work too, from the moment it is sent."""
        if self.answering:
            self.notify("One moment: I'm still answering.")
            return False
        return super().free()

    # ---------------------------------------------------------------- session

    async def show_session(self) -> None:
        """Show the present session's talk, or what to try when there is none yet."""
        ledger, beside = self.somnus.root.home.ledger, []
        episodes = session_episodes(ledger, self.somnus.session)[-MOST_EARLIER:]
        if not episodes:
            if card := morning_card(ledger):
                beside.append(Static(Content(card), id="morning"))
                mark_seen(ledger)
            beside.append(Static(Content(EMPTY), id="empty"))
        traces = ledger.traces(e.id for e in episodes)
        await self.talk.fill(episodes, traces, *beside)
        self._show_recalled(traces.get(episodes[-1].id) if episodes else None)
        self._editing, self._stale, self._used = None, False, 0
        self._show_gauge()

    async def forgot(self) -> None:
        """Nothing that was forgotten stays on the screen."""
        while self.leave():  # an open menu, then the message that is edited
            continue
        self.query_one(MessageBox).forgot()
        self._stale = True
        await self._renew()

    async def _renew(self) -> None:
        if self._stale and not self.answering:
            await self.show_session()

    def _show_recalled(self, trace: Trace | None) -> None:
        """The side pane: what was looked up for the last reply."""
        text = recalled_text(trace.found if trace else ())
        self.query_one("#recalled-text", Static).update(Content(text))

    async def action_new_session(self) -> None:
        if self.free():
            self.somnus.new_session()
            await self.show_session()

    def _earlier(self) -> list[str]:
        said = [e.said for e in self.somnus.root.home.ledger.episodes() if e.session]
        return said[-MOST_EARLIER:]

    # ------------------------------------------------------------------- send

    @on(MessageBox.Sent)
    async def send(self, sent: MessageBox.Sent) -> None:
        if sent.text.startswith("/"):
            if not run_slash(self, sent.text):
                self.query_one(MessageBox).put_back(sent.text)
        elif not self.free():
            self.query_one(MessageBox).put_back(sent.text)
        else:
            again, self._editing = self._editing, None
            await self._ask(sent.text, again)

    async def _ask(self, text: str, again: EpisodeId | None) -> None:
        if again is not None:
            await self.talk.drop(again)
        self._open = Exchange(text)
        await self.talk.add(self._open)
        self.query_one(MessageBox).border_title = None
        if self._private:
            self.somnus.run_bridge("whisper", text, self._arm)
        else:
            self.somnus.run_bridge("say", text, self._arm, self.somnus.session, again)
        self._arm = "auto"
        self._show_gauge()

    async def talked(self, message: Talked) -> None:
        """An event of the reply."""
        event = message.event
        if isinstance(event, Recollected):
            text = recalled_text(event.recollections)
            self.query_one("#recalled-text", Static).update(Content(text))
        elif isinstance(event, TextStreamed):
            if self._open is not None:
                await self._open.write(event.text)
        elif isinstance(event, Replied):
            exchange, self._open = self._open, None
            if exchange is not None:
                await exchange.end()
                exchange.episode = event.episode.id
                await exchange.tell_source(Badge(message.trace))
            self._used = event.prompt_tokens + event.reply_tokens
            self._speed = event.reply_tokens / max(event.seconds, 1e-6)
            self._show_gauge()
            await self._renew()

    async def end_reply(self) -> None:
        """The stream is over, whether the reply came to its end or not."""
        exchange, self._open = self._open, None
        if exchange is not None:
            await exchange.end()
        await self._renew()

    def measured(self, message: Measuring | Measured) -> None:
        """Where an answer came from is being found out, or is found out."""
        badge = self.talk.badge(message.episode)
        if badge is None:
            return
        if isinstance(message, Measuring):
            badge.measuring()
        else:
            badge.show(message.provenance)

    def _show_gauge(self) -> None:
        app = self.somnus
        room = app.root.config.context_tokens
        if app.ready:
            room = min(room, app.root.model.context_tokens)
        self.query_one(Gauge).show(
            used=self._used, room=room, speed=self._speed, arm=self._arm, private=self._private
        )

    # ---------------------------------------------------------------- actions

    def action_take_away(self) -> None:
        """The next reply goes without the buffer; again: without the weights; again: with both."""
        self._arm = TAKEN_AWAY[self._arm]
        self._show_gauge()

    def action_private(self) -> None:
        self._private = not self._private
        self.somnus.bridge.fall_silent()
        begun = "Private: what you say now is logged nowhere, and I can't learn it."
        self.note(begun if self._private else "No longer private; I have forgotten what was said.")
        self._show_gauge()

    async def action_again(self) -> None:
        """Answer the last message anew, in other words."""
        last = self.talk.last
        if last is None or not self.free():
            return
        if not last.logged:
            self.note("A private message can't be asked again; it is nowhere.")
        else:
            await self._ask(last.said, last.episode)

    def action_edit(self) -> None:
        """Bring the last message back, to send it in other words."""
        last = self.talk.last
        if last is not None and last.logged:
            self._editing = last.episode
            box = self.query_one(MessageBox)
            box.write(last.said)
            box.border_title = "edit the last message; esc leaves it as it was"
            box.focus()

    def leave(self) -> bool:
        """Close the menu, or leave the last message as it was; False when there is nothing to leave."""
        box = self.query_one(MessageBox)
        if box.close_menu():
            return True
        if self._editing is None:
            return False
        self._editing, box.border_title = None, None
        box.write("")
        return True

    def action_copy_answer(self) -> None:
        last = self.talk.last
        if last is not None and last.replied:
            self.app.copy_to_clipboard(last.replied)
            self.notify("The answer is in the clipboard, if your terminal allows it.")

    def action_side(self) -> None:
        self.toggle_class("-side")

    def action_editor(self) -> None:
        box = self.query_one(MessageBox)
        try:
            box.write(in_editor(self.app, box.text))
        except NoEditor as error:
            self.note(str(error))

    def write(self, text: str) -> None:
        """Put something into the message box, to be typed on."""
        box = self.query_one(MessageBox)
        box.write(text)
        box.focus()

    # ------------------------------------------------------------------ notes

    def note(self, text: str) -> None:
        """Say something that is no turn of the talk."""
        self.talk.note(text)

    @on(OptionList.OptionSelected, "#slash")
    def clicked(self, selected: Any) -> None:
        self.query_one(MessageBox).action_complete()
