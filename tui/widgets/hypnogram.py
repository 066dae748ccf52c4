"""A night as it goes on: how deep it is, phase by phase, the time left, and the loss as it falls."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from memory.episode import Phase
from sleep.events import NightBegan, NightEvent, PhaseBegan, PhaseReached, Progressed

# How deep each phase is; drawn as an indent, so that a night goes down and comes up again.
DEPTH = {
    Phase.REPLAYED: 1,
    Phase.DREAMT: 3,
    Phase.SEEDED: 4,
    Phase.EXAMINED: 2,
    Phase.COMMITTED: 1,
    Phase.CLEARED: 0,
}
BAR = 8
LEVELS = "▁▂▃▄▅▆▇█"


class Hypnogram(Static):
    """Fed with the events of a night."""

    def __init__(self) -> None:
        super().__init__(id="phases")
        self._marks: dict[Phase, str] = {}
        self._losses: list[float] = []

    def on_mount(self) -> None:
        self._draw()

    def take(self, event: NightEvent) -> None:
        """One event of a night."""
        if isinstance(event, NightBegan):
            self._marks, self._losses = {}, []
        elif isinstance(event, PhaseBegan):
            self._marks[event.phase] = f"{'░' * BAR} …"
        elif isinstance(event, Progressed):
            share = event.done / max(1, event.total)
            left = f", {clock(event.left)} left" if event.left is not None else ""
            bar = f"{'█' * round(BAR * share):░<{BAR}}"
            self._marks[event.phase] = f"{bar} … {event.note} {event.done}/{event.total}{left}"
            if event.loss is not None:
                self._losses.append(event.loss)
        elif isinstance(event, PhaseReached):
            self._marks[event.phase] = f"{'█' * BAR} ✓ {clock(event.seconds)}"
        self._draw()

    def _draw(self) -> None:
        lines = [
            f"{p.value:<10} {' ' * 2 * depth}{self._marks.get(p, '·')}"
            for p, depth in DEPTH.items()
        ]
        if self._losses:
            first, last = self._losses[0], self._losses[-1]
            lines.append(f"loss       {spark(self._losses, 24)}  {first:.2f} → {last:.2f}")
        self.update(Content("\n".join(lines)))


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
