"""The badge under an answer: where it came from, found out by asking again without each of the two memories."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textual.content import Content
from textual.widgets import Static

from agent.events import Replied
from memory.episode import Memory
from memory.store import Recollection
from sleep.words import abstains, agrees, hard, normal, stem
from sleep.words import content as told
from tui.widgets.gauge import pace


class Source(StrEnum):
    """Where an answer came from."""

    BUFFER = "from the buffer"
    WEIGHTS = "from the weights"
    BOTH = "from the buffer and from the weights"
    TALK = "from this talk"
    GUESS = "a guess"
    NOTHING = "nothing remembered, and it says so"
    UNMEASURED = "not measured"


SIGN = {
    Source.BUFFER: "▤",
    Source.WEIGHTS: "◆",
    Source.BOTH: "◈",
    Source.TALK: "≡",
    Source.GUESS: "?",
    Source.NOTHING: "∅",
    Source.UNMEASURED: "·",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The source of one answer, with what was answered without each memory (None: not asked)."""

    source: Source
    without_buffer: str | None = None
    without_weights: str | None = None
    without_both: str | None = None
    memory: Memory | None = None  # of the night behind it, where the weights had a part


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

    def __init__(self, figures: str, found: tuple[Recollection, ...] = ()) -> None:
        super().__init__(Content(figures), classes="source")
        self._figures = figures
        self.found = found
        self.provenance: Provenance | None = None

    @classmethod
    def for_reply(
        cls, reply: Replied, found: tuple[Recollection, ...], adapter: str | None
    ) -> Badge:
        """The badge before anything was measured."""
        looked_up = f"{len(found)} recollected from the buffer" if found else "nothing looked up"
        worn = f"weights of {adapter}" if adapter else "no night's weights yet"
        speed = reply.reply_tokens / max(reply.seconds, 1e-6)
        stopped = " · stopped" * reply.stopped
        return cls(f"{looked_up} · {worn} · {pace(speed)}{stopped}", found)

    def measuring(self) -> None:
        """It is being found out."""
        self.update(Content(f"… looking where it came from\n{self._figures}"))

    def show(self, provenance: Provenance) -> None:
        """What was found out."""
        self.provenance = provenance
        source = provenance.source
        parts = [f"{SIGN[source]} {source.value}"]
        if source in (Source.BUFFER, Source.BOTH) and self.found:
            best = max(self.found, key=lambda r: r.similarity).episode
            parts.append(f"told {best.at.astimezone():%Y-%m-%d}: “{short(best.said)}”")
        if source in (Source.WEIGHTS, Source.BOTH) and provenance.memory is not None:
            m = provenance.memory
            parts.append(f"night {m.night}: “{short(m.text)}”")
        self.update(Content(" · ".join(parts) + f"\n{self._figures}"))


def short(text: str, most: int = 60) -> str:
    """A text on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
