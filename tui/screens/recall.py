"""The recall screen: the last night's exam before and after, as bars with n and interval, and question by question."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, DataTable, Footer, Header, Static

from memory.questions import Question, wilson
from tui.screens.base import SomnusScreen
from tui.widgets.status_line import StatusLine

WIDTH = 24


class RecallScreen(SomnusScreen):
    """Before and after."""

    NAME = "recall"

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(classes="buttons"):
            yield Button("Last night's exam", id="exam", variant="primary")
            yield Button("Ask the demo's questions", id="ask")
        yield Static(id="bars")
        yield DataTable(id="table", cursor_type="row")
        yield StatusLine(Content(""))
        yield Footer()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.exam()

    @on(Button.Pressed, "#exam")
    def exam(self) -> None:
        """What the ledger knows of the last exam."""
        ledger = self.somnus.root.home.ledger
        nights = [n.number for n in ledger.nights() if n.report and "exam" in n.report]
        answers = (
            [a for a in ledger.answers(night=nights[-1]) if a.memory is not None] if nights else []
        )
        if not answers:
            self.query_one("#bars", Static).update(
                Content("No night has been examined yet; press ctrl+s to sleep.")
            )
            return
        before, after = sum(a.control_right for a in answers), sum(a.right for a in answers)
        bars = bar("before", before, len(answers)) + "\n" + bar("after", after, len(answers))
        self.query_one("#bars", Static).update(
            Content(f"Night {nights[-1]}, from the weights alone\n{bars}")
        )
        self._fill(
            ["", "question", "before", "after"],
            [["✓" if a.right else "·", a.question, a.control_answer, a.answer] for a in answers],
        )

    @on(Button.Pressed, "#ask")
    def ask(self) -> None:
        """Ask the questions of the demo under every arm."""
        from importlib.resources import files
        from pathlib import Path

        from agent.conversation import ARMS
        from memory.questions import read_questions

        if not self.free():
            return
        questions: list[Question] = read_questions(
            Path(str(files("data").joinpath("demo", "questions.jsonl")))
        )
        self.somnus.run_bridge("recall", questions, list(ARMS))

    def answers(self, report: dict[str, Any]) -> None:
        """The document of a recall."""
        bars = "\n".join(
            bar(name, arm["right"], arm["asked"]) for name, arm in report["arms"].items()
        )
        self.query_one("#bars", Static).update(Content(bars))
        rows = [
            ["✓" if a["right"] else "·", a["question"], a["arm"], a["answer"]]
            for a in report["answers"]
        ]
        self._fill(["", "question", "arm", "answer"], rows)

    def _fill(self, columns: list[str], rows: list[list[str]]) -> None:
        table = self.query_one("#table", DataTable)
        table.clear(columns=True)
        table.add_columns(*columns)
        table.add_rows([[Content(cell) for cell in row] for row in rows])


def bar(name: str, right: int, asked: int) -> str:
    """A bar with its figures: nothing is told by colour."""
    share = right / asked if asked else 0.0
    low, high = wilson(right, asked)
    return f"{name:<8} {'█' * round(WIDTH * share):░<{WIDTH}} {right}/{asked}  {share:.0%} ({low:.0%}–{high:.0%})"
