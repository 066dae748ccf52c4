"""Many nights in one picture: how their exams went, and what later nights still knew of earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memory.episode import ExamAnswer, Memory, Night, Phase
from tui.widgets.grid import SCROLLBAR
from tui.widgets.hypnogram import LEVELS

MOST_NIGHTS = 24
FIRST = len(" learnt in ") + SCROLLBAR  # cells that no exam has


def shares(nights: Sequence[Night]) -> list[tuple[int, int, int]]:
    """(night, right, asked) for every night that was examined and stands."""
    out = []
    for night in nights:
        exam: Any = (night.report or {}).get("exam")
        if isinstance(exam, dict) and exam.get("asked") and night.phase is not Phase.ROLLED_BACK:
            out.append((night.number, int(exam["after"]), int(exam["asked"])))
    return out


def trend(nights: Sequence[Night]) -> str:
    """A line of blocks, one a night, from nothing right to all right."""
    every = shares(nights)[-MOST_NIGHTS:]
    if not every:
        return "No night has been examined yet; press ctrl+s to sleep."
    blocks = "".join(LEVELS[round((len(LEVELS) - 1) * r / n)] for _, r, n in every)
    (first, r0, n0), (last, r1, n1) = every[0], every[-1]
    return (
        f"Exam by night  {blocks}  night {first}: {r0}/{n0} … night {last}: {r1}/{n1}\n"
        "Below: of what a night learnt, what was right when a later exam asked again."
    )


def fitting(night: int, width: int) -> int:
    """How many exams, up to this night's, a window has room for."""
    return max(1, min(MOST_NIGHTS, (width - FIRST) // len(f" exam {night} ")))


def retention(
    memories: Sequence[Memory], answers: Sequence[ExamAnswer], most: int = MOST_NIGHTS
) -> tuple[list[str], list[list[str]]]:
    """The retention matrix as a table: a row for each night that learnt, a column for each of the newest exams."""
    born = {m.id: m.night for m in memories if m.night}
    exams = sorted({a.night for a in answers})[-most:]
    rows = []
    for night in sorted(set(born.values()), key=int):
        cells = [f"night {night}"]
        for exam in exams:
            asked = [
                a.right
                for a in answers
                if a.night == exam and a.memory is not None and born.get(a.memory) == night
            ]
            cells.append(f"{sum(asked)}/{len(asked)}" if asked else "")
        rows.append(cells)
    return ["learnt in", *(f"exam {n}" for n in exams)], rows
