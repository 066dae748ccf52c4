"""langchain-core's own standard suites, without network: scripted, hashed and in memory, so in a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import EmbeddingsIntegrationTests, RetrieversIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests

from agent.chat_model import SomnusChatModel
from agent.langchain_embeddings import SomnusEmbeddings
from agent.retriever import BufferRetriever
from agent.scripted_model import ScriptedModel
from memory.episode import Episode, EpisodeId, Origin
from memory.ram_store import RamStore

pytestmark = pytest.mark.usefixtures("no_sockets")


class TestChatModel(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return SomnusChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"language_model": ScriptedModel(default="one two three STOP four")}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False


def model() -> SomnusChatModel:
    return SomnusChatModel(language_model=ScriptedModel(default="one two three STOP four"))


def test_stop_and_max_tokens_hold_per_call() -> None:
    assert model().invoke("x").content == "one two three STOP four"
    assert model().invoke("x", stop=["STOP"]).content.strip() == "one two three"
    assert model().invoke("x", max_tokens=2).content == "one two"


def test_the_stream_ends_with_usage() -> None:
    chunks = list(model().stream("x"))
    assert chunks[-1].usage_metadata["output_tokens"] == 5
    assert "".join(str(c.content) for c in chunks) == "one two three STOP four"


class HashEmbeddings(SomnusEmbeddings):
    """As langchain's suite wants it: made without arguments."""

    def __init__(self) -> None:
        from conftest import HashEmbedder

        super().__init__(HashEmbedder())


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return HashEmbeddings


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return HashEmbeddings


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return BufferRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        from conftest import HashEmbedder

        store = RamStore(HashEmbedder())
        said = ["I like tea.", "The code is 5093.", "My cat is Biscuit.", "I live in Porto."]
        store.add(
            [
                Episode(
                    id=EpisodeId(i), said=s, replied=None, at=datetime.now(UTC), origin=Origin.TYPED
                )
                for i, s in enumerate(said, 1)
            ]
        )
        return {"store": store}

    @property
    def retriever_query_example(self) -> str:
        return "What is my cat called?"
