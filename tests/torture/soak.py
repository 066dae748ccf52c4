"""Many nights in one process, and what each of them leaves it with: memory, open files, disk, and how long it took."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from life import Life, sleep

from memory.home import Home

OPEN = Path("/proc/self/fd")
EARLY = 10  # nights after which nothing may grow any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """After a night."""

    night: int
    learnt: int
    rss: int  # bytes of this process in memory
    files: int  # that it has open; 0 where that can't be seen
    disk: int  # bytes of the home
    cpu: float  # seconds of the night


def nights(path: Path, count: int, facts: int) -> Iterator[Morning]:
    """So many nights with so many new facts each. The caller may look at the home when all are over."""
    with Home.open(path) as home:
        life = Life(path, home)
        for night in range(1, count + 1):
            texts = [f"My thing {night} {i} is {night * i}." for i in range(facts)]
            life.store.add([home.ledger.append(text) for text in texts])
            began = time.process_time()
            report = sleep(home, life.store)
            cpu = time.process_time() - began
            assert report["outcome"] == "cleared" and life.store.ids() == set()
            gc.collect()
            yield Morning(
                night=night, learnt=len(report["learned"]), rss=psutil.Process().memory_info().rss,
                files=len(list(OPEN.iterdir())) if OPEN.exists() else 0,
                disk=sum(p.stat().st_size for p in path.rglob("*") if p.is_file()), cpu=round(cpu, 3),
            )  # fmt: skip
        life.store.close()


def growth(mornings: Sequence[Morning]) -> dict[str, float]:
    """What is left of growth after the first ten nights: shares, and bytes of disk a fact."""
    early, late = mornings[EARLY - 1], mornings[-1]
    half = len(mornings) // 3
    return {
        "rss": round(late.rss / early.rss - 1, 4),
        "files": min(m.files for m in mornings[-EARLY:]) - max(m.files for m in mornings[:EARLY]),
        "disk_a_fact": round((late.disk - early.disk) / sum(m.learnt for m in mornings[EARLY:])),
        "cpu": round(median(m.cpu for m in mornings[-half:]) / median(m.cpu for m in mornings[:half]) - 1, 3),
    }  # fmt: skip
