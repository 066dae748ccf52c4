"""The memories: a filter, a table of where each one lives, where it comes from; forgetting, pinning, export."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from memory.episode import Episode, EpisodeId, Memory, MemoryId, MemoryState
from memory.quarantine import printable
from tui.names import free_name
from tui.screens import inventory
from tui.screens.base import SomnusScreen
from tui.screens.confirm import Confirm
from tui.screens.inventory import ORDERS, UNREAD, WHERE, Item, Marks
from tui.screens.telling import consequences, context_text, doubt
from tui.widgets.grid import Grid
from tui.widgets.keys import Keys
from tui.widgets.places import Places
from tui.widgets.status_line import StatusLine

EXPORT = "somnus-memories.jsonl"
COLUMNS = ("where", "told", "strength", "memory")
ROOMY = 70  # cells from which the date stands beside the words, and not only below
PAUSE = 0.12  # seconds after a letter of the filter: typing doesn't wait for a thousand rows


class MemoryScreen(SomnusScreen):
    """What is remembered, and where."""

    NAME = "memory"
    AUTO_FOCUS = "#memories"
    SPARE = ("sleep_now", "export", "next_order")
    HELP = """Everything you told me and where it lives: … unread and ▤ buffer can be looked up;
◆ weights I know by heart since that night; ▥ kept back failed its exam and stays in the buffer;
↶ history was said anew; ⊘ quarantine is not your own word, or a secret, and is learnt only if you confirm it.
Strength is a block for each night's exam, and the latest."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="memory.filter"),
        Binding("f", "next_state", "Where", id="memory.where"),
        Binding("o", "next_order", "Order", id="memory.order"),
        Binding("p", "pin", "Pin", id="memory.pin"),
        Binding("c", "confirm", "Confirm", id="memory.confirm"),
        Binding("delete,d", "forget", "Forget", id="memory.forget", key_display="d"),
        Binding("x", "export", "Export", id="memory.export"),
        Binding("escape", "leave_filter", "Show all", id="memory.all", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._state = ""  # the only word of WHERE to show
        self._order = ORDERS[0]
        self._items: list[Item] = []
        self._marks: dict[MemoryId, Marks] = {}
        self._counts = ""
        self._later: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Places(self.NAME)
        yield Input(placeholder="/ only memories with these words", id="filter")
        yield Static(id="counts")
        yield Grid(id="memories")
        with VerticalScroll(id="detail-box"):
            yield Static(id="detail")
        yield StatusLine(Content(""))
        yield Keys(self.SPARE)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.refill()

    def on_resize(self) -> None:
        if self._items:
            self.fill()

    async def forgot(self) -> None:
        self.refill()

    def refill(self) -> None:
        """Read the ledger again."""
        if not self.is_mounted:
            return
        ledger = self.somnus.root.home.ledger
        memories = ledger.memories()
        unread = ledger.unread()
        self._marks = inventory.marks_of(ledger.answers())
        self._items = inventory.items(memories, unread, self._marks)
        self._counts = inventory.counts(memories, len(unread))
        self.fill()

    @on(Input.Changed, "#filter")
    def fill_soon(self) -> None:
        if self._later is not None:
            self._later.stop()
        self._later = self.set_timer(PAUSE, self.fill)

    def fill(self) -> None:
        """Fill the table with what the filter lets through; the bar stays where it was."""
        words = self.query_one("#filter", Input).value
        shown = inventory.choose(self._items, words, self._state, self._order)
        columns = [c for c in COLUMNS if c != "told" or self.size.width >= ROOMY]
        rows = [(i.key, [i.cells[c] for c in columns]) for i in shown]
        self.query_one("#memories", Grid).lay(columns, rows)
        only = f" · only {self._state}" if self._state else ""
        order = f" · {self._order}" if self._order != ORDERS[0] else ""
        self.query_one("#counts", Static).update(Content(self._counts + only + order))
        self.show_detail()

    @on(Grid.RowHighlighted, "#memories")
    def show_detail(self) -> None:
        ledger = self.somnus.root.home.ledger
        chosen = self.chosen()
        text = ""
        if isinstance(chosen, Memory):
            text = inventory.detail(chosen, self._marks.get(chosen.id, {}))
            text += "\n" + context_text(ledger, chosen.episode)
        elif chosen is not None:
            text = "No night has read this yet.\n" + context_text(ledger, chosen.id)
        self.query_one("#detail", Static).update(Content(text))
        self.refresh_bindings()

    @on(Input.Submitted, "#filter")
    def to_table(self) -> None:
        self.fill()
        self.query_one("#memories").focus()

    def chosen(self) -> Memory | Episode | None:
        """What is under the bar: a memory, or an episode that no night has read."""
        key, ledger = self.query_one("#memories", Grid).key, self.somnus.root.home.ledger
        if key is None:
            return None
        if key.startswith("e"):
            return ledger.episode(EpisodeId(int(key[1:])))
        return ledger.memory(MemoryId(int(key)))

    # ---------------------------------------------------------------- actions

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    def action_leave_filter(self) -> None:
        """Show everything; where everything is shown already, stop what goes on."""
        box = self.query_one("#filter", Input)
        if not (self._state or box.value or box.has_focus):
            self.somnus.action_stop()
            return
        self._state = box.value = ""
        self.to_table()

    def action_next_state(self) -> None:
        """Show one place after the other, then all; places where nothing lives are passed over."""
        lived_in = {i.state for i in self._items}
        order = ["", *(s for s in (UNREAD, *WHERE.values()) if s in lived_in)]
        at = order.index(self._state) if self._state in order else 0
        self._state = order[(at + 1) % len(order)]
        self.fill()

    def action_next_order(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self.fill()

    def action_pin(self) -> None:
        """A pinned memory comes first in the next night."""
        chosen = self.chosen()
        if isinstance(chosen, Memory):
            self.somnus.root.home.ledger.set_memory(chosen.id, pinned=not chosen.pinned)
            self.refill()
        elif chosen is not None:
            self.notify("It can be pinned when a night has made a memory of it.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what is in quarantine can be confirmed."""
        return action != "confirm" or self._held() is not None

    def _held(self) -> Memory | None:
        chosen = self.chosen() if self.is_mounted else None
        held = isinstance(chosen, Memory) and chosen.state is MemoryState.QUARANTINED
        return chosen if held and isinstance(chosen, Memory) else None

    def action_confirm(self) -> None:
        """Make what was held back the user's own word, after a question that says why it was."""
        held = self._held()
        if held is None or not self.free():
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.somnus.run_bridge("confirm", [held.id])

        self.app.push_screen(Confirm(doubt(held), "It holds"), answered)

    def action_forget(self) -> None:
        chosen = self.chosen()
        if chosen is None or not self.free():
            return
        if isinstance(chosen, Memory):
            if chosen.state is MemoryState.FORGOTTEN:
                return
            work: tuple[list[MemoryId], list[EpisodeId]] = ([chosen.id], [])
            question = consequences([printable(chosen)], [chosen])
        else:
            work, question = ([], [chosen.id]), consequences([chosen.said], [])

        def answered(yes: bool | None) -> None:
            if yes:
                self.somnus.run_bridge("forget", *work)

        self.app.push_screen(Confirm(question, "Forget"), answered)

    def action_export(self) -> None:
        from memory.conversation_file import dump_lines
        from memory.paths import write_atomic
        from tui.commands.memories import exported

        every = exported(self.somnus.root.home.ledger)
        path = free_name(EXPORT)
        try:
            write_atomic(path, dump_lines(every).encode())
        except OSError as error:
            self.notify(f"It can't be written to {path} ({error.strerror}).", severity="error")
        else:
            self.notify(f"{len(every)} memories written to {path}.", markup=False)
