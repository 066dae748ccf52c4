"""Sleep pressure: how much a night would be worth now, from 0 (nothing waits) to 1 (sleep soon)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from memory.episode import Episode

FULL_EPISODES = 40.0
FULL_TOKENS = 2000.0
FULL_DAYS = 3.0


def pressure(waiting: Sequence[Episode], now: datetime) -> float:
    """1 − exp(−(episodes/40 + tokens/2000 + age of the oldest in days/3)); any of the three alone can make it high."""
    if not waiting:
        return 0.0
    tokens = sum(len(e.said) for e in waiting) / 4  # about four characters a token
    days = max(0.0, (now - min(e.at for e in waiting)).total_seconds() / 86400)
    return 1.0 - math.exp(-(len(waiting) / FULL_EPISODES + tokens / FULL_TOKENS + days / FULL_DAYS))
