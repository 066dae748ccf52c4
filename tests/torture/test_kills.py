"""Nothing that was acknowledged is ever lost, wherever a process dies and whatever the disk refuses.

The short part of `make torture`: each named point once, a few double kills, a few failing writes.
"""

from __future__ import annotations

import random

import pytest
from campaign import ERRORS, Trial, at_moments, at_random, endure
from forge import Forge

POINTS = [
    "ledger.create", "ledger.commit", "ledger.committed", "ledger.vacuum", "buffer.add", "buffer.added", "buffer.aside",
    "buffer.finish", "buffer.blank", "buffer.swap", "buffer.swapped", "file.written", "file.synced", "file.named",
    "disk.sync", "seal.remove", "adapter.discard", "adapter.tidy", "adapter.sync", "adapter.name", "adapter.named",
    "adapter.remove", "backup.copy", "backup.name", "backup.named", "transfer.begin",
]  # fmt: skip
RARE = [  # points that only a rare life passes
    "restore.name", "restore.named", "adapter.aside", "buffer.remove", "home.sweep", "buffer.discard",
]  # fmt: skip


@pytest.fixture(scope="module")
def points(forge: Forge) -> dict[str, int]:
    return forge.points(1)


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_point_loses_nothing(forge: Forge, points: dict[str, int], point: str) -> None:
    n = random.Random(point).randint(1, points[point])
    found = endure(forge, Trial(name=point, seed=1, faults=(f"{point}:{n}:kill",)))
    assert found["ends"] == [137] and not found["wounds"], found


@pytest.mark.parametrize("point", RARE)
def test_a_kill_at_a_rare_point_loses_nothing(forge: Forge, point: str) -> None:
    found = endure(forge, Trial(name=point, seed=0, faults=(f"{point}:1:kill",), kind="rare"))
    assert found["ends"] == [137] and not found["wounds"], found


def test_a_night_that_dies_while_it_clears_counts_a_failure_once(
    forge: Forge, points: dict[str, int]
) -> None:
    for n in range(1, points["buffer.swap"] + 1):
        found = endure(forge, Trial(name=str(n), seed=1, faults=(f"buffer.swap:{n}:kill",)))
        assert found["ends"] == [137] and not found["wounds"], found


def test_a_kill_from_outside_loses_nothing(forge: Forge, points: dict[str, int]) -> None:
    del points  # only then is it known how long a life takes
    for trial in at_moments(3):
        found = endure(forge, trial)
        assert not found["wounds"], found


def test_a_second_kill_during_the_recovery_loses_nothing(
    forge: Forge, points: dict[str, int]
) -> None:
    for trial in at_random(points, 3, 2):
        found = endure(forge, trial)
        assert not found["wounds"], found


@pytest.mark.parametrize("error", ERRORS)
def test_a_write_that_fails_is_told_in_one_sentence_and_loses_nothing(
    forge: Forge, error: str
) -> None:
    n = random.Random(error).randint(10, 100)
    found = endure(forge, Trial(name=error, seed=1, faults=(f"*:{n}:{error}",)))
    assert found["ends"] == [1] and not found["wounds"], found
