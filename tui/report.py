"""A night's report as one self-contained HTML page: inline SVG, no scripts, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from memory.episode import ExamAnswer, Night
from memory.ledger import Ledger
from memory.questions import wilson
from tui.screens.trend import retention, shares

# What got worse first: (right before, right after).
ORDER = [(True, False), (False, True), (True, True), (False, False)]
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222;"
    "background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.4rem;text-align:left;"
    "vertical-align:top}@media(prefers-color-scheme:dark){body{background:#181820;color:#ddd}td,th{border-color:#444}}"
)


def page(ledger: Ledger, night: Night) -> str:
    """The page about a night, with all that the ledger knows of it and of the nights around it."""
    kept = retention(ledger.memories(), ledger.answers())
    return html(night, ledger.answers(night=night.number), ledger.nights(), kept)


def html(
    night: Night,
    answers: Sequence[ExamAnswer],
    nights: Sequence[Night] = (),
    kept_matrix: tuple[Sequence[str], Sequence[Sequence[str]]] = ((), ()),
) -> str:
    """The page; with `nights`, their trend too, and with a retention matrix what later exams still found."""
    report: dict[str, Any] = night.report or {}
    exam = report.get("exam", {})
    asked = exam.get("asked", 0)
    bars = _bar("before", exam.get("before", 0), asked, 0) + _bar(
        "after", exam.get("after", 0), asked, 1
    )
    rows = "".join(
        f"<tr><td>{_change(a)}</td><td>{escape(a.question)}</td><td>{escape(a.control_answer)}</td>"
        f"<td>{escape(a.answer)}</td></tr>"
        for a in sorted(answers, key=lambda a: ORDER.index((a.control_right, a.right)))
    )
    better, worse = (sum(_turned(a) is way for a in answers) for way in (True, False))
    learned = "".join(f"<li>{escape(m['text'])}</li>" for m in report.get("learned", []))
    kept = "".join(
        f"<li>{escape(m['text'])} ({escape(m['reason'])})</li>" for m in report.get("kept_back", [])
    )
    gone = "".join(
        f"<li>{escape(m['text'])} ({escape(m['reason'])})</li>" for m in report.get("faded", [])
    )
    rise = report.get("drift", {}).get("rise")
    drift = f"<p>Perplexity on general text: {rise:+.1%}.</p>" if rise is not None else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Night {night.number}</title><style>{STYLE}</style>"
        f"<h1>Night {night.number}: {escape(str(night.phase))}</h1>"
        f"<svg viewBox='0 0 600 90' role=img aria-label='exam before and after'>{bars}</svg>{drift}{_trend(nights)}"
        f"<h2>Learnt</h2><ul>{learned or '<li>nothing</li>'}</ul>"
        f"<h2>Kept back</h2><ul>{kept or '<li>nothing</li>'}</ul>"
        f"{f'<h2>Faded, and in the buffer again</h2><ul>{gone}</ul>' if gone else ''}"
        f"<h2>Exam</h2><p>Asked with nothing to look up: ↑ {better} better, ↓ {worse} worse.</p>"
        f"<table><tr><th></th><th>Question</th><th>Before</th><th>After</th></tr>{rows}</table>"
        f"{_matrix(*kept_matrix)}</html>"
    )


def _turned(a: ExamAnswer) -> bool | None:
    return None if a.right == a.control_right else a.right


def _matrix(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return (
        "<h2>What later exams still found</h2><p>Of what a night learnt, what was right when an exam asked again.</p>"
        f"<table><tr>{head}</tr>{body}</table>"
    )


def _bar(name: str, right: int, asked: int, row: int) -> str:
    width = 400 * right / asked if asked else 0
    y = 10 + 40 * row
    return (
        f"<text x=0 y={y + 18} fill=currentColor font-size=15>{name}</text>"
        f"<rect x=70 y={y} width=400 height=24 fill=none stroke=currentColor />"
        f"<rect x=70 y={y} width={width:.0f} height=24 fill='#6a5acd' />{_interval(right, asked, y)}"
        f"<text x=480 y={y + 18} fill=currentColor font-size=15>{right}/{asked}</text>"
    )


def _interval(right: int, asked: int, y: int) -> str:
    """The 95 % interval as a line through the end of the bar."""
    low, high = (400 * x for x in wilson(right, asked))
    return f"<line x1={70 + low:.0f} x2={70 + high:.0f} y1={y + 12} y2={y + 12} stroke=currentColor stroke-width=2 />"


def _change(a: ExamAnswer) -> str:
    if a.right == a.control_right:
        return "✓" if a.right else "·"
    return "↑ better" if a.right else "↓ worse"


def _trend(nights: Sequence[Night]) -> str:
    every = shares(nights)
    if len(every) < 2:
        return ""
    step = 560 / (len(every) - 1)
    at = [(20 + i * step, 90 - 80 * right / asked) for i, (_, right, asked) in enumerate(every)]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in at)
    dots = "".join(
        f"<circle cx={x:.0f} cy={y:.0f} r=4 fill='#6a5acd'><title>night {n}: {r}/{k}</title></circle>"
        for (x, y), (n, r, k) in zip(at, every, strict=True)
    )
    return (
        "<h2>Nights so far</h2><svg viewBox='0 0 600 100' role=img aria-label='exam right, night by night'>"
        f"<polyline points='{line}' fill=none stroke=currentColor />{dots}</svg>"
    )
