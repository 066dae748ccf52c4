"""`somnus tell`: into the buffer without a reply; no language model is loaded."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.conversation import check_message
from memory.conversation_file import pair, read_conversation
from memory.errors import InputError, UsageError
from memory.quarantine import hold_back
from tui.commands.shared import existing, opened, words_or_stdin
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="*", metavar="TEXT", help="what you say")
    parser.add_argument(
        "--file",
        type=Path,
        metavar="CONVERSATION.jsonl",
        help='lines of {"role", "content", "at", "origin"}',
    )


def run(args: argparse.Namespace, say: Say) -> int:
    if args.file and args.text:
        raise UsageError("Give either words or --file, not both.")
    turns = read_conversation(existing(args.file)) if args.file else None
    text = "" if turns is not None else words_or_stdin(args.text, "text")
    if turns is None:
        check_message(text)
    if turns is not None and not pair(turns):
        raise InputError(
            f"{args.file} has no line of the user's, only replies: there is nothing to remember."
        )
    with opened(args, say) as root:
        ledger = root.home.ledger
        told = ledger.append_all(pair(turns)) if turns is not None else [ledger.append(text)]
        root.store.add(told)
        for episode in told:
            if not episode.origin.believed:
                hold_back(ledger, episode)
        count = len(ledger.waiting())
    say.line(f"Told {len(told)}; the buffer holds {count} episode{'s' * (count != 1)}.")
    say.document({"told": [e.id for e in told], "buffer": {"episodes": count}})
    return 0
