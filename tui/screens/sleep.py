"""The sleep screen: the plan, the night as it goes on, its verdict, and the nights before it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text  # a DataTable measures these, and not Content
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, DataTable, Footer, Header, RichLog, Static

from memory.episode import Night, Phase
from sleep.events import DreamDreamt, MemoryJudged, NightBegan, NightEnded, NightEvent
from tui.screens.base import SomnusScreen
from tui.screens.confirm import Confirm
from tui.screens.messages import Failed, Planned
from tui.screens.morning import mark_seen, night_card, verdict
from tui.widgets.hypnogram import Hypnogram, clock
from tui.widgets.status_line import StatusLine

CELLS = 10


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
        yield Header()
        yield Static(id="plan")
        with Horizontal(classes="buttons"):
            yield Button("Sleep now", id="begin", variant="primary", compact=True)
            yield Button("Pause", id="wake", compact=True)
            yield Button("Cancel", id="cancel", compact=True)
        yield Hypnogram()
        yield RichLog(id="dreams", wrap=True, markup=False)
        yield Static(id="verdict")
        yield DataTable(id="nights", cursor_type="row")
        yield StatusLine(Content(""))
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#nights", DataTable).add_columns(
            "night", "when", "", "learnt", "stay", "exam"
        )
        self._drawn = True
        for event in self._events:
            self._show(event)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.refill()
        if not self.somnus.bridge.busy:
            self.query_one("#nights").focus()

    def refill(self) -> None:
        """What a night would do now, and the nights so far."""
        if not self._drawn:
            return
        self._show_plan("looking at what waits …")
        self.somnus.run_bridge("plan")
        nights = self.somnus.root.home.ledger.nights()
        table = self.query_one("#nights", DataTable)
        table.clear()
        for night in reversed(nights):
            table.add_row(*map(Text, _row(night)), key=str(night.number))
        if not self.has_class("-asleep"):
            self.set_class(bool(nights), "-past")

    def planned(self, message: Planned) -> None:
        """The plan has come."""
        if not self._drawn:
            return
        if message.report is None:
            self._show_plan(message.refusal)
            return
        r = message.report
        rest = (
            ""
            if r["fits"]
            else f", more than fits into {r['budget_minutes']:g} minutes: the rest waits"
        )
        self._show_plan(
            f"{r['episodes']} episodes wait; a night now takes about {clock(r['estimated_seconds'])}{rest}. "
            "Chat waits meanwhile."
        )

    def _show_plan(self, text: str) -> None:
        from sleep.pressure import pressure
        from sleep.schedule import next_sleep

        root = self.somnus.root
        now = self.somnus.clock()
        at = next_sleep(root.config.sleep_at, now)
        share = pressure(root.home.ledger.waiting(), now)
        hours, minutes = divmod(int((at - now).total_seconds()) // 60, 60)
        gauge = f"pressure {'▰' * round(CELLS * share):▱<{CELLS}} {share:.0%}"
        line = f"Next night {at:%a %H:%M}, in {hours} h {minutes:02d} min · {gauge}"
        self.query_one("#plan", Static).update(Content(f"{line}\n{text}"))

    # ---------------------------------------------------------------- actions

    @on(Button.Pressed, "#begin")
    def action_begin(self) -> None:
        if self.free():
            self.somnus.run_bridge("sleep")

    @on(Button.Pressed, "#wake")
    def action_pause(self) -> None:
        self.somnus.bridge.stop()
        self.notify("It stops at the next safe point; the next sleep goes on there.")

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.somnus.bridge.stop(give_up=True)
        self.notify("It stops at the next safe point; the night is given up and nothing is lost.")

    def action_roll_back(self) -> None:
        """Undo the night under the bar, after a question."""
        table = self.query_one("#nights", DataTable)
        if not table.is_valid_coordinate(table.cursor_coordinate) or not self.free():
            return
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        night = self.somnus.root.home.ledger.night(int(key or 0))
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

    @on(DataTable.RowHighlighted, "#nights")
    def show_night(self, row: DataTable.RowHighlighted) -> None:
        night = self.somnus.root.home.ledger.night(int(row.row_key.value or 0))
        if night is not None and not self.has_class("-asleep"):
            self.query_one("#verdict", Static).update(Content(night_card(night)))

    # ------------------------------------------------------------------ night

    def status(self, message: object) -> None:
        super().status(message)
        if isinstance(message, Failed):
            self._wake()

    def slept(self, event: NightEvent) -> None:
        """An event of the night."""
        if isinstance(event, NightBegan):
            self._events.clear()
        self._events.append(event)
        if self._drawn:
            self._show(event)

    def _show(self, event: NightEvent) -> None:
        log = self.query_one("#dreams", RichLog)
        self.query_one(Hypnogram).take(event)
        if isinstance(event, NightBegan):
            self.add_class("-asleep")
            log.clear()
            self.query_one("#verdict", Static).update("")
        elif isinstance(event, DreamDreamt):
            log.write(f"☾ {event.gap:4.1f} nats  {event.cue}  →  {event.reply}")
        elif isinstance(event, MemoryJudged):
            log.write(f"{'✓' if event.passed else '·'} {event.right}/{event.asked}  {event.text}")
        elif isinstance(event, NightEnded):
            self._wake()
            mark_seen(self.somnus.root.home.ledger)
            self.refill()
            self.query_one("#verdict", Static).update(Content(verdict(event.report, event.night)))

    def _wake(self) -> None:
        self.remove_class("-asleep")


def _row(night: Night) -> list[str]:
    report = night.report or {}
    exam = report.get("exam")
    undone = night.phase is Phase.ROLLED_BACK
    state = "✗ undone" if undone else "✓" if night.phase is Phase.CLEARED else f"… {night.phase}"

    def count(what: str) -> str:
        found = report.get(what)
        return str(len(found)) if isinstance(found, list) else "–"

    marks = f"{exam['before']}→{exam['after']}/{exam['asked']}" if isinstance(exam, dict) else "–"
    when = f"{night.started.astimezone():%Y-%m-%d %H:%M}"
    return [str(night.number), when, state, count("learned"), count("kept_back"), marks]
