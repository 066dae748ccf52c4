"""Tools with which other agents use this memory: remember, recall, forget."""

from __future__ import annotations

import threading

from langchain_core.tools import BaseTool, tool

from agent.conversation import check_message
from memory.episode import Origin
from memory.errors import InputError
from memory.forgetting import forget_words
from memory.ledger import Ledger
from memory.store import BufferStore


def make_tools(ledger: Ledger, store: BufferStore, *, k: int = 4) -> list[BaseTool]:
    """The three tools over one home. What they write is a tool's word, not the user's: it is kept, but not believed."""
    # Agents call tools in parallel, and a buffer that is being made anew serves nobody.
    turn = threading.Lock()

    @tool
    def remember(statement: str) -> str:
        """Keep a statement in the short-term memory."""
        if wrong := _wrong(statement):
            return wrong
        with turn:
            store.add([ledger.append(statement, origin=Origin.TOOL)])
        return "Remembered."

    @tool
    def recall(query: str) -> list[str] | str:
        """Find what was said that is closest to the query, best first."""
        if wrong := _wrong(query):
            return wrong
        with turn:
            return [r.episode.said for r in store.search(query, k)]

    @tool
    def forget(text: str) -> str:
        """Forget everything that has these words, whoever said it."""
        if wrong := _wrong(text):
            return wrong
        with turn:
            receipt = forget_words(ledger, text)
            store.rebuild(ledger.waiting())
        learnt = " The weights forget it when somnus starts again." if receipt["nights"] else ""
        return f"Forgot {receipt['episodes']}.{learnt}"

    return [remember, recall, forget]


def _wrong(said: str) -> str:
    """What is wrong with an agent's words, in a sentence; "" when nothing is."""
    try:
        check_message(said)
    except InputError as error:
        return str(error)
    return ""
