"""Opening the buffer: it must hold just what the ledger says is waiting, else it is made anew from it.

Chroma can take the whole process down with it when its files are damaged. So they are used as they are only if they are
as they were closed; after a crash another process tries them first, and what fails or was altered is thrown away.
"""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from pathlib import Path

from memory.chroma_store import ChromaStore, beside, finish_swap, tried
from memory.errors import HomeError
from memory.faults import reached
from memory.forgetting import STALE
from memory.home import Home
from memory.paths import writing
from memory.store import BufferStore, Embedder

PATIENCE = 5  # seconds that a buffer may take to open


def open_buffer(home: Home, embedder: Embedder) -> BufferStore:
    """The home's Chroma buffer, equal to `ledger.waiting()`."""
    path = home.buffer_path
    finish_swap(path)
    if path.exists() and not _sound(home, embedder):
        _remove(path)
    try:
        store = ChromaStore(path, embedder, home.ledger.episode)
        held = store.ids()
    except HomeError:
        _remove(path)
        store = ChromaStore(path, embedder, home.ledger.episode)
        held = set()
    waiting = home.ledger.waiting()
    stale = home.ledger.meta(STALE) == "1"
    if stale or held - {e.id for e in waiting}:
        store.rebuild(waiting)
        if stale:
            home.ledger.set_meta(STALE, "")
    else:
        store.add([e for e in waiting if e.id not in held])
    return store


def _sound(home: Home, embedder: Embedder) -> bool:
    if home.changed is None:
        return _survives(home.buffer_path, embedder)
    return not any(name.startswith("buffer/") for name in home.changed)


def _survives(path: Path, embedder: Embedder) -> bool:
    """Whether a child process can open the buffer and search it. Where there is no fork, it is taken on trust."""
    if not hasattr(os, "fork"):
        return True
    import chromadb  # noqa: F401  # once, for this process and the child

    with warnings.catch_warnings():
        # Python warns of forks beside threads. A child that hangs dies of the alarm: then the buffer is only made anew.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(PATIENCE)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its last words are not for the user
            tried(path, embedder)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _remove(path: Path) -> None:
    """Out of the way in one rename, which works even where the files themselves can't be touched."""
    aside = beside(path, "old")
    with writing(path):
        reached("buffer.remove")
        shutil.rmtree(aside, ignore_errors=True)
        if path.exists():
            path.replace(aside)
            shutil.rmtree(aside, ignore_errors=True)
