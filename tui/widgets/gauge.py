"""What the next reply will have: how full the context is, which memories it may use, and how fast the last one was."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

CELLS = 8
ARM_WORDS = {
    "auto": "",
    "weights": "next reply: without the buffer",
    "buffer": "next reply: without the weights",
}


class Gauge(Static):
    """One line beside the status line."""

    def show(self, *, used: int, room: int, speed: float | None, arm: str, private: bool) -> None:
        """`used` of `room` tokens; `speed` in tokens a second, of the last reply."""
        share = min(1.0, used / room) if room else 0.0
        parts = [ARM_WORDS[arm], "private" * private]
        parts.append(f"context {'▰' * round(CELLS * share):▱<{CELLS}} {used}/{room}")
        if speed is not None:
            parts.append(pace(speed))
        self.update(Content(" · ".join(p for p in parts if p)))


def pace(speed: float) -> str:
    """Tokens a second; a slow machine's with a decimal."""
    return f"{speed:.0f} tokens/s" if speed >= 10 else f"{speed:.1f} tokens/s"
