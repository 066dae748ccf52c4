"""`somnus nights`: the nights so far; show one, undo one, or write its report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from memory.episode import Night
from memory.errors import UsageError
from memory.paths import write_atomic
from memory.undoing import undo
from tui.commands.shared import opened
from tui.names import chosen, forceable
from tui.say import Say

NO_NIGHT = "No night yet; `somnus sleep` is the first."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=["list", "show", "rollback", "report"], default="list"
    )
    parser.add_argument("number", nargs="?", type=int, metavar="N")
    parser.add_argument("--dreams", action="store_true", help="with show: the dream diary")
    parser.add_argument("--html", type=Path, metavar="FILE", help="with report: where to write it")
    forceable(parser)


def run(args: argparse.Namespace, say: Say) -> int:
    if args.action != "list" and args.number is None:
        raise UsageError(f"Which night? Give its number: somnus nights {args.action} N.")
    with opened(args, say, read_only=args.action != "rollback") as root:
        if args.action == "list" and root.is_new:
            say.line(NO_NIGHT)
            say.document({"nights": []})
            return 0
        ledger = root.home.ledger
        if args.action == "rollback":
            undone = undo(ledger, root.home.adapters, args.number)
            root.store.rebuild(ledger.waiting())
            count = len(ledger.waiting())
            say.line(
                f"Undone: night {', '.join(map(str, undone))}. The buffer holds {count} episodes again."
            )
            say.document({"undone": undone, "buffer": {"episodes": count}})
            return 0
        if args.action == "list":
            nights = ledger.nights()
            for night in nights:
                say.line(_summary(night))
            if not nights:
                say.line(NO_NIGHT)
            say.document({"nights": [_document(n) for n in nights]})
            return 0
        found = ledger.night(args.number)
        if found is None:
            raise UsageError(f"There is no night {args.number}; `somnus nights` lists them.")
        night = found
        answers = ledger.answers(night=night.number)
        if args.action == "report":
            if args.html is None:
                raise UsageError("Where to? Give --html FILE.")
            from tui.report import page

            write_atomic(
                chosen(args.html, args, begins=b"<!doctype html>"), page(ledger, night).encode()
            )
            say.line(f"Written to {args.html}.")
            say.document({"written": str(args.html)})
            return 0
        dreams = ledger.dreams(night=night.number) if args.dreams else []
        say.line(_summary(night))
        for a in answers:
            mark = "✓" if a.right else "·"
            say.line(
                f"  {mark} {a.question}\n      before: {a.control_answer}\n      after:  {a.answer}"
            )
        for d in dreams:
            use = "used" if d.used else "exam" if d.held_out else "kept"
            say.line(f"  [{d.kind}, {use}, gap {d.gap:.2f}] {d.cue} → {d.reply}")
        say.document(
            {
                **_document(night),
                "answers": [
                    {
                        "question": a.question, "kind": a.kind, "before": a.control_answer, "after": a.answer,
                        "right": a.right,
                    }
                    for a in answers
                ],
                "dreams": [
                    {
                        "kind": d.kind, "cue": d.cue, "reply": d.reply, "gap": d.gap, "used": d.used,
                        "held_out": d.held_out,
                    }
                    for d in dreams
                ],
            }
        )  # fmt: skip
    return 0


def _document(night: Night) -> dict[str, object]:
    return {
        "night": night.number, "phase": night.phase, "started": night.started, "finished": night.finished,
        "adapter": night.adapter, "report": night.report,
    }  # fmt: skip


def _summary(night: Night) -> str:
    report = night.report or {}
    learned: Any = report.get("learned")
    kept: Any = report.get("kept_back")
    counts = (
        f", {len(learned)} learnt, {len(kept)} kept back"
        if learned is not None and kept is not None
        else ""
    )
    return (
        f"Night {night.number}  {night.started.astimezone():%Y-%m-%d %H:%M}  {night.phase}{counts}"
    )
