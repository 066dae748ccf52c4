"""Named points at which the torture tests end the process or make a write fail; without SOMNUS_FAULT nothing happens.

SOMNUS_FAULT is "point:n:what": at the n-th visit of the point ("*" is any) the process dies as by SIGKILL ("kill"), or
the write fails with an errno's name ("ENOSPC", "EIO" …).
"""

from __future__ import annotations

import errno
import os
from collections import Counter

visits: Counter[str] = Counter()


def reached(point: str) -> None:
    """Pass a named point. Raises OSError where a failing write was asked for."""
    plan = os.environ.get("SOMNUS_FAULT")
    if not plan:
        return
    visits[point] += 1
    wanted, nth, what = plan.split(":")
    count = visits.total() if wanted == "*" else visits[point] if wanted == point else 0
    if count != int(nth):
        return
    if what == "kill":
        os._exit(137)
    number = getattr(errno, what)
    raise OSError(number, os.strerror(number), point)
