"""The tools with which other agents use this memory: what they keep is found, and what they forget is gone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.unit_tests import ToolsUnitTests

from agent.tools import make_tools
from memory.buffer import open_buffer
from memory.episode import Dream, DreamKind, ExamAnswer, MemoryId, MemoryState, Origin, Phase
from memory.home import Home
from memory.ledger_sessions import list_sessions, rename_session
from memory.quarantine import hold_back
from memory.store import BufferStore

pytestmark = pytest.mark.usefixtures("no_sockets")

CANARY = "The canary is called Zyxquill. It sings at dawn."


class Hands:
    """The three tools over a home with its Chroma buffer, called as an agent calls them."""

    def __init__(self, home: Home, store: BufferStore) -> None:
        self.home, self.ledger, self.store = home, home.ledger, store
        self.tools = make_tools(home.ledger, store)

    def remember(self, statement: str) -> str:
        return str(self.tools[0].invoke({"statement": statement}))

    def recall(self, query: str) -> list[str]:
        found: list[str] = self.tools[1].invoke({"query": query})
        return found

    def forget(self, text: str) -> str:
        return str(self.tools[2].invoke({"text": text}))

    def traces(self, word: str) -> list[Path]:
        """The files of the home that have a word."""
        every = [p for p in self.home.path.rglob("*") if p.is_file()]
        return [p for p in every if word.casefold().encode() in p.read_bytes().lower()]


@pytest.fixture
def hands(home_path: Path, embedder: Any) -> Iterator[Hands]:
    with Home.open(home_path) as home:
        store = open_buffer(home, embedder)
        yield Hands(home, store)
        store.close()


class TestTools(ToolsUnitTests):
    """langchain's own suite, for each of the three."""

    @pytest.fixture(autouse=True, params=[0, 1, 2])
    def _which(self, request: pytest.FixtureRequest, hands: Hands) -> None:
        self._tool = hands.tools[request.param]

    @property
    def tool_constructor(self) -> BaseTool:
        return self._tool

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return dict.fromkeys(self._tool.args, "tea")


def test_what_is_remembered_is_recalled_until_it_is_forgotten(hands: Hands) -> None:
    hands.remember(CANARY)
    hands.remember("I like tea.")
    assert hands.ledger.waiting()[0].origin is Origin.TOOL
    assert hands.recall("canary called")[0] == CANARY
    assert hands.forget("zyxquill") == "Forgot 1."
    assert hands.recall("canary called") == ["I like tea."]
    assert hands.forget("zyxquill") == "Forgot 0."
    hands.remember(CANARY)
    assert hands.recall("canary called")[0] == CANARY


def test_a_forgotten_statement_s_text_and_vector_are_in_no_file(
    hands: Hands, embedder: Any
) -> None:
    hands.remember(CANARY)
    hands.remember("I like tea.")
    vector = struct.pack(f"<{embedder.dimension}f", *embedder.embed([CANARY])[0])
    every = lambda: b"".join(p.read_bytes() for p in hands.home.path.rglob("*") if p.is_file())  # noqa: E731
    assert vector in every() and hands.traces("Zyxquill")
    hands.forget("Zyxquill")
    assert vector not in every() and not hands.traces("Zyxquill") and not hands.traces("sings")


def test_a_statement_that_a_night_held_back_is_forgotten_whole(hands: Hands) -> None:
    hands.remember(CANARY)
    held = hold_back(hands.ledger, hands.ledger.waiting()[0])
    assert [m.text for m in held] == ["The canary is called Zyxquill.", "It sings at dawn."]
    assert hands.forget("Zyxquill") == "Forgot 1."
    assert {m.state for m in hands.ledger.memories()} == {MemoryState.FORGOTTEN}
    assert hands.recall("canary") == [] and not hands.traces("sings")


