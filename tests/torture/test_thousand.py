"""Chroma writes its index to disk after a thousand operations: killed there, it has what the ledger says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from wounds import wounds

from memory.home import Home

MANY = 1_100
TELLING = """
import sys
from pathlib import Path
from life import Life
from memory.home import Home
path = Path(sys.argv[1])
with Home.open(path) as home:
    life = Life(path, home)
    for i in range(len(home.ledger.episodes()), int(sys.argv[2])):
        life.store.add([home.ledger.append(f"My number {i} is {i * 7919}.")])
    life.store.close()
"""


def tell(path: Path, fault: str = "none:1:kill") -> int:
    """Tell, one by one, until there are many; how that ended."""
    here = Path(__file__)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in reversed(here.parents[:3])), "SOMNUS_FAULT": fault,
    }  # fmt: skip
    words = [sys.executable, "-P", "-c", TELLING, str(path), str(MANY)]
    return subprocess.run(words, env=environment, check=False, timeout=600).returncode


def test_killed_at_the_thousandth_of_many_operations_nothing_is_lost(home_path: Path) -> None:
    assert tell(home_path, "buffer.added:1000:kill") == 137
    assert wounds(home_path) == []
    assert tell(home_path) == 0
    assert wounds(home_path) == []
    with Home.open(home_path) as home:
        assert len(home.ledger.waiting()) == MANY
