"""Many nights: everything stays known, disk and open files stay bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from life import Life, sleep
from soak import growth, nights
from wounds import wounds

from memory.episode import MemoryState, Phase
from memory.errors import Interrupted
from memory.home import Home


def test_thirty_nights_keep_everything_and_grow_no_faster_than_what_was_told(
    home_path: Path,
) -> None:
    grown = growth(list(nights(home_path, 30, 3)))
    with Home.open(home_path) as home:
        assert len(home.ledger.memories(state=MemoryState.CONSOLIDATED)) == 90
        assert len(home.adapters.cards()) == 5  # as many as the settings keep
    assert grown["rss"] < 0.05 and grown["cpu"] < 0.5
    assert grown["files"] <= 0  # Chroma's pool breathes; a leak would only grow
    assert grown["disk_a_fact"] < 13_000
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
