"""Opening the buffer: it must hold just what the ledger says is waiting, else it is made anew from it."""

from __future__ import annotations

import shutil

from memory.chroma_store import ChromaStore
from memory.errors import HomeError
from memory.forgetting import STALE
from memory.home import Home
from memory.store import BufferStore, Embedder


def open_buffer(home: Home, embedder: Embedder) -> BufferStore:
    """The home's Chroma buffer, equal to `ledger.waiting()`."""
    try:
        store = ChromaStore(home.buffer_path, embedder, home.ledger.episode)
        held = store.ids()
    except HomeError:
        shutil.rmtree(home.buffer_path, ignore_errors=True)
        store = ChromaStore(home.buffer_path, embedder, home.ledger.episode)
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
