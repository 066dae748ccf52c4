"""The memories: a filter, a table of where each one lives, where it comes from; forgetting, pinning, export."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.text import Text  # a DataTable measures these, and not Content
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Footer, Header, Input, Static

from memory.episode import Episode, EpisodeId, ExamAnswer, Memory, MemoryId, MemoryState
from tui.screens.base import SomnusScreen
from tui.screens.confirm import Confirm
from tui.screens.telling import consequences, context_text
from tui.widgets.status_line import StatusLine

WHERE = {
    MemoryState.BUFFER: "▤ buffer",
    MemoryState.CONSOLIDATED: "◆ weights",
    MemoryState.KEPT_BACK: "▥ kept back",
    MemoryState.SUPERSEDED: "↶ history",
    MemoryState.FORGOTTEN: "✗ forgotten",
    MemoryState.QUARANTINED: "⊘ quarantine",
}
UNREAD = "… unread"  # in the buffer; no night has made memories of it yet
NONE_YET = "No memories yet: tell me something in the chat (f2)."
EXPORT = "somnus-memories.jsonl"


class MemoryScreen(SomnusScreen):
    """What is remembered, and where."""

    NAME = "memory"
    AUTO_FOCUS = "#memories"
    HELP = """Everything you told me and where it lives: … unread and ▤ buffer can be looked up;
◆ weights I know by heart since that night; ▥ kept back failed its exam and stays in the buffer;
↶ history was said anew. Strength is its exams, night by night."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="memory.filter"),
        Binding("f", "next_state", "Where", id="memory.where"),
        Binding("p", "pin", "Pin", id="memory.pin"),
        Binding("delete,d", "forget", "Forget", id="memory.forget"),
        Binding("x", "export", "Export", id="memory.export"),
        Binding("escape", "leave_filter", "Show all", id="memory.all", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._only = ""  # the only word of WHERE to show
        self._exams: dict[MemoryId, str] = {}
        self._columns = False

    def compose(self) -> ComposeResult:
        yield Header()
        yield Input(placeholder="/ only memories with these words", id="filter")
        yield Static(id="counts")
        yield DataTable(id="memories", cursor_type="row")
        yield Static(id="detail")
        yield StatusLine(Content(""))
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#memories", DataTable).add_columns("where", "told", "strength", "memory")
        self._columns = True

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.refill()

    def refill(self) -> None:
        """Read the ledger again."""
        if self._columns:
            self._exams = strengths(self.somnus.root.home.ledger.answers())
            self.fill()

    @on(Input.Changed, "#filter")
    def fill(self) -> None:
        """Fill the table with what the filter lets through; the bar stays where it was."""
        ledger = self.somnus.root.home.ledger
        memories, unread = ledger.memories(), self._unread()
        wanted = self.query_one("#filter", Input).value.casefold()
        table = self.query_one("#memories", DataTable)
        bar = table.cursor_row
        table.clear()
        for e in unread:
            if wanted in e.said.casefold() and self._only in ("", UNREAD):
                row = (UNREAD, f"{e.at.astimezone():%Y-%m-%d}", "", " ".join(e.said.split()))
                table.add_row(*map(Text, row), key=f"e{e.id}")
        for m in memories:
            if wanted in m.text.casefold() and self._only in ("", WHERE[m.state]):
                night = f" {m.night}" if m.state is MemoryState.CONSOLIDATED else ""
                row = (
                    WHERE[m.state] + night,
                    f"{m.at.astimezone():%Y-%m-%d}",
                    self._exams.get(m.id, ""),
                    m.text + "  (pinned)" * m.pinned,
                )
                table.add_row(*map(Text, row), key=str(m.id))
        table.move_cursor(row=min(bar, max(0, table.row_count - 1)))
        only = f" · only {self._only}" if self._only else ""
        self.query_one("#counts", Static).update(Content(counts(memories, len(unread)) + only))
        self.show_detail()

    def _unread(self) -> list[Episode]:
        ledger = self.somnus.root.home.ledger
        read = {m.episode for m in ledger.memories()}
        return [e for e in ledger.waiting() if e.id not in read]

    @on(DataTable.RowHighlighted, "#memories")
    def show_detail(self) -> None:
        ledger = self.somnus.root.home.ledger
        chosen = self.chosen()
        text = ""
        if isinstance(chosen, Memory):
            text = detail(chosen, self._exams.get(chosen.id, ""))
            text += "\n" + context_text(ledger, chosen.episode)
        elif chosen is not None:
            text = "No night has read this yet.\n" + context_text(ledger, chosen.id)
        self.query_one("#detail", Static).update(Content(text))

    @on(Input.Submitted, "#filter")
    def to_table(self) -> None:
        self.query_one("#memories").focus()

    def chosen(self) -> Memory | Episode | None:
        """What is under the bar: a memory, or an episode that no night has read."""
        table = self.query_one("#memories", DataTable)
        if not table.is_valid_coordinate(table.cursor_coordinate):
            return None
        key = str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)
        ledger = self.somnus.root.home.ledger
        if key.startswith("e"):
            return ledger.episode(EpisodeId(int(key[1:])))
        return ledger.memory(MemoryId(int(key)))

    # ---------------------------------------------------------------- actions

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    def action_leave_filter(self) -> None:
        self._only = ""
        self.query_one("#filter", Input).value = ""
        self.fill()
        self.to_table()
        self.somnus.action_stop()

    def action_next_state(self) -> None:
        """Show one place after the other, then all."""
        order = ["", UNREAD, *WHERE.values()]
        self._only = order[(order.index(self._only) + 1) % len(order)]
        self.fill()

    def action_pin(self) -> None:
        """A pinned memory comes first in the next night."""
        chosen = self.chosen()
        if isinstance(chosen, Memory):
            self.somnus.root.home.ledger.set_memory(chosen.id, pinned=not chosen.pinned)
            self.fill()
        elif chosen is not None:
            self.notify("It can be pinned when a night has made a memory of it.")

    def action_forget(self) -> None:
        chosen = self.chosen()
        if chosen is None or not self.free():
            return
        if isinstance(chosen, Memory):
            if chosen.state is MemoryState.FORGOTTEN:
                return
            work: tuple[list[MemoryId], list[EpisodeId]] = ([chosen.id], [])
            question = consequences([chosen.text], [chosen])
        else:
            work, question = ([], [chosen.id]), consequences([chosen.said], [])

        def answered(yes: bool | None) -> None:
            if yes:
                self.somnus.run_bridge("forget", *work)

        self.app.push_screen(Confirm(question, "Forget"), answered)

    def action_export(self) -> None:
        from memory.conversation_file import dump_lines
        from memory.paths import write_atomic
        from tui.commands.memories import document

        every = self.somnus.root.home.ledger.memories()
        path = Path(EXPORT).absolute()
        try:
            write_atomic(path, dump_lines(document(m) for m in every).encode())
        except OSError as error:
            self.notify(f"It can't be written to {path} ({error.strerror}).", severity="error")
        else:
            self.notify(f"{len(every)} memories written to {path}.", markup=False)


