"""The morning: what the last night came to, said once."""

from __future__ import annotations

from typing import Any

from memory.episode import Night, Phase
from memory.ledger import Ledger
from tui.widgets.badge import short

SEEN = "seen_night"  # a note in the ledger: the last night whose card was shown
MOST_TEXTS = 4
LONGEST = 100  # characters of a memory: a card is read at a glance


def morning_card(ledger: Ledger) -> str | None:
    """The card of a night that ended since the app was last looked at, or None."""
    night = ledger.last_finished()
    seen = int(ledger.meta(SEEN) or 0)
    if night is None or night.number <= seen or not night.report:
        return None
    return f"Good morning. {night_card(night)}"


def mark_seen(ledger: Ledger) -> None:
    """The user has seen how the last night went."""
    night = ledger.last_finished()
    if night is not None and int(ledger.meta(SEEN) or 0) < night.number:
        ledger.set_meta(SEEN, str(night.number))


def night_card(night: Night) -> str:
    """A night in a few lines."""
    return verdict(night.report or {}, night.number)


def verdict(report: dict[str, Any], number: int | None = None) -> str:
    """The verdict card: what moved, what stays and why, the exam, the price."""
    name = f"Night {number}" if number else "The night"
    if report.get("alarm"):
        return f"✗ {name} was rolled back: {report['alarm']}. Nothing was lost; the buffer is as it was."
    learned, kept = report.get("learned"), report.get("kept_back")
    if learned is None or kept is None:
        return f"✗ {name} came to nothing; the buffer is as it was."
    stay = "1 stays" if len(kept) == 1 else f"{len(kept)} stay"
    count = len(learned) + len(kept)
    memories = "memory" if count == 1 else "memories"
    lines = [f"✓ {name}: {len(learned)} of {count} {memories} moved into the weights; {stay}."]
    lines += [f"  ◆ {short(m['text'], LONGEST)}" for m in learned[:MOST_TEXTS]]
    if len(learned) > MOST_TEXTS:
        lines.append(f"  ◆ and {len(learned) - MOST_TEXTS} more")
    lines += [f"  ▤ {short(m['text'], LONGEST)} ({m['reason']})" for m in kept[:MOST_TEXTS]]
    if len(kept) > MOST_TEXTS:
        lines.append(f"  ▤ and {len(kept) - MOST_TEXTS} more")
    lines += [
        f"  ↺ {short(m['text'], LONGEST)} (faded, in the buffer again)"
        for m in report.get("faded", [])[:MOST_TEXTS]
    ]
    exam, rise = report.get("exam", {}), report.get("drift", {}).get("rise")
    figures = f"Exam {exam.get('before', 0)} → {exam.get('after', 0)} of {exam.get('asked', 0)}"
    if rise is not None:
        figures += f"; perplexity on general text {rise:+.1%}"
    return "\n".join([*lines, figures + "."])


def night_row(night: Night) -> list[str]:
    """A night as a line of the table: number, when, state, learnt, stay, exam."""
    report = night.report or {}
    exam = report.get("exam")
    undone = night.phase is Phase.ROLLED_BACK
    state = "✗ undone" if undone else "✓" if night.phase is Phase.CLEARED else f"… {night.phase}"

    def count(what: str) -> str:
        found = report.get(what)
        return str(len(found)) if isinstance(found, list) else "–"

    marks = f"{exam['before']}→{exam['after']}/{exam['asked']}" if isinstance(exam, dict) else "–"
    when = f"{night.started.astimezone():%Y-%m-%d %H:%M}"
    return [str(night.number), when, state, count("learned"), count("kept_back"), marks]
