"""A buffer in memory: for tests and for homes that leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memory.episode import Episode, EpisodeId
from memory.store import Embedder, Recollection, likeness


class RamStore:
    """A `BufferStore` that lives as long as the process."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._held: dict[EpisodeId, tuple[Episode, list[float]]] = {}

    def add(self, episodes: Sequence[Episode]) -> None:
        vectors = self._embedder.embed([e.said for e in episodes]) if episodes else []
        self._held |= {e.id: (e, v) for e, v in zip(episodes, vectors, strict=True)}

    def search(self, query: str, k: int) -> list[Recollection]:
        if not self._held or k < 1:
            return []
        (wanted,) = self._embedder.embed([query])
        found = [
            Recollection(episode=e, similarity=sum(a * b for a, b in zip(wanted, v, strict=True)))
            for e, v in self._held.values()
        ]
        return sorted(found, key=lambda r: (-r.similarity, r.episode.id))[:k]

    def likeness(self, query: str, texts: Sequence[str]) -> list[float]:
        return likeness(self._embedder, query, texts)

    def ids(self) -> set[EpisodeId]:
        return set(self._held)

    def rebuild(self, episodes: Iterable[Episode]) -> None:
        self._held = {}
        self.add(list(episodes))

    def close(self) -> None:
        self._held = {}
