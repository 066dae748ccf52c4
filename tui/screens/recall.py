"""The recall screen: an exam before and after, arms as bars, the nights' trend, a question file of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from agent.recalling import ARMS
from memory.episode import ExamAnswer
from memory.errors import SomnusError
from memory.paths import write_atomic
from memory.questions import read_questions, wilson
from tui.names import free_name
from tui.screens.base import SomnusScreen
from tui.screens.messages import Stopped
from tui.screens.trend import fitting, retention, trend
from tui.widgets.grid import Grid
from tui.widgets.keys import Keys
from tui.widgets.places import Places
from tui.widgets.status_line import StatusLine

WIDTH = 16
VIEWS = {"exam": "Last night's exam", "trend": "Nights so far", "ask": "Ask the demo"}
COLUMNS = ["", "question", "before", "after"]
CHANGE = {(False, True): "↑", (True, False): "↓", (True, True): "✓", (False, False): "·"}
ORDER = "↓↑✓·"  # what got worse first


class RecallScreen(SomnusScreen):
    """Before and after."""

    NAME = "recall"
    AUTO_FOCUS = "#table"
    SPARE = ("sleep_now", "demo", "report")
    HELP = """What a night changed: every exam question with the answer before and after. ↓ got worse,
↑ got better, ✓ right both times, · wrong both times. A question file of your own is asked under every
arm: none, buffer, weights, auto."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "exam", "Exam", id="recall.exam"),
        Binding("t", "trend", "Trend", id="recall.trend"),
        Binding("d", "demo", "Ask the demo", id="recall.demo"),
        Binding("o", "file", "Own questions", id="recall.file"),
        Binding("w", "report", "Write report", id="recall.report"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._trend = False  # whether the table shows it; its columns are chosen by its width

    def compose(self) -> ComposeResult:
        yield Places(self.NAME)
        with Horizontal(classes="buttons"):
            for name, text in VIEWS.items():
                yield Button(text, id=name, compact=True)
        yield Input(placeholder="o: a question file of your own, then enter", id="file")
        yield Static(id="bars")
        yield Grid(id="table")
        with VerticalScroll(id="detail-box"):
            yield Static(id="detail")
        yield StatusLine(Content(""))
        yield Keys(self.SPARE)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if not self.query_one("#table", Grid).row_count:
            self.action_exam()

    async def forgot(self) -> None:
        """Answers to a question file are nowhere but here; the ledger's are read anew."""
        if self.is_mounted:
            (self.action_trend if self._trend else self.action_exam)()

    def _examined(self) -> tuple[int, list[ExamAnswer]]:
        """The last night that was examined, with its answers about what was told."""
        ledger = self.somnus.root.home.ledger
        for night in reversed(ledger.nights()):
            answers = [a for a in ledger.answers(night=night.number) if a.memory is not None]
            if answers:
                return night.number, answers
        return 0, []

    @on(Button.Pressed, "#exam")
    def action_exam(self) -> None:
        """What the ledger knows of the last exam."""
        self._mark("exam")
        night, answers = self._examined()
        if not answers:
            self._say("No night has been examined yet; press ctrl+s to sleep.")
            self._fill(COLUMNS, [], wide=3)
            return
        before, after = sum(a.control_right for a in answers), sum(a.right for a in answers)
        worse = sum(a.control_right and not a.right for a in answers)
        better = sum(a.right and not a.control_right for a in answers)
        self._say(
            f"Night {night}, from the weights alone: ↑ {better} better, ↓ {worse} worse\n"
            f"{bar('before', before, len(answers))}\n{bar('after', after, len(answers))}"
        )
        rows = [
            [CHANGE[a.control_right, a.right], a.question, a.control_answer, a.answer]
            for a in answers
        ]
        self._fill(
            COLUMNS,
            sorted(rows, key=lambda r: ORDER.index(r[0])),
            wide=3,
        )

    @on(Button.Pressed, "#trend")
    def action_trend(self) -> None:
        """All nights: their exams, and what later nights still knew of what earlier ones learnt."""
        self._mark("trend")
        ledger = self.somnus.root.home.ledger
        self._say(trend(ledger.nights()))
        answers = ledger.answers()
        most = fitting(max((a.night for a in answers), default=0), self.size.width)
        columns, rows = retention(ledger.memories(), answers, most)
        self._fill(columns, rows, wide=1)
        self._trend = True

    def on_resize(self) -> None:
        if self._trend:
            self.action_trend()

    @on(Button.Pressed, "#ask")
    def action_demo(self) -> None:
        """Ask the questions of the demo under every arm."""
        from importlib.resources import files

        self._ask(Path(str(files("data").joinpath("demo", "questions.jsonl"))))

    @on(Input.Submitted, "#file")
    def ask_own(self, submitted: Input.Submitted) -> None:
        """Ask a file of the user's own."""
        if submitted.value.strip():
            self._ask(Path(submitted.value.strip()).expanduser())

    def _ask(self, path: Path) -> None:
        if not self.free():
            return
        try:
            questions = read_questions(path)
        except SomnusError as error:
            self._say(f"✗ {error}")
        else:
            self._say(f"{len(questions)} questions under {len(ARMS)} arms; esc stops.")
            self.somnus.run_bridge("recall", questions, list(ARMS))

    def action_file(self) -> None:
        self.query_one("#file").focus()

    def action_report(self) -> None:
        """Write the last exam's night as a page, as `somnus nights report` does."""
        from tui.report import page

        number, _ = self._examined()
        night = self.somnus.root.home.ledger.night(number)
        if night is None:
            self._say("No night has been examined yet; press ctrl+s to sleep.")
            return
        path = free_name(f"somnus-night-{number}.html")
        try:
            write_atomic(path, page(self.somnus.root.home.ledger, night).encode())
        except OSError as error:
            self._say(f"✗ It can't be written to {path} ({error.strerror}).")
        else:
            self.notify(f"Written to {path}.", markup=False)

    def stopped(self, message: Stopped) -> None:
        """The asking was stopped."""
        self._say(f"Stopped after {message.done} of {message.total} answers.")

    def answers(self, report: dict[str, Any]) -> None:
        """The document of a recall."""
        self._mark("")
        arms = report["arms"]
        lines = [bar(name, arm["right"], arm["asked"]) for name, arm in arms.items()]
        if "weights" in arms and "buffer" in arms:
            saved = arms["buffer"]["prompt_tokens"] - arms["weights"]["prompt_tokens"]
            lines.append(f"A prompt without looking up is {saved:.0f} tokens shorter.")
        self._say("\n".join(lines))
        by_question: dict[str, dict[str, str]] = {}
        for a in report["answers"]:
            mark = "✓" if a["right"] else "·"
            by_question.setdefault(a["question"], {})[a["arm"]] = f"{mark} {a['answer']}"
        rows = [[q, *(by.get(arm, "") for arm in arms)] for q, by in by_question.items()]
        self._fill(["question", *arms], rows, wide=1 + len(arms))
        self.query_one("#table").focus()

    @on(Grid.RowHighlighted, "#table")
    def show_row(self) -> None:
        """The row under the bar in full: cells may be longer than the screen is wide."""
        row = self.query_one("#table", Grid).row
        text = "\n".join(f"{name or 'change'}: {cell}" for name, cell in row)
        self.query_one("#detail", Static).update(Content(text))

    def _mark(self, shown: str) -> None:
        """Tell by a sign which of the views is shown, and light it."""
        for name, text in VIEWS.items():
            button = self.query_one(f"#{name}", Button)
            button.label = f"▸{text}" if name == shown else text
            button.variant = "primary" if name == shown else "default"

    def _say(self, text: str) -> None:
        self.query_one("#bars", Static).update(Content(text))

    def _fill(self, columns: list[str], rows: list[list[str]], wide: int) -> None:
        self._trend = False
        numbered = [(str(i), row) for i, row in enumerate(rows)]
        self.query_one("#table", Grid).lay(columns, numbered, wide=wide)
        self.show_row()


def bar(name: str, right: int, asked: int) -> str:
    """A bar with its figures: nothing is told by colour."""
    share = right / asked if asked else 0.0
    low, high = wilson(right, asked)
    return f"{name:<8} {'█' * round(WIDTH * share):░<{WIDTH}} {right}/{asked}  {share:.0%} ({low:.0%}–{high:.0%})"
