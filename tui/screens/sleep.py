"""The sleep screen: the plan, the night as it goes on, its verdict, and the nights before it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, RichLog, Static

from memory.episode import Phase
from sleep.events import DreamDreamt, MemoryJudged, NightBegan, NightEnded, NightEvent
from tui.screens.base import SomnusScreen
from tui.screens.confirm import Confirm
from tui.screens.evening import paused_text, plan_text, when
from tui.screens.messages import Planned
from tui.screens.morning import mark_seen, night_card, night_row, verdict
from tui.widgets.badge import short
from tui.widgets.grid import Grid
from tui.widgets.hypnogram import Hypnogram
from tui.widgets.keys import Keys
from tui.widgets.places import Places
from tui.widgets.status_line import StatusLine

BESIDE = 6  # cells of the log's frame and scrollbar


class SleepScreen(SomnusScreen):
    """A night, live, and the nights so far."""

    NAME = "sleep"
    HELP = """By night I dream about what you told me and learn it by heart; what I can prove leaves the buffer. Pausing
keeps what was done and the next sleep goes on there; cancelling gives the night up and leaves everything as it was."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "begin", "Sleep", id="sleep.begin"),
        Binding("p", "pause", "Pause", id="sleep.pause"),
        Binding("c", "cancel", "Cancel", id="sleep.cancel"),
        Binding("r", "roll_back", "Roll back", id="sleep.rollback"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._events: list[
            NightEvent
        ] = []  # of the present night, for a screen that is opened in the middle of it
        self._drawn = False

    def compose(self) -> ComposeResult:
        yield Places(self.NAME)
        yield Static(id="plan")
        with Horizontal(classes="buttons"):
            yield Button("Sleep now", id="begin", variant="primary", compact=True)
            yield Button("Pause", id="wake", compact=True)
            yield Button("Cancel", id="cancel", compact=True)
        yield Hypnogram()
        yield RichLog(id="dreams", wrap=True, markup=False, min_width=1)
        with VerticalScroll(id="verdict-box"):
            yield Static(id="verdict")
        yield Grid(id="nights")
        yield StatusLine(Content(""))
        yield Keys(self.SPARE)

    def on_mount(self) -> None:
        self._drawn = True
        if self.somnus.night_now:
            self._lie()
        for event in self._events:
            self._show(event)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.refill()
        if self._events and isinstance(self._events[-1], NightEnded):
            self._mark_seen()
        if not self.somnus.bridge.bed.taken:
            self.query_one("#nights").focus()

    def refill(self) -> None:
        """What a night would do now, and the nights so far."""
        if not self._drawn:
            return
        ledger = self.somnus.root.home.ledger
        self._show_plan("Looking at what waits …")
        self.somnus.run_bridge("plan")
        nights = ledger.nights()
        rows = [(str(night.number), night_row(night)) for night in reversed(nights)]
        self.query_one("#nights", Grid).lay(("night", "when", "", "learnt", "stay", "exam"), rows)
        self.set_class(bool(nights), "-past")
        paused = ledger.unfinished() is not None
        self.set_class(paused, "-paused")
        self.query_one("#begin", Button).label = "Go on" if paused else "Sleep now"
        self.refresh_bindings()

    def rolled_back(self) -> None:
        """Nights were undone, or the present one was given up."""
        self._wake()
        self.refill()

    async def forgot(self) -> None:
        """The last night's dreams and verdict may tell it."""
        self._events.clear()
        if self._drawn:
            self.query_one("#dreams", RichLog).clear()
            self.query_one("#verdict", Static).update("")
            self.refill()
            self.show_night()

    def planned(self, message: Planned) -> None:
        """The plan has come."""
        if not self._drawn:
            return
        report = message.report
        self._show_plan(message.refusal if report is None else plan_text(report))
        first = not (self._events or self.asleep or self.has_class("-past"))
        if report is not None and first:
            self.query_one("#dreams", RichLog).clear()
            self._log("What waits for the first night:")
            for said in report["said"]:
                self._log(f"▤ {short(said, 200)}")

    def _show_plan(self, text: str) -> None:
        root = self.somnus.root
        now = when(root.home.ledger, root.config.sleep_at, self.somnus.clock())
        lines = [now, text, paused_text(root.home.ledger)]
        self.query_one("#plan", Static).update(Content("\n".join(filter(None, lines))))

    # ---------------------------------------------------------------- actions

    @property
    def asleep(self) -> bool:
        return self.has_class("-asleep")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer shows what can be done now."""
        if action in ("begin", "roll_back"):
            return not self.asleep and (action == "begin" or self.has_class("-past"))
        if action == "cancel":
            return self.asleep or self.has_class("-paused")
        return self.asleep if action == "pause" else True

    @on(Button.Pressed, "#begin")
    def action_begin(self) -> None:
        if self.free() and not self.somnus.bridge.bed.taken:
            self.somnus.run_bridge("sleep")

    @on(Button.Pressed, "#wake")
    def action_pause(self) -> None:
        self.somnus.bridge.bed.wake()
        self.notify("It stops at the next safe point; the next sleep goes on there.")

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        paused = self.somnus.root.home.ledger.unfinished()
        if paused is not None and not self.asleep:
            self.somnus.run_bridge("roll_back", paused.number)
            return
        self.somnus.bridge.bed.wake(give_up=True)
        self.notify("It stops at the next safe point; the night is given up and nothing is lost.")

    def action_roll_back(self) -> None:
        """Undo the night under the bar, after a question."""
        key = self.query_one("#nights", Grid).key
        if key is None or not self.free():
            return
        night = self.somnus.root.home.ledger.night(int(key))
        if night is None or night.phase is Phase.ROLLED_BACK:
            self.notify("That night is undone already.")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.somnus.run_bridge("roll_back", night.number)

        question = (
            f"Undo night {night.number} and all after it? What they learnt goes back to the buffer and is learnt again "
            "by the next night."
        )
        self.app.push_screen(Confirm(question, "Undo"), answered)

    @on(Grid.RowHighlighted, "#nights")
    def show_night(self) -> None:
        key = self.query_one("#nights", Grid).key
        night = self.somnus.root.home.ledger.night(int(key or 0))
        if night is not None and not self.asleep:
            self.query_one("#verdict", Static).update(Content(night_card(night)))

    # ------------------------------------------------------------------ night

    def lay_down(self) -> None:
        """A night begins."""
        self._events.clear()
        if self._drawn:
            self._lie()

    def _lie(self) -> None:
        self.add_class("-asleep")
        self.query_one(Hypnogram).lay_down()
        self.query_one("#dreams", RichLog).clear()
        self.query_one("#verdict", Static).update("")
        self.refresh_bindings()

    def slept(self, event: NightEvent) -> None:
        """An event of the night."""
        if isinstance(event, NightBegan):
            self._events.clear()
        self._events.append(event)
        if self._drawn:
            self._show(event)

    def _show(self, event: NightEvent) -> None:
        if isinstance(event, NightBegan):
            self._lie()
        self.query_one(Hypnogram).take(event)
        if isinstance(event, DreamDreamt):
            self._log(f"☾ {event.gap:4.1f} nats  {event.cue}  →  {event.reply}")
        elif isinstance(event, MemoryJudged):
            self._log(f"{'✓' if event.passed else '·'} {event.right}/{event.asked}  {event.text}")
        elif isinstance(event, NightEnded):
            self._wake()
            self._mark_seen()
            self.refill()
            self.query_one("#nights", Grid).move_cursor(row=0)
            self.query_one("#verdict", Static).update(Content(verdict(event.report, event.night)))

    def _mark_seen(self) -> None:
        """The verdict stands here: the morning needn't tell it, if anybody looks."""
        if self.is_current:
            mark_seen(self.somnus.root.home.ledger)

    def _log(self, line: str) -> None:
        """The log was hidden by day and may not know its width yet."""
        width = max(20, self.size.width - BESIDE)
        self.query_one("#dreams", RichLog).write(line, width=width)

    def _wake(self) -> None:
        self.remove_class("-asleep")
        self.refresh_bindings()
