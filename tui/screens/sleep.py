"""The sleep screen: the plan, the phases as they come, dreams going by, the verdict."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Footer, Header, RichLog, Static

from memory.episode import Phase
from memory.errors import SomnusError
from sleep.events import (
    DreamDreamt,
    MemoryJudged,
    NightBegan,
    NightEnded,
    NightEvent,
    PhaseBegan,
    PhaseReached,
    Progressed,
)
from tui.screens.base import SomnusScreen
from tui.widgets.status_line import StatusLine

STEPS = (Phase.REPLAYED, Phase.DREAMT, Phase.SEEDED, Phase.EXAMINED, Phase.COMMITTED, Phase.CLEARED)


class SleepScreen(SomnusScreen):
    """A night, live."""

    NAME = "sleep"

    def __init__(self) -> None:
        super().__init__()
        self._marks: dict[Phase, str] = {}
        self._events: list[
            NightEvent
        ] = []  # of the present night, for a screen that is opened in the middle of it
        self._drawn = False

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="plan")
        with Horizontal(classes="buttons"):
            yield Button("Sleep now", id="begin", variant="primary")
            yield Button("Wake up", id="wake")
        yield Static(id="phases")
        yield RichLog(id="dreams", wrap=True, markup=False)
        yield Static(id="verdict")
        yield StatusLine(Content(""))
        yield Footer()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.plan()
        self._draw()

    def plan(self) -> None:
        """What a night would do now."""
        from sleep.prepare import plan

        root = self.somnus.root
        try:
            report = plan(root.home, root.config, None)
        except SomnusError as error:
            text = str(error)
        else:
            minutes = report["estimated_seconds"] / 60
            count = report["episodes"]
            text = f"{count} episodes wait; a night now takes about {minutes:.0f} minutes. Chat waits meanwhile."
        self.query_one("#plan", Static).update(Content(text))

    @on(Button.Pressed, "#begin")
    def begin(self) -> None:
        if self.free():
            self.somnus.run_bridge("sleep")

    @on(Button.Pressed, "#wake")
    def wake(self) -> None:
        self.somnus.bridge.stop()
        self.notify("It stops at the next safe point; the next sleep goes on there.")

    def on_mount(self) -> None:
        self._drawn = True
        for event in self._events:
            self._show(event)

    def slept(self, event: NightEvent) -> None:
        """An event of the night."""
        if isinstance(event, NightBegan):
            self._events.clear()
        self._events.append(event)
        if self._drawn:
            self._show(event)

    def _show(self, event: NightEvent) -> None:
        log = self.query_one("#dreams", RichLog)
        if isinstance(event, NightBegan):
            self._marks = {}
            log.clear()
            self.query_one("#verdict", Static).update("")
        elif isinstance(event, PhaseBegan):
            self._marks[event.phase] = "…"
        elif isinstance(event, Progressed):
            left = f", {event.left:.0f} s left" if event.left is not None else ""
            loss = f", loss {event.loss:.2f}" if event.loss is not None else ""
            self._marks[event.phase] = f"… {event.note} {event.done}/{event.total}{loss}{left}"
        elif isinstance(event, PhaseReached):
            self._marks[event.phase] = f"✓ {event.seconds:.0f} s"
        elif isinstance(event, DreamDreamt):
            log.write(f"☾ {event.cue}  →  {event.reply}   ({event.gap:.1f} nats)")
        elif isinstance(event, MemoryJudged):
            log.write(f"{'✓' if event.passed else '·'} {event.right}/{event.asked}  {event.text}")
        elif isinstance(event, NightEnded):
            self.query_one("#verdict", Static).update(Content(verdict(event.report)))
            self.plan()
        self._draw()

    def _draw(self) -> None:
        lines = [f"{p.value:<10} {self._marks.get(p, '')}" for p in STEPS]
        self.query_one("#phases", Static).update(Content("\n".join(lines)))


def verdict(report: dict[str, Any]) -> str:
    """The morning's sentence."""
    if report.get("alarm"):
        return f"Rolled back: {report['alarm']}. Nothing was lost."
    learned, kept, exam = len(report["learned"]), len(report["kept_back"]), report["exam"]
    return (
        f"{learned} of {learned + kept} memories moved into the weights; {kept} stay.  "
        f"Exam {exam['before']} → {exam['after']} of {exam['asked']}; perplexity {report['drift']['rise']:+.1%}."
    )
