"""`somnus chat`: line by line, streaming. /private, /sleep, /help and /quit are commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime

from agent.events import Recollected, TextStreamed
from agent.recalling import ARMS
from memory.errors import InputError, NothingToLearn
from tui.commands.shared import opened
from tui.commands.sleep import a_night
from tui.root import Root
from tui.say import Say

HELP = "Say anything; it is remembered. /private logs nothing until /private again, /sleep sleeps now, /quit ends."
PASSED_OVER = "A line that is not UTF-8 text was passed over."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--memory", choices=ARMS, default="auto", help="what may be used to answer (auto)"
    )


def run(args: argparse.Namespace, say: Say) -> int:
    with opened(args, say) as root:
        root.model  # noqa: B018  # loaded before the first prompt appears
        talk = open_talk = root.conversation(f"chat-{datetime.now():%Y%m%d-%H%M%S}")
        if sys.stdin.isatty():
            say.note(HELP)
        replies = []
        for line in _lines(say):
            if line == "/quit":
                break
            if line == "/help":
                say.note(HELP)
            elif line == "/private":
                talk = open_talk if talk is not open_talk else root.conversation("", private=True)
                say.note("Logged again." if talk is open_talk else "Private: nothing is logged.")
            elif line == "/sleep":
                _sleep(root, say)
            elif line:
                reply = []
                try:
                    for event in talk.say(line, memory=args.memory):
                        if (
                            isinstance(event, Recollected)
                            and event.recollections
                            and sys.stderr.isatty()
                        ):
                            say.note(f"({len(event.recollections)} recollected)")
                        if isinstance(event, TextStreamed):
                            reply.append(event.text)
                            say.piece(event.text)
                except InputError as error:
                    say.note(str(error))
                say.line()
                replies.append({"said": line, "reply": "".join(reply).strip()})
        say.document({"turns": replies})
    return 0


def _sleep(root: Root, say: Say) -> None:
    try:
        a_night(root, say, budget=None)
    except NothingToLearn as error:
        say.note(str(error))


def _lines(say: Say) -> Iterator[str]:
    """Lines typed or piped, without their ends; bytes that are no text are passed over with a word."""
    if sys.stdin.isatty():
        import readline  # noqa: F401  # history and editing for input()

        while True:
            try:
                yield input("> ").strip()
            except EOFError:
                return
            except UnicodeDecodeError:
                say.note(PASSED_OVER)
    for raw in sys.stdin.buffer:
        try:
            yield raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            say.note(PASSED_OVER)
