"""The badge under an answer: where it came from, found out by asking again without each of the two memories."""

from __future__ import annotations

from dataclasses import replace

from textual.content import Content
from textual.widgets import Static

from agent.telling import abstains
from memory.episode import Memory
from memory.trace import Provenance, Source, Trace
from sleep.words import agrees, hard, normal, stem
from sleep.words import content as told
from tui.widgets.gauge import pace

SAID = {
    Source.BUFFER: "▤ from the buffer",
    Source.WEIGHTS: "◆ from the weights",
    Source.BOTH: "◈ from the buffer and from the weights",
    Source.TALK: "≡ from this talk",
    Source.GUESS: "? a guess",
    Source.NOTHING: "∅ nothing remembered, and it says so",
    Source.UNMEASURED: "· not measured",
}


def judge(
    question: str,
    answer: str,
    *,
    without_buffer: str | None,
    without_weights: str | None,
    without_both: str | None,
    in_talk: bool = False,
    sampled: bool = False,
) -> Source:
    """Where an answer came from; None stands for a memory that had no part in it, or wasn't asked.

    The others were asked greedily and without earlier turns: none need agree with an answer that is `sampled`.
    """

    def same(other: str | None) -> bool:
        if other is None:
            return False
        return normal(other) == normal(answer) or agrees(other, question, answer, answer)

    if abstains(answer):
        return Source.NOTHING
    if same(without_both):
        return Source.GUESS
    alone, looked_up = same(without_buffer), same(without_weights)
    if alone and looked_up:
        return Source.BOTH
    if alone or looked_up:
        return Source.WEIGHTS if alone else Source.BUFFER
    if without_both is None:  # nothing had a part in it
        return Source.GUESS
    if sampled:
        return Source.UNMEASURED
    if in_talk:
        return Source.TALK
    # Neither gives it alone: it took both, if both were there.
    both = without_buffer is not None and without_weights is not None
    return Source.BOTH if both else Source.GUESS


def behind(memories: list[Memory], question: str, answer: str) -> Memory | None:
    """The consolidated memory that an answer from the weights retells: its names stand in it, and most words."""
    names = {stem(w) for w in hard("x " + answer)}
    asked = {stem(w) for w in [*told(question), *told(answer)]}
    best, most = None, 0
    for memory in memories:
        held = {stem(w) for w in told(memory.text)}
        if names <= held and len(asked & held) > most:
            best, most = memory, len(asked & held)
    return best


class Badge(Static):
    """Two lines under an answer: its source, and its figures."""

    def __init__(self, trace: Trace | None) -> None:
        """`trace`: None for a reply of which nothing was kept."""
        super().__init__(Content(_text(trace)), classes="source")
        self.trace = trace

    def measuring(self) -> None:
        """It is being found out."""
        self.update(Content(f"… looking where it came from\n{_figures(self.trace)}"))

    def show(self, provenance: Provenance) -> None:
        """What was found out."""
        if self.trace is not None:
            self.trace = replace(self.trace, provenance=provenance)
            self.update(Content(_text(self.trace)))


def _text(trace: Trace | None) -> str:
    if trace is None:
        return SAID[Source.UNMEASURED]
    return "\n".join(filter(None, (_source(trace), _figures(trace))))


def _source(trace: Trace) -> str:
    p = trace.provenance
    if p is None:
        return ""
    parts = [SAID[p.source]]
    if p.source in (Source.BUFFER, Source.BOTH) and trace.found:
        best = max(trace.found, key=lambda r: r.similarity).episode
        parts.append(f"told {best.at.astimezone():%Y-%m-%d}: “{short(best.said)}”")
    if p.source in (Source.WEIGHTS, Source.BOTH) and p.memory is not None:
        parts.append(f"night {p.memory.night}: “{short(p.memory.text)}”")
    return " · ".join(parts)


def _figures(trace: Trace | None) -> str:
    if trace is None:
        return ""
    count = len(trace.found)
    looked_up = f"{count} recollected from the buffer" if count else "nothing looked up"
    worn = f"weights of {trace.adapter}" if trace.adapter else "no night's weights"
    speed = pace(trace.tokens / max(trace.seconds, 1e-6))
    return " · ".join([looked_up, worn, speed, *["stopped"] * trace.stopped])


def short(text: str, most: int = 60) -> str:
    """A text on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
