"""A night as it goes on: how deep it is, phase by phase, the time left, and the loss as it falls."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from memory.episode import Phase
from sleep.events import NightBegan, NightEnded, NightEvent, PhaseBegan, PhaseReached, Progressed

# How deep each phase is; drawn as an indent, so that a night goes down and comes up again.
DEPTH = {
    Phase.REPLAYED: 1,
    Phase.DREAMT: 3,
    Phase.SEEDED: 4,
    Phase.EXAMINED: 2,
    Phase.COMMITTED: 1,
    Phase.CLEARED: 0,
}
DOING = {
    Phase.REPLAYED: "recalling",
    Phase.DREAMT: "dreaming",
    Phase.SEEDED: "learning",
    Phase.EXAMINED: "examining",
    Phase.COMMITTED: "keeping",
    Phase.CLEARED: "clearing up",
}
BAR = 8
LEVELS = "▁▂▃▄▅▆▇█"


class Hypnogram(Static):
    """Fed with the events of a night."""

    def __init__(self) -> None:
        super().__init__(id="phases")
        self._marks: dict[Phase, str] = {}
        self._losses: list[float] = []
        self._head = ""

    def on_mount(self) -> None:
        self._draw()

    def lay_down(self) -> None:
        """A night begins; nothing is known of it yet."""
        self._marks, self._losses, self._head = {}, [], "Falling asleep …"
        self._draw()

    def take(self, event: NightEvent) -> None:
        """One event of a night."""
        if isinstance(event, NightBegan):
            again = ", gone on with" if event.resumed else ""
            self._head = f"Night {event.night}{again}: at most {event.budget_minutes:g} min"
        elif isinstance(event, PhaseBegan):
            self._marks[event.phase] = f"{'░' * BAR} …"
        elif isinstance(event, Progressed):
            share = event.done / max(1, event.total)
            left = _left(event.left)
            bar = f"{'█' * round(BAR * share):░<{BAR}}"
            self._marks[event.phase] = f"{bar} … {event.note} {event.done}/{event.total}{left}"
            if event.loss is not None:
                self._losses.append(event.loss)
        elif isinstance(event, PhaseReached):
            self._marks[event.phase] = f"{'█' * BAR} ✓ {clock(event.seconds)}"
        self._draw()

    def _draw(self) -> None:
        lines = [self._head] if self._head else []
        lines += [
            f"{p.value:<10} {' ' * 2 * depth}{self._marks.get(p, '·')}"
            for p, depth in DEPTH.items()
        ]
        if self._losses:
            first, last = self._losses[0], self._losses[-1]
            lines.append(f"loss       {spark(self._losses, 24)}  {first:.2f} → {last:.2f}")
        self.update(Content("\n".join(lines)))


def brief(event: NightEvent) -> str | None:
    """The night in a few words, for the line of places; None when the event doesn't change them."""
    if isinstance(event, PhaseBegan):
        return DOING[event.phase]
    if isinstance(event, Progressed):
        left = _left(event.left)
        return f"{DOING[event.phase]} {event.done / max(1, event.total):.0%}{left}"
    return "" if isinstance(event, NightEnded) else None


def _left(seconds: float | None) -> str:
    """The time left, no finer than it is known."""
    if seconds is None:
        return ""
    return f", {round(seconds)} s left" if seconds < 90 else f", {round(seconds / 60)} min left"


def spark(values: Sequence[float], width: int) -> str:
    """Values as a line of blocks, the latest last; more than `width` are thinned out evenly."""
    if not values:
        return ""
    count = min(width, len(values))
    some = [values[(i + 1) * len(values) // count - 1] for i in range(count)]
    low, high = min(some), max(some)
    span = high - low or 1.0
    return "".join(LEVELS[round((len(LEVELS) - 1) * (v - low) / span)] for v in some)


def clock(seconds: float) -> str:
    """Seconds as people say them."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"
