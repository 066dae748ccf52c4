"""The memories: a filter, a table of where each one lives, and forgetting and pinning."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Footer, Header, Input, Static

from memory.episode import Memory, MemoryId, MemoryState
from tui.screens.base import SomnusScreen
from tui.screens.confirm import Confirm
from tui.screens.telling import consequences
from tui.widgets.status_line import StatusLine

WHERE = {
    MemoryState.BUFFER: "buffer",
    MemoryState.CONSOLIDATED: "weights",
    MemoryState.KEPT_BACK: "kept back",
    MemoryState.SUPERSEDED: "history",
    MemoryState.FORGOTTEN: "forgotten",
}
NONE_YET = "No memories yet: the first night makes them of what you told me. Press ctrl+s to sleep."


class MemoryScreen(SomnusScreen):
    """What is remembered, and where."""

    NAME = "memory"
    AUTO_FOCUS = "#memories"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="memory.filter"),
        Binding("p", "pin", "Pin", id="memory.pin"),
        Binding("delete", "forget", "Forget", id="memory.forget"),
    ]

    def compose(self) -> ComposeResult:
        yield Header()
        yield Input(placeholder="only memories with these words", id="filter")
        yield Static(id="counts")
        yield DataTable(id="memories", cursor_type="row")
        yield Static(id="detail")
        yield StatusLine(Content(""))
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#memories", DataTable).add_columns("where", "told", "memory")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.refill()

    @on(Input.Changed, "#filter")
    def refill(self) -> None:
        """Fill the table from the ledger."""
        wanted = self.query_one("#filter", Input).value.casefold()
        every = self.somnus.root.home.ledger.memories()
        table = self.query_one("#memories", DataTable)
        table.clear()
        for m in every:
            if wanted in m.text.casefold():
                row = (
                    WHERE[m.state],
                    f"{m.at.astimezone():%Y-%m-%d}",
                    m.text + "  (pinned)" * m.pinned,
                )
                table.add_row(*map(Content, row), key=str(m.id))
        self.query_one("#counts", Static).update(Content(counts(every)))

    @on(DataTable.RowHighlighted, "#memories")
    def show_detail(self) -> None:
        memory = self.chosen()
        self.query_one("#detail", Static).update(Content(self._detail(memory) if memory else ""))

    @on(Input.Submitted, "#filter")
    def to_table(self) -> None:
        self.query_one("#memories").focus()

    def chosen(self) -> Memory | None:
        """The memory under the cursor."""
        table = self.query_one("#memories", DataTable)
        if not table.is_valid_coordinate(table.cursor_coordinate):
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return self.somnus.root.home.ledger.memory(MemoryId(int(key or 0)))

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    def action_pin(self) -> None:
        if memory := self.chosen():
            self.somnus.root.home.ledger.set_memory(memory.id, pinned=not memory.pinned)
            self.refill()

    def action_forget(self) -> None:
        memory = self.chosen()
        if memory is None or memory.state is MemoryState.FORGOTTEN or not self.free():
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.somnus.run_bridge("forget", [memory.id], [])

        self.app.push_screen(Confirm(consequences([memory.text], [memory]), "Forget"), answered)

    def _detail(self, m: Memory) -> str:
        parts = [f"memory {m.id}, said in episode {m.episode}"]
        if m.night:
            parts.append(f"learnt in night {m.night}")
        if m.reason:
            parts.append(m.reason)
        return " · ".join(parts)


def counts(memories: list[Memory]) -> str:
    """How many live where."""
    if not memories:
        return NONE_YET
    of = {state: sum(m.state is state for m in memories) for state in MemoryState}
    return " · ".join(f"{n} {WHERE[state]}" for state, n in of.items() if n)
