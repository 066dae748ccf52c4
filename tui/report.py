"""A night's report as one self-contained HTML page: inline SVG, no scripts, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from memory.episode import ExamAnswer, Night

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222;"
    "background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.4rem;text-align:left;"
    "vertical-align:top}@media(prefers-color-scheme:dark){body{background:#181820;color:#ddd}td,th{border-color:#444}}"
)


def html(night: Night, answers: Sequence[ExamAnswer]) -> str:
    """The page."""
    report: dict[str, Any] = night.report or {}
    exam = report.get("exam", {})
    asked = exam.get("asked", 0)
    bars = _bar("before", exam.get("before", 0), asked, 0) + _bar(
        "after", exam.get("after", 0), asked, 1
    )
    rows = "".join(
        f"<tr><td>{'✓' if a.right else '·'}</td><td>{escape(a.question)}</td><td>{escape(a.control_answer)}</td>"
        f"<td>{escape(a.answer)}</td></tr>"
        for a in answers
    )
    learned = "".join(f"<li>{escape(m['text'])}</li>" for m in report.get("learned", []))
    kept = "".join(
        f"<li>{escape(m['text'])} ({escape(m['reason'])})</li>" for m in report.get("kept_back", [])
    )
    rise = report.get("drift", {}).get("rise")
    drift = f"<p>Perplexity on general text: {rise:+.1%}.</p>" if rise is not None else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Night {night.number}</title><style>{STYLE}</style>"
        f"<h1>Night {night.number}: {escape(str(night.phase))}</h1>"
        f"<svg viewBox='0 0 600 90' role=img aria-label='exam before and after'>{bars}</svg>{drift}"
        f"<h2>Learnt</h2><ul>{learned or '<li>nothing</li>'}</ul>"
        f"<h2>Kept back</h2><ul>{kept or '<li>nothing</li>'}</ul>"
        f"<h2>Exam</h2><table><tr><th></th><th>Question</th><th>Before</th><th>After</th></tr>{rows}</table></html>"
    )


def _bar(name: str, right: int, asked: int, row: int) -> str:
    width = 400 * right / asked if asked else 0
    y = 10 + 40 * row
    return (
        f"<text x=0 y={y + 18} fill=currentColor font-size=15>{name}</text>"
        f"<rect x=70 y={y} width=400 height=24 fill=none stroke=currentColor />"
        f"<rect x=70 y={y} width={width:.0f} height=24 fill='#6a5acd' />"
        f"<text x=480 y={y + 18} fill=currentColor font-size=15>{right}/{asked}</text>"
    )
