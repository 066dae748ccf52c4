"""`somnus demo`: told, recalled by retrieval, slept on, recalled from the weights."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path
from typing import Any

from memory.conversation_file import pair, read_conversation
from memory.episode import Phase
from memory.questions import read_questions
from tui.commands.recall import ask_questions
from tui.commands.shared import opened
from tui.commands.sleep import a_night
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget", type=float, default=8.0, metavar="MINUTES", help="for the night (8)"
    )


def run(args: argparse.Namespace, say: Say) -> int:
    demo = Path(str(files("data").joinpath("demo")))
    questions = read_questions(demo / "questions.jsonl")
    with opened(args, say) as root:
        root.model  # noqa: B018  # downloads come before the story begins
        turns = read_conversation(demo / "conversation.jsonl")
        if not root.home.ledger.episodes():
            root.store.add(root.home.ledger.append_all(pair(turns)))
        say.line("\n1. By day you tell it:")
        for turn in turns:
            say.line(f"     “{turn.content}”")
        say.line("\n2. Before it sleeps it is asked twice: looking things up, and by heart.\n")
        before = ask_questions(root, say, questions, ["weights", "buffer"])
        _table(before, say)
        say.line("\n3. It sleeps.\n")
        report = a_night(root, say, budget=args.budget)
        if report["outcome"] == Phase.ROLLED_BACK.value:
            say.document({"before": before, "night": report})
            return 4
        say.line(
            f"\n4. The morning after: the buffer holds {len(root.store.ids())} episodes. By heart:\n"
        )
        after = ask_questions(root, say, questions, ["none", "weights"])
        _table(after, say)
        say.line()
        for a in [a for a in after["answers"] if a["arm"] == "weights"][:6]:
            say.line(f"     {a['question']}\n       → {a['answer']}")
        say.line(
            f"\nWhat now?  The home of this demo is {root.path}.\n"
            f'  somnus --home {root.path} ask "{questions[0].question}" --memory weights\n'
            f"  somnus --home {root.path} nights show 1\n"
            "  make chat        to begin a memory of your own"
        )
        say.document({"before": before, "night": report, "after": after})
    return 0


def _table(report: dict[str, Any], say: Say) -> None:
    names = {"none": "nothing", "weights": "its weights", "buffer": "the buffer", "auto": "both"}
    say.line(f"     {'answering from':<16} {'right':>8}   {'prompt tokens an answer':>24}")
    for name, arm in report["arms"].items():
        right = f"{arm['right']}/{arm['asked']}"
        say.line(f"     {names[name]:<16} {right:>8}   {arm['prompt_tokens']:>24}")