def test_no_dream_answer_report_reply_or_title_tells_it_afterwards(hands: Hands) -> None:
    ledger = hands.ledger
    told = ledger.append(
        "Tea is nice. My canary is Zyxquill!", replied="Zyxquill? Nice.", session="s"
    )
    ledger.append("And what of the bird?", replied="The bird's name is zyxquill.", session="s")
    rename_session(ledger, "s", "All about Zyxquill")
    (memory,) = ledger.add_memories([(told.id, "My canary is Zyxquill!", told.at)])
    night = ledger.begin_night([told.id], None)
    dreams = [("Who is Zyxquill?", "Your canary.", memory.id), ("Name a bird.", "ZYXQUILL.", 99)]
    ledger.add_dreams(
        [
            Dream(
                night=night.number, memories=(MemoryId(of),), kind=DreamKind.FACT, cue=cue, reply=reply,
                used=True,
            )
            for cue, reply, of in dreams
        ]
    )  # fmt: skip
    ledger.add_answers(
        [
            ExamAnswer(
                night=night.number, memory=None, kind=DreamKind.NEVER, question="The bird?", expected="-",
                answer="Zyxquill", right=False, control_answer="-", control_right=False,
            )
        ]
    )  # fmt: skip
    report = {"kept_back": [{"text": "The bird is Zyxquill."}]}
    ledger.advance(night.number, Phase.CLEARED, report=report)
    ledger.mark_cleared([told.id], night.number)
    said = hands.forget("Zyxquill")
    assert said == "Forgot 2. The weights forget it when somnus starts again."
    assert not hands.traces("Zyxquill")
    assert ledger.episode(told.id).said == "Tea is nice. [forgotten]"
    assert ledger.dreams() == [] and ledger.answers() == []
    assert list_sessions(ledger)[0].title == "All about [forgotten]"


def test_a_later_reply_loses_words_that_are_no_name(hands: Hands) -> None:
    hands.ledger.append("The word at the gate is foxglove.")
    hands.ledger.append("And the word?", replied="It is foxglove, I think.")
    assert hands.forget("foxglove") == "Forgot 2." and not hands.traces("foxglove")
    assert [e.said for e in hands.ledger.waiting()] == ["And the word?"]


def test_what_the_user_said_in_the_same_breath_stays_and_is_still_to_be_read(hands: Hands) -> None:
    e = hands.ledger.append("I like tea. My canary is Zyxquill. My canary sings.")
    hands.store.add([e])
    assert hands.forget("Zyxquill") == "Forgot 1."
    assert hands.recall("tea") == ["I like tea. [forgotten] My canary sings."]
    assert [u.id for u in hands.ledger.unread()] == [e.id]


def test_only_whole_words_are_forgotten(hands: Hands) -> None:
    for said in ["I like tea.", "I like steam.", "I have forgotten my keys."]:
        hands.remember(said)
    assert [hands.forget(t) for t in ["...", "te", "li"]] == ["Forgot 0."] * 3
    assert hands.forget("I  LIKE tea!") == "Forgot 1."
    assert hands.forget("forgotten") == "Forgot 1." and hands.forget("forgotten") == "Forgot 0."
    assert hands.recall("I like") == ["I like steam."]


@pytest.mark.parametrize("said", ["", " \n\t", "\ud83d?"], ids=["empty", "blank", "half an emoji"])
def test_what_is_no_message_is_answered_with_a_sentence_and_changes_nothing(
    hands: Hands, said: str
) -> None:
    hands.remember("I like tea.")
    for answer in (hands.remember(said), hands.recall(said), hands.forget(said)):
        assert str(answer).startswith("The message ") and str(answer).endswith(".")
    assert [e.said for e in hands.ledger.episodes()] == ["I like tea."]
    assert hands.recall("tea") == ["I like tea."]


def test_an_agent_may_call_its_tools_at_once(hands: Hands) -> None:
    def one(number: int) -> str:
        hands.remember(f"The number {number} is odd.")
        hands.recall("number")
        return hands.forget(f"number {number}") if number % 2 else ""

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(one, range(12))) == ["", "Forgot 1."] * 6
    assert len(hands.recall("number")) == 4
    assert hands.store.ids() == {e.id for e in hands.ledger.waiting()}
