"""`somnus ask`: one answer, logged nowhere."""

from __future__ import annotations

import argparse

from agent.conversation import ARMS, adapter_for, answer_turns, check_message, reply_room
from agent.model import Sampling
from tui.commands.shared import opened, words_or_stdin
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="*", metavar="QUESTION")
    parser.add_argument(
        "--memory", choices=ARMS, default="auto", help="what may be used to answer (auto)"
    )


def run(args: argparse.Namespace, say: Say) -> int:
    question = words_or_stdin(args.question, "question")
    check_message(question)
    with opened(args, say) as root:
        model = root.model
        store = root.store if args.memory in ("auto", "buffer") else None
        turns, found = answer_turns(question, args.memory, store, model, root.recall)
        sampling = Sampling(max_tokens=reply_room(model, root.recall))
        pieces = []
        for piece in model.stream(turns, sampling, adapter=adapter_for(args.memory)):
            pieces.append(piece)
            say.piece(piece)
        say.line()
        card = root.home.adapters.current()
        say.document(
            {
                "question": question, "answer": "".join(pieces).strip(), "memory": args.memory,
                "prompt": model.prompt(turns), "prompt_tokens": model.count_tokens(turns),
                "recollections": [
                    {"episode": r.episode.id, "said": r.episode.said, "similarity": round(r.similarity, 3)}
                    for r in found
                ],
                "adapter": card.name if card and adapter_for(args.memory) else None,
            }
        )  # fmt: skip
    return 0
