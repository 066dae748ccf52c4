"""`somnus doctor`: is everything as it should be?"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sqlite3
from contextlib import closing

from memory.errors import SomnusError
from tui.commands.shared import opened
from tui.root import Root
from tui.say import Say

DAMAGED = "is damaged; the next start, or `somnus model pull NAME`, makes it again"


def arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(args: argparse.Namespace, say: Say) -> int:
    with opened(args, say, read_only=True) as root:
        checks = list(_checks(root))
    for name, fine, text in checks:
        say.line(f"{'ok  ' if fine else 'BAD '} {name:<10} {text}")
    say.document({"ok": all(fine for _, fine, _ in checks), "checks": [
        {"name": name, "ok": fine, "detail": text} for name, fine, text in checks
    ]})  # fmt: skip
    return 0 if all(fine for _, fine, _ in checks) else 1


def _buffer(root: Root) -> tuple[bool, str]:
    """Whether the index holds what the ledger says is waiting.

    Chroma itself is only for the home's owner, so its table of ids is read as the SQLite file that it is.
    """
    waiting = {str(e.id) for e in root.home.ledger.waiting()}
    file = root.home.buffer_path / "chroma.sqlite3"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            held = {row[0] for row in db.execute("SELECT embedding_id FROM embeddings")}
    except sqlite3.Error:
        held = set()
    if held == waiting:
        return True, f"{len(waiting)} episodes, as in the ledger"
    missing = f"{len(held & waiting)} of {len(waiting)} waiting episodes are in the index"
    return True, f"{missing}; the next start makes it whole"


def _checks(root: Root) -> list[tuple[str, bool, str]]:
    from agent.weights import embedder_folder, verify, whole

    out = [("python", True, platform.python_version())]
    for package in ("torch", "transformers", "peft", "chromadb"):
        out.append((package, True, importlib.metadata.version(package)))
    checkpoint = root.known()
    if checkpoint is None:
        out.append(
            ("model", True, "not fetched yet; the first chat or `somnus model pull` does it")
        )
    else:
        fine = whole(checkpoint)
        where = f"{checkpoint.name} in {checkpoint.path}"
        out.append(("model", fine, where if fine else f"{where} {DAMAGED}"))
    if (folder := embedder_folder()).exists():
        fine = verify(folder)
        out.append(("embedder", fine, str(folder) if fine else f"{folder} {DAMAGED}"))
    try:
        home = root.home
        found = home.ledger.check()
        out.append(("ledger", found == "ok", found))
        card = home.adapters.current()
        warning = home.adapters.warning
        out.append(("adapter", warning is None, warning or (card.name if card else "none yet")))
        out.append(("buffer", *_buffer(root)))
        unfinished = home.ledger.unfinished()
        if unfinished:
            out.append(
                (
                    "night",
                    True,
                    f"night {unfinished.number} waits to be finished ({unfinished.phase})",
                )
            )
    except SomnusError as error:
        fine = not (root.path / "ledger.db").exists()
        out.append(("home", fine, "nothing told yet" if fine else str(error)))
    place = root.path if root.path.exists() else root.path.parent
    if place.exists():
        free = shutil.disk_usage(place).free // 1_000_000
        out.append(("disk", free > 1000, f"{free} MB free"))
    tracing = os.environ.get("LANGSMITH_TRACING", "").lower() in ("1", "true")
    out.append(
        (
            "tracing",
            not tracing,
            "LANGSMITH_TRACING is set: it would send your words away" if tracing else "off",
        )
    )
    return out