def strengths(answers: list[ExamAnswer]) -> dict[MemoryId, str]:
    """Each memory's exams, the latest three nights: "3/3 2/3"."""
    exams: dict[MemoryId, dict[int, list[bool]]] = {}
    for a in answers:
        if a.memory is not None:
            exams.setdefault(a.memory, {}).setdefault(a.night, []).append(a.right)
    return {
        m: " ".join(f"{sum(r)}/{len(r)}" for _, r in sorted(nights.items())[-3:])
        for m, nights in exams.items()
    }


def detail(m: Memory, exams: str) -> str:
    """What is known about a memory, on a line or two."""
    parts = [f"memory {m.id}"]
    if m.night:
        parts.append(f"learnt in night {m.night}")
    if m.superseded_by:
        parts.append(f"memory {m.superseded_by} took its place")
    if m.failures:
        parts.append(f"failed {m.failures} nights")
    if m.reason:
        parts.append(m.reason)
    if exams:
        parts.append(f"exams {exams}")
    return " · ".join(parts)


def counts(memories: list[Memory], unread: int) -> str:
    """How many live where."""
    if not memories and not unread:
        return NONE_YET
    of = {WHERE[state]: sum(m.state is state for m in memories) for state in MemoryState}
    every = {UNREAD: unread} | of
    return " · ".join(f"{n} {where}" for where, n in every.items() if n)
