"""somnus' embedder as langchain-core Embeddings."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from memory.store import Embedder


class SomnusEmbeddings(Embeddings):
    """An `Embedder` for other agents."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.embed(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._embedder.embed([text])[0]
