"""Tools with which other agents use this memory: remember, recall, forget."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool, tool

from memory.episode import MemoryId, Origin
from memory.forgetting import forget as forget_memories
from memory.store import BufferStore


def make_tools(ledger: Any, store: BufferStore, *, k: int = 4) -> list[BaseTool]:
    """The three tools over one home. What they write is a tool's word, not the user's: it is kept, but not believed."""

    @tool
    def remember(statement: str) -> str:
        """Keep a statement in the short-term memory."""
        store.add([ledger.append(statement, origin=Origin.TOOL)])
        return "Remembered."

    @tool
    def recall(query: str) -> list[str]:
        """Find what was said that is closest to the query, best first."""
        return [r.episode.said for r in store.search(query, k)]

    @tool
    def forget(text: str) -> str:
        """Forget every memory that contains this text."""
        found = ledger.search_memories(text) if text.strip() else []
        if found:
            forget_memories(ledger, [MemoryId(m.id) for m in found])
            store.rebuild(ledger.waiting())
        return f"Forgot {len(found)}."

    return [remember, recall, forget]
