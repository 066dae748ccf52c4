"""`somnus doctor`: is everything as it should be?"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Sequence

from memory.errors import HomeBusyError, SomnusError
from memory.home import Home
from tui.commands.shared import opened
from tui.root import Root
from tui.say import Say


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
    """Whether the index holds what the ledger says is waiting. Only its owner may look into Chroma."""
    waiting = {e.id for e in root.home.ledger.waiting()}
    try:
        with Home.open(root.path) as owned:
            if not owned.buffer_path.exists():
                return True, f"{len(waiting)} episodes wait; the index is made at the next start"
            from memory.chroma_store import ChromaStore

            store = ChromaStore(owned.buffer_path, NoEmbedder(), owned.ledger.episode)
            held = store.ids()
            store.close()
    except HomeBusyError:
        return True, f"{len(waiting)} episodes wait; the index is in use and was not checked"
    if held == waiting:
        return True, f"{len(waiting)} episodes, as in the ledger"
    return (
        True,
        f"{len(held & waiting)} of {len(waiting)} waiting episodes are in the index; the next start completes it",
    )


class NoEmbedder:
    """Counting needs no vectors."""

    dimension = 0

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise NotImplementedError


def _checks(root: Root) -> list[tuple[str, bool, str]]:
    from agent.weights import known, verify

    out = [("python", True, platform.python_version())]
    for package in ("torch", "transformers", "peft", "chromadb"):
        out.append((package, True, importlib.metadata.version(package)))
    checkpoint = known(root.config.model)
    if checkpoint is None:
        out.append(
            ("model", True, "not fetched yet; the first chat or `somnus model pull` does it")
        )
    else:
        folders = {checkpoint.base_path, checkpoint.path}
        whole = all(verify(f) for f in folders if (f / "complete.json").exists())
        out.append(
            (
                "model",
                whole,
                f"{checkpoint.name} in {checkpoint.path}"
                + ("" if whole else " is damaged: remove it"),
            )
        )
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
    where = root.path if root.path.exists() else root.path.parent
    if where.exists():
        free = shutil.disk_usage(where).free // 1_000_000
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
