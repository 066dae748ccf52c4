"""`somnus demo`: told, recalled by retrieval, slept on, recalled from the weights.

In a home of its own that is thrown away, unless one is named; never among memories that are somebody's.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from memory.conversation_file import pair, read_conversation
from memory.episode import Phase
from memory.errors import HomeError
from memory.questions import read_questions
from tui.commands.recall import ask_questions
from tui.commands.shared import opened
from tui.commands.sleep import a_night
from tui.root import Root
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget", type=float, default=8.0, metavar="MINUTES", help="for the night (8)"
    )


def run(args: argparse.Namespace, say: Say) -> int:
    demo = Path(str(files("data").joinpath("demo")))
    questions = read_questions(demo / "questions.jsonl")
    turns = read_conversation(demo / "conversation.jsonl")
    if args.home is None and not os.environ.get("SOMNUS_HOME"):
        args.home = Path(tempfile.mkdtemp(prefix="somnus-demo-"))
    with opened(args, say) as root:
        _refuse_others(root, {turn.content for turn in turns})
        root.model  # noqa: B018  # downloads come before the story begins
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
        home, asked = shlex.quote(str(root.path)), f'ask "{questions[0].question}"'
        if report["outcome"] == Phase.ROLLED_BACK.value:
            say.line(
                f"\nWhat now?  The home of this demo is {root.path}, and all that was told is in its buffer.\n"
                f"  somnus --home {home} {asked} --memory buffer\n"
                f"  somnus --home {home} sleep        to let it try again, with other dreams"
            )
            say.document({"before": before, "night": report, "after": None})
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
            f"  somnus --home {home} {asked} --memory weights\n"
            f"  somnus --home {home} nights show {report['night']}\n"
            "  make chat        to begin a memory of your own"
        )
        say.document({"before": before, "night": report, "after": after})
    return 0


def _refuse_others(root: Root, demo: set[str]) -> None:
    """A night would learn whatever else is in the home. Raises HomeError."""
    others = [e for e in root.home.ledger.episodes() if e.said not in demo]
    if others:
        raise HomeError(
            f"The home {root.path} holds {len(others)} episodes that are not the demo's; leave out --home and "
            "SOMNUS_HOME for a home that is thrown away, or name an empty one."
        )


def _table(report: dict[str, Any], say: Say) -> None:
    names = {"none": "nothing", "weights": "its weights", "buffer": "the buffer", "auto": "both"}
    say.line(f"     {'answering from':<16} {'right':>8}   {'prompt tokens an answer':>24}")
    for name, arm in report["arms"].items():
        right = f"{arm['right']}/{arm['asked']}"
        say.line(f"     {names[name]:<16} {right:>8}   {arm['prompt_tokens']:>24}")
