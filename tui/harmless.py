"""Nothing that a memory holds can steer the terminal: control characters end here, before a line is drawn.

They take no room, so that the line keeps its width; what is left of an escape sequence is shown as the letters it is.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tui.say import CONTROL


class Harmless(LineFilter):
    """Takes control characters and changes of direction out of every line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        del background
        return [
            s
            if s.control or not CONTROL.search(s.text)
            else Segment(CONTROL.sub("", s.text), s.style)
            for s in segments
        ]
