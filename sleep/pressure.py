"""Sleep pressure: how much a night would be worth now, from 0 (nothing waits) to 1 (sleep soon)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agent.telling import tells
from memory.episode import Episode, MemoryState

FULL_EPISODES = 40.0
FULL_TOKENS = 2000.0
FULL_DAYS = 3.0
MOST_FAILURES = 3  # nights after which a memory stays in the buffer for good


def pressure(waiting: Sequence[Episode], now: datetime) -> float:
    """1 − exp(−(episodes/40 + tokens/2000 + age of the oldest in days/3)); any of the three alone can make it high."""
    if not waiting:
        return 0.0
    tokens = sum(len(e.said) for e in waiting) / 4  # about four characters a token
    days = max(0.0, (now - min(e.at for e in waiting)).total_seconds() / 86400)
    return 1.0 - math.exp(-(len(waiting) / FULL_EPISODES + tokens / FULL_TOKENS + days / FULL_DAYS))


def unlearnt(ledger: Any) -> list[Episode]:
    """What a night could learn from: the user's own statements, unread or not yet passed, oldest first.

    Questions, documents and what failed for good wait in the buffer too, but press nobody to sleep.
    """
    able = {MemoryState.BUFFER, MemoryState.KEPT_BACK}
    read, open_ = set(), set()
    for m in ledger.memories():
        read.add(m.episode)
        if m.state in able and m.failures < MOST_FAILURES:
            open_.add(m.episode)
    read -= ledger.bookmarks().keys()  # of these there is more to read
    return [
        e
        for e in ledger.waiting()
        if e.origin.believed and (e.id in open_ or (e.id not in read and tells(e.said)))
    ]


def untried(ledger: Any) -> list[Episode]:
    """Of these, what the latest night has not worked on: only that can call for a nap."""
    last = ledger.last_finished()
    before = set(last.episodes) if last is not None else set()
    return [e for e in unlearnt(ledger) if e.id not in before]
