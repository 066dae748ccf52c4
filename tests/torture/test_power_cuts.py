"""The power fails between any two writes, and any part of what was not synced is gone: nothing acknowledged is lost.

The short part of `campaign.py --power`: two lives, cut after each acknowledgement and at moments spread over them.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from disk import KINDS, UNHEARD, Disk, Heard
from forge import Forge
from power import FIRST, RARE, RECOVERED, Tapes, Whose, suffer

CUTS = 5  # of a kind in a life
LIVES = [FIRST, RARE]


@pytest.fixture(scope="module")
def tapes(forge: Forge) -> Tapes:
    if forge.listener is None:
        pytest.skip("no C compiler that makes a library to preload")
    return Tapes(forge)


@pytest.mark.parametrize("whose", [*LIVES, (RECOVERED, 1)])
def test_the_tape_played_to_its_end_is_the_home_byte_for_byte(tapes: Tapes, whose: Whose) -> None:
    played = Disk(tapes.of(whose)).after("kept", random.Random(0))
    folder = tapes.folder(whose)
    there = [p for p in folder.rglob("*") if not p.name.endswith(UNHEARD)]
    assert played == {
        p.relative_to(folder).as_posix(): None if p.is_dir() else p.read_bytes() for p in there
    }


@pytest.mark.parametrize("whose", [*LIVES, (RECOVERED, 1)])
def test_what_is_acknowledged_outlasts_the_very_next_power_cut(
    forge: Forge, tapes: Tapes, whose: Whose
) -> None:
    moments = tapes.acknowledgements(whose)
    begin, end = tapes.begins[whose], len(tapes.of(whose))
    assert len(moments) > 2
    for moment in moments:
        found = suffer(forge, tapes, whose, (moment - begin) / (end - begin), "lost")
        assert not found["wounds"], found


@pytest.mark.parametrize("whose", LIVES)
@pytest.mark.parametrize("unsynced", KINDS)
def test_a_power_cut_loses_nothing(forge: Forge, tapes: Tapes, whose: Whose, unsynced: str) -> None:
    states = set()
    for cut in range(1, CUTS + 1):
        share = (cut - random.Random(f"{cut} {unsynced}").random()) / CUTS
        found = suffer(forge, tapes, whose, share, unsynced, seed=cut)
        assert not found["wounds"], found
        states.add(found["state"])
    assert len(states) > CUTS / 2


def test_what_is_not_synced_may_be_lost_in_any_part() -> None:
    top = Path("/top")

    def heard(op: str, name: str = "", to: str = "", data: bytes = b"", inode: int = 0) -> Heard:
        path, other = str(top / name), str(top / to) if to else ""
        return Heard(op, path, other, data, inode, 0)

    tape = [
        heard("d", inode=1),
        heard("c", "new", inode=2),
        heard("w", data=b"a" * 1024, inode=2),
        heard("s", inode=2),
        heard("w", data=b"b" * 1024, inode=2),
        heard("r", "new", "file"),
    ]
    disk, draw = Disk(tape), random.Random(0)
    assert disk.after("lost", draw) == {}  # synced, and no folder has its name
    assert disk.after("kept", draw) == {"file": b"b" * 1024}
    named = Disk([*tape[:4], heard("s", inode=1), *tape[4:]])
    assert named.after("lost", draw) == {"new": b"a" * 1024}
    a, b = b"a" * 512, b"b" * 512
    torn = {(n, d) for _ in range(99) for n, d in named.after("torn", draw).items()}
    assert torn == {(n, d) for n in ("new", "file") for d in (a + a, a + b, b + a, b + b)}
    assert Disk([*tape, heard("s", inode=1)]).after("lost", draw) == {"file": b"a" * 1024}
