"""`somnus recall`: a file of questions under every arm."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from agent.recalling import ARMS, Arm
from memory.errors import UsageError
from memory.questions import Question, read_questions
from tui.commands.shared import existing, opened
from tui.root import Root
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--questions", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--arms", default=",".join(ARMS), help="some of none,buffer,weights,auto")


def run(args: argparse.Namespace, say: Say) -> int:
    arms = [a.strip() for a in args.arms.split(",") if a.strip()]
    if unknown := [a for a in arms if a not in ARMS]:
        raise UsageError(f"There is no arm {unknown[0]!r}; known are {', '.join(ARMS)}.")
    if not arms:
        raise UsageError(f"No arm was named; known are {', '.join(ARMS)}.")
    questions = read_questions(existing(args.questions))
    with opened(args, say) as root:
        report = ask_questions(root, say, questions, arms)
    table(report, say)
    say.document(report)
    return 0


def ask_questions(
    root: Root, say: Say, questions: list[Question], arms: list[Any]
) -> dict[str, Any]:
    """Ask them with progress; returns the document of `recall --json`."""
    from sleep.recall import ask_all, document

    wanted: list[Arm] = [a for a in ARMS if a in arms]
    answers = []
    for answered in ask_all(root.model, root.store, questions, wanted, root.recall):
        answers.append(answered)
        say.progress(f"asking ({answered.arm})", answered.done / answered.total)
    card = root.home.adapters.current()
    return document(answers, model=root.model.name, adapter=card.name if card else None)


def table(report: dict[str, Any], say: Say) -> None:
    """The arms side by side, told questions with their 95 % interval, never-told ones apart."""
    say.line(
        f"{'arm':<8} {'right':>9} {'share':>6} {'95 % interval':>15} {'untold':>8} {'prompt tokens':>14}"
    )
    for name, arm in report["arms"].items():
        low, high = arm["interval"]
        share = arm["right"] / arm["asked"] if arm["asked"] else 0.0
        never = arm["never"]
        say.line(
            f"{name:<8} {arm['right']:>4}/{arm['asked']:<4} {share:>6.0%} {low:>8.0%} – {high:<4.0%} "
            f"{never['right']:>4}/{never['asked']:<3} {arm['prompt_tokens']:>14}"
        )
