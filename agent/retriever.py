"""The buffer as a langchain-core retriever."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field


class BufferRetriever(BaseRetriever):
    """Episodes most similar to a query, best first; `k` as a field and per call."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    store: Any
    """A `BufferStore`."""
    k: int = Field(4, ge=1)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        found = self.store.search(query, k or self.k)
        return [
            Document(
                page_content=r.episode.said,
                id=str(r.episode.id),
                metadata={
                    "at": r.episode.at.isoformat(),
                    "similarity": r.similarity,
                    "origin": r.episode.origin.value,
                },
            )
            for r in found
        ]
