"""What the memory screen says of everything that was told: pure functions from the ledger's values to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from memory.episode import Episode, ExamAnswer, Memory, MemoryId, MemoryState
from memory.quarantine import printable
from tui.widgets.hypnogram import LEVELS

WHERE = {
    MemoryState.QUARANTINED: "⊘ quarantine",
    MemoryState.BUFFER: "▤ buffer",
    MemoryState.CONSOLIDATED: "◆ weights",
    MemoryState.KEPT_BACK: "▥ kept back",
    MemoryState.SUPERSEDED: "↶ history",
    MemoryState.FORGOTTEN: "✗ forgotten",
}
UNREAD = "… unread"  # in the buffer; no night has made memories of it yet
NONE_YET = "No memories yet: tell me something in the chat (f2)."
ORDERS = ("newest first", "oldest first", "weakest first")
MOST_NIGHTS = 8  # in a strength's picture

Marks = dict[int, tuple[int, int]]  # (right, asked) of each night's exam


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the table; `key` is a memory's number, or an unread episode's after an e."""

    key: str
    where: str
    state: str
    at: datetime
    strength: str
    share: float  # of its latest exam; 2 where there was none
    text: str

    @property
    def cells(self) -> dict[str, str]:
        """By the names of the columns."""
        told = f"{self.at.astimezone():%Y-%m-%d}"
        return {"where": self.where, "told": told, "strength": self.strength, "memory": self.text}


def items(
    memories: Sequence[Memory], unread: Sequence[Episode], exams: dict[MemoryId, Marks]
) -> list[Item]:
    """All that was told: what no night has read yet, and the memories."""
    out = [
        Item(key=f"e{e.id}", where=UNREAD, state=UNREAD, at=e.at, strength="", share=2.0, text=e.said)
        for e in unread
    ]  # fmt: skip
    for m in memories:
        marks = exams.get(m.id, {})
        night = f" {m.night}" if m.state is MemoryState.CONSOLIDATED else ""
        text = printable(m) + "  (pinned)" * m.pinned
        out.append(
            Item(
                key=str(m.id), where=WHERE[m.state] + night, state=WHERE[m.state], at=m.at,
                strength=strength(marks), share=_latest(marks), text=text,
            )
        )  # fmt: skip
    return out


def choose(every: Sequence[Item], words: str, state: str, order: str) -> list[Item]:
    """The items that have these words and this state (any for ""), in one of `ORDERS`."""
    wanted = words.casefold()
    some = [
        i for i in every if state in ("", i.state) and wanted in f"{i.where} {i.text}".casefold()
    ]
    some.sort(key=lambda i: i.at, reverse=order != "oldest first")
    if order == "weakest first":
        some.sort(key=lambda i: i.share)
    return some


def marks_of(answers: Sequence[ExamAnswer]) -> dict[MemoryId, Marks]:
    """Each memory's exams, night by night."""
    exams: dict[MemoryId, dict[int, list[bool]]] = {}
    for a in answers:
        if a.memory is not None:
            exams.setdefault(a.memory, {}).setdefault(a.night, []).append(a.right)
    return {
        m: {night: (sum(r), len(r)) for night, r in sorted(nights.items())}
        for m, nights in exams.items()
    }


def strength(marks: Marks) -> str:
    """A block a night, and the latest exam: "▃█ 3/3"."""
    if not marks:
        return ""
    every = list(marks.values())
    blocks = "".join(LEVELS[round((len(LEVELS) - 1) * r / n)] for r, n in every[-MOST_NIGHTS:])
    right, asked = every[-1]
    return f"{blocks} {right}/{asked}"


def _latest(marks: Marks) -> float:
    if not marks:
        return 2.0
    right, asked = list(marks.values())[-1]
    return right / asked


def detail(m: Memory, marks: Marks) -> str:
    """What is known about a memory, on a line or two."""
    parts = [f"memory {m.id}"]
    if m.night:
        parts.append(f"learnt in night {m.night}")
    if m.superseded_by:
        parts.append(f"memory {m.superseded_by} took its place")
    if m.failures:
        parts.append(f"failed {m.failures} {'night' if m.failures == 1 else 'nights'}")
    if m.reason:
        parts.append(m.reason)
    if marks:
        parts.append("exams: " + ", ".join(f"night {n} {r}/{k}" for n, (r, k) in marks.items()))
    return " · ".join(parts)


def counts(memories: Sequence[Memory], unread: int) -> str:
    """How many live where."""
    if not memories and not unread:
        return NONE_YET
    of = {where: sum(m.state is state for m in memories) for state, where in WHERE.items()}
    every = {UNREAD: unread} | of
    return " · ".join(f"{n} {where}" for where, n in every.items() if n)
