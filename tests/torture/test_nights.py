"""Many nights: everything stays known, disk and open files stay bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from life import Life, sleep
from wounds import wounds

from memory.episode import MemoryState, Phase
from memory.errors import Interrupted
from memory.home import Home

OPEN = Path("/proc/self/fd")


def test_thirty_nights_keep_everything_and_grow_no_faster_than_what_was_told(
    home_path: Path,
) -> None:
    files, sizes = [], []
    with Home.open(home_path) as home:
        life = Life(home_path, home)
        for night in range(1, 31):
            for i in range(3):
                life.tell(f"My thing {night} {i} is {night * i}.")
            assert sleep(home, life.store)["outcome"] == "cleared"
            assert life.store.ids() == set()
            files.append(len(list(OPEN.iterdir())) if OPEN.exists() else 0)
            sizes.append(sum(p.stat().st_size for p in home_path.rglob("*") if p.is_file()))
        assert len(home.ledger.memories(state=MemoryState.CONSOLIDATED)) == 90
        assert len(home.adapters.cards()) == 5  # as many as the settings keep
        life.store.close()
    assert min(files[20:]) <= max(files[:10])  # Chroma's pool breathes; a leak would only grow
    assert sizes[29] - sizes[9] < 40_000 * 20
    assert wounds(home_path) == []


def test_what_a_killed_write_left_does_not_refuse_the_night(home_path: Path) -> None:
    with Home.open(home_path) as home:
        life = Life(home_path, home)
        life.tell("My number 0 is 0.")
        with pytest.raises(Interrupted):
            sleep(home, life.store, lambda: _is(home, Phase.EXAMINED))
        (folder,) = home.adapters.folder.glob(".staging-*")
        (folder / ".card.json.k1ll3d").write_bytes(b"{")
        assert sleep(home, life.store)["outcome"] == "cleared"
        life.store.close()


def _is(home: Home, phase: Phase) -> bool:
    night = home.ledger.night(1)
    return night is not None and night.phase is phase
