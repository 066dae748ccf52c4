"""What a buffer and an embedder must do; implementations live beside this file and in `agent/`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from memory.episode import Episode, EpisodeId


class Embedder(Protocol):
    """Turns texts into unit vectors of one fixed length."""

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """An episode retrieved for a reply, with its cosine similarity to the query (−1 … 1)."""

    episode: Episode
    similarity: float


class BufferStore(Protocol):
    """The short-term store: an index over episodes of the ledger, which can be rebuilt from it at any time."""

    def add(self, episodes: Sequence[Episode]) -> None: ...

    def search(self, query: str, k: int) -> list[Recollection]:
        """The k most similar episodes, best first; [] from an empty buffer."""
        ...

    def likeness(self, query: str, texts: Sequence[str]) -> list[float]:
        """How similar texts that it needn't hold are to a query, as it would find them."""
        ...

    def ids(self) -> set[EpisodeId]: ...

    def rebuild(self, episodes: Iterable[Episode]) -> None:
        """Replace the whole buffer by these episodes; no byte of the others stays on disk."""
        ...

    def close(self) -> None: ...


def likeness(embedder: Embedder, query: str, texts: Sequence[str]) -> list[float]:
    """Cosines (−1 … 1) of a query with texts."""
    wanted, *given = embedder.embed([query, *texts])
    return [sum(a * b for a, b in zip(wanted, v, strict=True)) for v in given]
