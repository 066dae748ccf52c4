"""`somnus ask`: one answer, logged nowhere."""

from __future__ import annotations

import argparse

from agent.conversation import check_message
from agent.model import Sampling
from agent.recalling import ARMS, approach, reply_room
from memory.ram_store import RamStore
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
        looks_up = args.memory in ("auto", "buffer")  # else the buffer needn't be opened
        store = root.store if looks_up else RamStore(root.embedder)
        how = approach(question, args.memory, store, model, root.recall)
        sampling = Sampling(max_tokens=reply_room(model, root.recall))
        pieces = []
        stream = model.stream(how.turns, sampling, adapter=how.adapter)
        for piece in stream if how.said is None else [how.said]:
            pieces.append(piece)
            say.piece(piece)
        say.line()
        card = root.home.adapters.current()
        say.document(
            {
                "question": question, "answer": "".join(pieces).strip(), "memory": args.memory,
                "prompt": model.prompt(how.turns), "prompt_tokens": model.count_tokens(how.turns),
                "recollections": [
                    {"episode": r.episode.id, "said": r.episode.said, "similarity": round(r.similarity, 3)}
                    for r in how.found
                ],
                "adapter": card.name if card and how.adapter else None,
            }
        )  # fmt: skip
    return 0
