"""The buffer in Chroma: an index over the ledger's waiting episodes.

Chroma keeps the text and the vectors of what it deletes on disk, so nothing is ever deleted: `rebuild` makes a new
folder with what stays, swaps it in by rename, and removes the old tree. Texts aren't stored in Chroma at all,
only ids and vectors; the ledger has the words. What Chroma writes of memory it never filled is blanked.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from memory.episode import Episode, EpisodeId
from memory.errors import HomeError
from memory.faults import reached
from memory.paths import fsync_dir, private_dir, writing
from memory.store import Embedder, Recollection, likeness

COLLECTION = "episodes"
STUCK = 60.0  # seconds; closing takes milliseconds
# hnswlib's header.bin: version, offset of the base layer, most elements, elements written, bytes of each
HEADER = struct.Struct("<iQQQQ")


class ChromaStore:
    """A `BufferStore` in a folder. One process at a time may have it open."""

    _failed = False  # Chroma raised: what its files hold now is anyone's guess

    def __init__(
        self, path: Path, embedder: Embedder, lookup: Callable[[EpisodeId], Episode]
    ) -> None:
        """Open or create it. Raises HomeError when the folder is damaged: rebuild it from the ledger."""
        self._path = path
        self._embedder = embedder
        self._lookup = lookup
        finish_swap(path)
        self._open()

    def _open(self) -> None:
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings

        private_dir(self._path)
        try:
            self._client: Any = chromadb.PersistentClient(
                str(self._path), settings=Settings(anonymized_telemetry=False, allow_reset=False)
            )
            self._collection: Any = self._client.get_or_create_collection(
                COLLECTION,
                configuration={"hnsw": {"space": "cosine"}},
                embedding_function=None,
                metadata={"dimension": self._embedder.dimension},
            )
            known = (self._collection.metadata or {}).get("dimension")
        except Exception as error:
            # A client that failed to start stays in Chroma's cache, and would be handed out again.
            SharedSystemClient._identifier_to_system.pop(str(self._path), None)
            raise HomeError(
                f"The buffer in {self._path} is damaged ({error}); it is made anew from the ledger."
            ) from error
        if known != self._embedder.dimension:
            self.close()
            raise HomeError(
                f"The buffer in {self._path} was made with other embeddings; it is made anew."
            )
        self._make_private()

    def add(self, episodes: Sequence[Episode]) -> None:
        episodes = list(
            {e.id: e for e in episodes}.values()
        )  # Chroma refuses an id twice in one call
        step = int(self._client.get_max_batch_size())
        for begin in range(0, len(episodes), step):
            some = episodes[begin : begin + step]
            vectors = self._embedder.embed([e.said for e in some])
            with self._speaking():
                reached("buffer.add")
                self._collection.upsert(ids=[str(e.id) for e in some], embeddings=vectors)
                reached("buffer.added")
        self._make_private()

    def search(self, query: str, k: int) -> list[Recollection]:
        count = self._collection.count()
        if not count or k < 1:
            return []
        vectors = self._embedder.embed([query])
        with self._speaking():
            found = self._collection.query(
                query_embeddings=vectors, n_results=min(k, count), include=["distances"]
            )
        hits = zip(found["ids"][0], found["distances"][0], strict=True)
        out = [
            Recollection(episode=self._lookup(EpisodeId(int(i))), similarity=1.0 - float(d))
            for i, d in hits
        ]
        return sorted(out, key=lambda r: (-r.similarity, r.episode.id))

    def likeness(self, query: str, texts: Sequence[str]) -> list[float]:
        return likeness(self._embedder, query, texts)

    def ids(self) -> set[EpisodeId]:
        with self._speaking():
            return {EpisodeId(int(i)) for i in self._collection.get(include=[])["ids"]}

    def rebuild(self, episodes: Iterable[Episode]) -> None:
        fresh, old = beside(self._path, "new"), beside(self._path, "old")
        shutil.rmtree(fresh, ignore_errors=True)
        new = ChromaStore.__new__(ChromaStore)
        new._path, new._embedder, new._lookup = fresh, self._embedder, self._lookup
        new._open()
        try:
            new.add(list(episodes))
        finally:
            new.close()
        self._failed = False  # the new one takes its place
        self.close()
        with writing(self._path):
            reached("buffer.aside")
            self._path.replace(old)
            reached("buffer.swap")
            fresh.replace(self._path)
            reached("buffer.swapped")
            fsync_dir(self._path.parent)
        shutil.rmtree(old, ignore_errors=True)
        self._open()

    def close(self) -> None:
        """Release the folder: an open client would go on answering from the old one.

        What failed, on a full disk say, is thrown away: half written, it might open and find nothing. Chroma once span
        for ever in here, where neither ctrl+c nor a thread comes in between, so after `STUCK` the process ends: the
        next opening finds a home that died and loses nothing.
        """
        with Path(os.devnull).open("w") as nowhere:
            faulthandler.dump_traceback_later(STUCK, exit=True, file=nowhere)
            try:
                self._client.close()
            finally:
                faulthandler.cancel_dump_traceback_later()
        if self._failed:
            reached("buffer.discard")
            shutil.rmtree(self._path, ignore_errors=True)
        else:
            blank_unused(self._path)

    def _make_private(self) -> None:
        for file in self._path.rglob("*"):
            with suppress(FileNotFoundError):  # SQLite's journal comes and goes
                file.chmod(0o700 if file.is_dir() else 0o600)
        blank_unused(self._path)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Whatever Chroma raises becomes one sentence. Raises HomeError."""
        try:
            yield
        except Exception as error:
            self._failed = True
            raise HomeError(
                f"The buffer in {self._path} can't be used ({error}); free some disk and start again: it is made anew "
                "from the ledger, which has every word."
            ) from error


