"""A table that fits its window: the last columns share the room that the others leave; what is too long is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text  # a DataTable measures these, and not Content
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

LEAST = 8  # cells that a column keeps
SCROLLBAR = 2

Row = tuple[str, Sequence[str]]  # its key, its cells


class Grid(DataTable[Text]):
    """A row is chosen by its bar; `lay` fills it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_top", "First", id="table.first", show=False),
        Binding("end", "scroll_bottom", "Last", id="table.last", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, cursor_type="row")
        self._columns_laid: tuple[str, ...] = ()
        self._rows_laid: list[Row] = []
        self._wide = 1
        self._width = 0

    def lay(self, columns: Sequence[str], rows: Sequence[Row], *, wide: int = 1) -> None:
        """Fill the table anew; the bar stays on its row's number. The last `wide` columns give way."""
        self._columns_laid, self._rows_laid, self._wide = tuple(columns), list(rows), wide
        self._draw()

    @property
    def key(self) -> str | None:
        """The key of the row under the bar."""
        at = self.cursor_row
        return self._rows_laid[at][0] if 0 <= at < len(self._rows_laid) else None

    @property
    def row(self) -> list[tuple[str, str]]:
        """The row under the bar in full: (column, cell)."""
        at = self.cursor_row
        if not 0 <= at < len(self._rows_laid):
            return []
        return list(zip(self._columns_laid, self._rows_laid[at][1], strict=True))

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._width:
            self._draw()

    def _draw(self) -> None:
        if not self._columns_laid:
            return
        self._width = self.size.width or self.app.size.width  # before it is laid out: most likely
        bar, top = self.cursor_row, self.scroll_y
        self.clear(columns=True)
        widths = self._widths(self._width - SCROLLBAR)
        for name, width in zip(self._columns_laid, widths, strict=True):
            self.add_column(_cell(name), width=width)
        for key, cells in self._rows_laid:
            self.add_row(*map(_cell, cells), key=key)
        if self._rows_laid:
            self.move_cursor(row=min(max(bar, 0), len(self._rows_laid) - 1), scroll=False)
            self.scroll_to(y=top, animate=False)

    def _widths(self, room: int) -> list[int]:
        """As wide as what stands in each column, while it fits; else the last ones share fairly."""
        every = [self._columns_laid, *(cells for _, cells in self._rows_laid)]
        natural = [max(cell_len(row[i]) for row in every) for i in range(len(self._columns_laid))]
        fixed, giving = natural[: -self._wide], natural[-self._wide :]
        room -= sum(fixed) + 2 * self.cell_padding * len(natural)
        shares = {}
        for rank, i in enumerate(sorted(range(len(giving)), key=giving.__getitem__)):
            shares[i] = min(giving[i], max(LEAST, room // (len(giving) - rank)))
            room -= shares[i]
        return fixed + [shares[i] for i in range(len(giving))]


def _cell(text: str) -> Text:
    return Text(" ".join(text.split()), no_wrap=True, overflow="ellipsis")
