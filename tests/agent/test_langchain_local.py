"""langchain-core's own standard suites over the real classes: a tiny checkpoint, a tiny encoder, Chroma in a home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import (
    ChatModelIntegrationTests,
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
)
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests
from tiny import make_encoder

from agent.chat_model import SomnusChatModel, to_turns
from agent.embedding import MiniLm
from agent.langchain_embeddings import SomnusEmbeddings
from agent.local_model import LocalModel
from agent.model import Sampling
from agent.retriever import BufferRetriever
from memory.buffer import open_buffer
from memory.chroma_store import ChromaStore
from memory.errors import InputError
from memory.home import Home

pytestmark = pytest.mark.usefixtures("no_sockets")

SAID = ["I like tea.", "The code is 5093.", "My cat is Biscuit.", "I live in Porto."]
ASKED = "What is my cat called?"
MOST = 24


class Counting(LocalModel):
    """Counts the tokens that the network made."""

    made = 0

    def _generate(self, *args: Any, **options: Any) -> Iterator[tuple[int, int]]:
        for pair in super()._generate(*args, **options):
            self.made += 1
            yield pair


@pytest.fixture(scope="module")
def local(tiny_checkpoint: Path) -> Counting:
    """The tiny checkpoint with larger weights, else it says one token for ever."""
    model = Counting.load(tiny_checkpoint, name="tiny", device="cpu")
    assert isinstance(model, Counting)
    torch.manual_seed(0)
    for weights in model.network.model.layers.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.5)
    return model


@pytest.fixture
def chat(local: Counting) -> SomnusChatModel:
    local.made = 0
    return SomnusChatModel(language_model=local, max_tokens=MOST)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> MiniLm:
    return MiniLm(make_encoder(tmp_path_factory.mktemp("encoder")))


# ---------------------------------------------------------------- the chat model


class Local:
    """What the suites are told of the chat model."""

    @pytest.fixture(autouse=True)
    def _local(self, local: LocalModel) -> None:
        self._model = local

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return SomnusChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"language_model": self._model}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False


class TestChatModelUnit(Local, ChatModelUnitTests):
    pass


class TestChatModel(Local, ChatModelIntegrationTests):
    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0.0, "max_tokens": MOST}


def test_a_greedy_reply_is_what_the_model_decodes(chat: SomnusChatModel, local: Counting) -> None:
    turns = to_turns([HumanMessage(ASKED)])
    (row,) = local.decode([local.encode(turns)], Sampling(max_tokens=MOST))
    whole = local.tokenizer.decode(row, skip_special_tokens=True)
    assert whole and chat.invoke(ASKED).content == whole


def test_usage_counts_the_tokens_read_and_made(chat: SomnusChatModel, local: Counting) -> None:
    # So long a stop string holds text back: there are fewer pieces than tokens.
    usage = chat.invoke(ASKED, stop=["no such words" * 3]).usage_metadata
    prompt = local.prompt(to_turns([HumanMessage(ASKED)]))
    assert usage is not None
    assert usage["input_tokens"] == len(local.tokenizer(prompt, add_special_tokens=False).input_ids)
    assert usage["output_tokens"] == local.made
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_chunks_add_up_to_the_whole_reply(chat: SomnusChatModel) -> None:
    invoked = chat.invoke(ASKED)
    chunks = list(chat.stream(ASKED))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk) and len(chunks) > 2
    assert whole.content == invoked.content
    assert whole.usage_metadata == invoked.usage_metadata
    assert whole.response_metadata["model_name"] == invoked.response_metadata["model_name"]


async def test_the_same_is_said_in_a_batch_and_awaited(chat: SomnusChatModel) -> None:
    said = chat.invoke(ASKED).content
    assert [m.content for m in chat.batch([ASKED] * 3)] == [said] * 3
    assert (await chat.ainvoke(ASKED)).content == said
    assert "".join([str(c.content) async for c in chat.astream(ASKED)]) == said


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_reply_ends_before_a_stop_string_whatever_its_length(
    chat: SomnusChatModel, length: int
) -> None:
    whole = str(chat.invoke(ASKED).content)
    stop = whole[8 : 8 + length]
    wanted = whole[: whole.find(stop)]
    assert wanted
    assert chat.invoke(ASKED, stop=[stop]).content == wanted
    assert "".join(str(c.content) for c in chat.stream(ASKED, stop=[stop])) == wanted
    assert chat.bind(stop=[stop]).invoke(ASKED).content == wanted
    fixed = SomnusChatModel(language_model=chat.language_model, max_tokens=MOST, stop=[stop])
    assert fixed.invoke(ASKED).content == wanted


@pytest.mark.parametrize("most", [1, 7])
def test_max_tokens_is_kept_to_the_token(chat: SomnusChatModel, local: Counting, most: int) -> None:
    usage = chat.invoke(ASKED, max_tokens=most).usage_metadata
    assert usage is not None and usage["output_tokens"] == local.made == most
    assert str(chat.invoke(ASKED).content).startswith(
        str(chat.invoke(ASKED, max_tokens=most).content).rstrip("\ufffd")
    )


def test_temperature_is_the_model_s_own_or_the_call_s(chat: SomnusChatModel) -> None:
    def replies(model: SomnusChatModel, **options: Any) -> set[str]:
        return {str(model.invoke(ASKED, **options).content) for _ in range(4)}

    warm = SomnusChatModel(language_model=chat.language_model, max_tokens=MOST, temperature=1.0)
    greedy = replies(chat)
    assert len(greedy) == 1
    assert len(replies(chat, temperature=1.0)) > 1 and len(replies(warm)) > 1
    assert replies(warm, temperature=0.0) == greedy


def test_who_stops_reading_stops_the_model(chat: SomnusChatModel, local: Counting) -> None:
    stream = chat.stream(ASKED, max_tokens=900)
    next(stream)
    stream.close()
    with local.lock:  # free once the last token is made
        assert local.made < 900


@pytest.mark.parametrize("via", ["invoke", "stream"])
def test_a_prompt_that_leaves_no_room_for_the_reply_is_refused_in_a_sentence(
    chat: SomnusChatModel, local: Counting, via: str
) -> None:
    ask = chat.invoke if via == "invoke" else lambda *a, **o: list(chat.stream(*a, **o))
    room = local.context_tokens - local.count_tokens(to_turns([HumanMessage(ASKED)]))
    assert ask(ASKED, max_tokens=room, stop=[" "])
    made = local.made
    for message, most in ((ASKED, room + 1), ("My cat is called Biscuit. " * 40_000, 1)):
        with pytest.raises(InputError, match=r"^The prompt is \d+ tokens long .* 1024 .*shorten"):
            ask(message, max_tokens=most)
    with pytest.raises(InputError, match="no message to answer"):
        ask([])
    assert local.made == made


def test_a_model_that_streams_by_itself_refuses_it_too(local: Counting) -> None:
    turns = to_turns([HumanMessage("My cat is called Biscuit. " * 40_000)])
    with pytest.raises(InputError, match="shorten"):
        list(local.stream(turns, Sampling(max_tokens=1)))


def test_no_system_message_is_lost(local: Counting) -> None:
    orders = [SystemMessage("Be brief."), HumanMessage("Hello."), SystemMessage("In Latin.")]
    assert [t.content for t in to_turns(orders)] == ["Be brief.\n\nHello.", "In Latin."]


# ---------------------------------------------------------------- embeddings


class Encoded:
    """What the suites are told of the embeddings."""

    @pytest.fixture(autouse=True)
    def _encoder(self, encoder: MiniLm) -> None:
        self._made = encoder

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return SomnusEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"embedder": self._made}


class TestEmbeddingsUnit(Encoded, EmbeddingsUnitTests):
    pass


class TestEmbeddings(Encoded, EmbeddingsIntegrationTests):
    pass


def test_a_text_has_one_unit_vector_whatever_stands_beside_it(encoder: MiniLm) -> None:
    embeddings = SomnusEmbeddings(encoder)
    together = embeddings.embed_documents([*SAID, " ".join(SAID * 3), ""])
    for text, vector in zip(SAID, together, strict=False):
        assert embeddings.embed_query(text) == pytest.approx(vector, abs=1e-5)
    assert [sum(x * x for x in v) for v in together] == pytest.approx([1.0] * 6, abs=1e-5)
    assert embeddings.embed_documents([]) == []


# ---------------------------------------------------------------- the retriever


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _store(self, home_path: Path, encoder: MiniLm) -> Iterator[None]:
        with Home.open(home_path) as home:
            for said in SAID:
                home.ledger.append(said)
            self._made = open_buffer(home, encoder)
            assert isinstance(self._made, ChromaStore)
            yield
            self._made.close()

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return BufferRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"store": self._made}

    @property
    def retriever_query_example(self) -> str:
        return ASKED


def test_what_was_said_word_for_word_is_found_first(home_path: Path, encoder: MiniLm) -> None:
    with Home.open(home_path) as home:
        told = [home.ledger.append(said) for said in SAID]
        store = open_buffer(home, encoder)
        found = BufferRetriever(store=store, k=2).invoke(SAID[2])
        store.close()
    assert found[0].page_content == SAID[2] and len(found) == 2
    assert found[0].id == str(told[2].id)
    assert found[0].metadata["at"] == told[2].at.isoformat()
    assert found[0].metadata["similarity"] == pytest.approx(1.0, abs=1e-4)
