"""`somnus memories`: what is remembered, and where it lives."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agent.telling import told
from memory.conversation_file import dump_lines
from memory.episode import Memory, MemoryState
from memory.errors import UsageError
from memory.ledger import Ledger
from memory.paths import write_atomic
from memory.quarantine import confirm, printable
from memory.secrets import MASK, masked
from memory.trust import own_words
from sleep.words import sentences
from tui.commands.shared import opened
from tui.names import chosen, forceable
from tui.say import Say

NONE_YET = (
    "No memories yet: they are made by the first night. What waits for it, `somnus status` tells."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=["list", "search", "forget", "pin", "confirm", "export"],
        default="list",
    )
    parser.add_argument("what", nargs="*", metavar="TEXT|ID|FILE")
    parser.add_argument(
        "--state", choices=[s.value for s in MemoryState], help="only those (list, search)"
    )
    forceable(parser)


def run(args: argparse.Namespace, say: Say) -> int:
    writes = args.action in ("forget", "pin", "confirm")
    if args.action != "list" and not args.what:
        raise UsageError(f"What should `memories {args.action}` work on? Give it after the word.")
    with opened(args, say, read_only=not writes) as root:
        if args.action in ("list", "search") and root.is_new:
            say.line(NONE_YET)
            say.document({"memories": []})
            return 0
        ledger = root.home.ledger
        if args.action == "pin":
            memory = ledger.set_memory(_known(ledger.memories(), args.what[0]).id, pinned=True)
            say.line(f"Pinned {memory.id}: {memory.text}")
            say.document(document(memory))
            return 0
        if args.action == "confirm":
            every = ledger.memories()
            told = confirm(ledger, [_known(every, word).id for word in args.what])
            root.store.add(told)
            say.line(f"Confirmed: {len(told)}; the next night may learn it.")
            say.document({"confirmed": [e.said for e in told], "episodes": [e.id for e in told]})
            return 0
        if args.action == "forget":
            from memory.forgetting import forget
            from memory.undoing import unlearn
            from sleep.prepare import give_up

            every = ledger.memories()
            gone = [_known(every, word) for word in args.what]
            store = (
                root.store
            )  # opened before anything is forgotten: it has to be made anew without it
            if give_up(root.home):
                say.note("The night that was interrupted is given up: it may have learnt this.")
            receipt = forget(ledger, [m.id for m in gone])
            learnt = {m.id for m in ledger.memories(state=MemoryState.CONSOLIDATED)}
            undone = unlearn(ledger, root.home.adapters)
            learnt -= {m.id for m in ledger.memories(state=MemoryState.CONSOLIDATED)}
            store.rebuild(ledger.waiting())
            say.line(f"Forgotten: {len(receipt['memories'])}; gone from ledger, buffer and dreams.")
            if undone:
                say.line(unlearnt(undone, len(learnt)))
            say.document(receipt | {"undone": undone, "in_the_buffer_again": sorted(learnt)})
            return 0
        found = (
            ledger.search_memories(" ".join(args.what))
            if args.action == "search"
            else ledger.memories()
        )
        if args.state:
            found = [m for m in found if m.state == args.state]
        if args.action == "export":
            lines, path = exported(ledger), Path(args.what[0])
            write_atomic(chosen(path, args, begins=b"{"), dump_lines(lines).encode())
            say.line(f"{len(lines)} memories written to {path}.")
            say.document({"written": str(path), "memories": len(lines)})
            return 0
        for m in found:
            where = f"night {m.night}" if m.night else m.state
            say.line(
                f"{m.id:>5}  {where:<12} {m.at.astimezone():%Y-%m-%d}  {printable(m)}{'  *' * m.pinned}"
            )
            if m.reason:
                say.line(f"       {m.reason}")
        if not found:
            say.line(
                NONE_YET
                if args.action == "list" and not args.state
                else f"No memory is {args.state}."
                if args.action == "list"
                else f"No memory has {' '.join(args.what)!r} in it."
            )
        say.document({"memories": [document(m) for m in found]})
    return 0


def unlearnt(nights: Sequence[int], memories: int) -> str:
    """What forgetting cost in the weights, in a sentence."""
    which = f"night {nights[0]}" if len(nights) == 1 else f"nights {nights[0]} to {nights[-1]}"
    are = "is" if len(nights) == 1 else "are"
    rest = {0: "nothing else was learnt since", 1: "a memory that was learnt with it waits"}.get(
        memories, f"{memories} memories that were learnt since wait"
    )
    again = " in the buffer again for the next night" if memories else ""
    return f"Gone from the weights too: {which} {are} undone, and {rest}{again}."


def document(m: Memory) -> dict[str, object]:
    """A memory as JSON."""
    return {
        "id": m.id, "text": printable(m), "state": m.state, "night": m.night, "at": m.at.isoformat(),
        "episode": m.episode, "pinned": m.pinned, "failures": m.failures, "superseded_by": m.superseded_by,
        "reason": m.reason,
    }  # fmt: skip


def exported(ledger: Ledger) -> list[dict[str, object]]:
    """Everything that may leave: the memories, and what was told since, of which no night has made any yet.

    Whatever is in quarantine, or would be, stays here.
    """
    kept = [document(m) for m in ledger.memories() if m.state is not MemoryState.QUARANTINED]
    fresh = [(e, _telling(e.said)) for e in ledger.unread() if e.origin.believed]
    return kept + [
        {"id": None, "text": text, "state": MemoryState.BUFFER, "at": e.at.isoformat(), "episode": e.id}
        for e, text in fresh
        if text
    ]  # fmt: skip


def _telling(said: str) -> str:
    """What a message tells in the user's own words, without questions, quotations and sentences with a secret."""
    parts = sentences(told(own_words(masked(said))))
    return " ".join(s for s in parts if MASK not in s)


def _known(memories: list[Memory], word: str) -> Memory:
    found = [m for m in memories if str(m.id) == word]
    if not found:
        raise UsageError(
            f"There is no memory {word!r}; `somnus memories` lists them with their numbers."
        )
    return found[0]