def blank_unused(buffer: Path) -> None:
    """Overwrite with zeros what lies behind the last vector in the index's files.

    A new index has room for a hundred, and hnswlib writes that room as it found it in memory: whatever this process
    held there before, forgotten words or those of another home.
    """
    for header in buffer.glob("*/header.bin"):
        head = header.read_bytes()
        if len(head) < HEADER.size:  # torn: Chroma will say so
            continue
        *_, count, size = HEADER.unpack_from(head)
        for name, each in (("data_level0.bin", size), ("length.bin", 4)):
            if (file := header.with_name(name)).exists():
                _blank(file, count * each)


def _blank(file: Path, begin: int) -> None:
    """Overwrite what a file has from `begin` on, unless it is blank already."""
    with writing(file), file.open("r+b") as opened:
        opened.seek(begin)
        rest = opened.read()
        if rest.strip(b"\0"):
            reached("buffer.blank")
            opened.seek(begin)
            opened.write(bytes(len(rest)))


def beside(path: Path, what: str) -> Path:
    """A folder next to the buffer: "new" is being made, "old" is thrown away."""
    return path.with_name(f"{path.name}.{what}")


def finish_swap(path: Path) -> None:
    """After a swap that was cut off: the old tree is used only if the new one never took its place."""
    old, fresh = beside(path, "old"), beside(path, "new")
    with writing(path):
        reached("buffer.finish")
        if old.exists() and not path.exists():
            old.replace(path)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(fresh, ignore_errors=True)


def tried(path: Path, embedder: Embedder) -> None:
    """Open the buffer, look it through and search it, in a process that may die of it. Raises HomeError."""
    store = ChromaStore.__new__(ChromaStore)
    store._path, store._embedder = path, embedder
    store._open()
    with store._speaking():
        held = store._collection.get(include=["embeddings"])
        for vector in held["embeddings"][:1]:
            store._collection.query(query_embeddings=[vector], n_results=len(held["ids"]))
    store.close()
