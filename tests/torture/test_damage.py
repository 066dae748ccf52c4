"""Damage is found before anything damaged is used: mended from the ledger, or said in a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import damage
import numpy as np
import pytest
from conftest import HashEmbedder
from forge import Forge
from life import Life, sleep
from safetensors.numpy import load_file, save_file
from wounds import wounds

from memory.adapters import WEIGHTS, Adapters
from memory.buffer import open_buffer
from memory.episode import MemoryState, Phase
from memory.errors import HomeError, Interrupted
from memory.home import Home


@pytest.fixture(scope="module")
def whole(forge: Forge) -> Path:
    """A home that lived undisturbed: two nights, the second one's adapter worn."""
    home = forge.folder / "undisturbed-2"
    forge.points(2)
    return home


def test_a_spoilt_file_is_mended_or_told(forge: Forge, whole: Path) -> None:
    for i, name in enumerate(damage.targets(whole)):  # the campaign tries every kind on each
        kind = damage.KINDS[i % len(damage.KINDS)]
        assert damage.suffer(forge, whole, name, kind, 0) == []


def test_a_buffer_that_kills_its_reader_is_made_anew(home_path: Path) -> None:
    with Home.open(home_path) as home:
        life = Life(home_path, home)
        for i in range(5):
            life.tell(f"My number {i} is {i}.")
        life.store.close()
    (home_path / "seal").unlink()  # as after a crash
    for file in (home_path / "buffer").rglob("*.bin"):
        file.write_bytes(b"\xff" * file.stat().st_size)
    assert wounds(home_path) == []


def test_a_buffer_that_was_left_by_a_crash_is_used_as_it_is(home_path: Path) -> None:
    with Home.open(home_path) as home:
        life = Life(home_path, home)
        life.tell("My number 0 is 0.")
        life.store.close()
    (home_path / "seal").unlink()
    before = {p.name for p in (home_path / "buffer").iterdir()}
    assert wounds(home_path) == []
    assert {p.name for p in (home_path / "buffer").iterdir()} == before


def test_a_home_whose_ledger_is_gone_does_not_begin_another_in_silence(
    whole: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(whole, home)
    (home / "ledger.db").unlink()
    with pytest.raises(HomeError, match="restore a backup"):
        Home.open(home)


def zeros(file: Path, other: Path) -> None:
    save_file({k: np.zeros_like(v) for k, v in load_file(file).items()}, file)


def shuffled(file: Path, other: Path) -> None:
    draw = np.random.default_rng(0)
    save_file({k: draw.permutation(v) for k, v in load_file(file).items()}, file)


def another_homes(file: Path, other: Path) -> None:
    shutil.copytree(other, file.parent, dirs_exist_ok=True)


@pytest.mark.parametrize("sabotage", [zeros, shuffled, another_homes])
@pytest.mark.parametrize("after", [Phase.SEEDED, Phase.EXAMINED, Phase.COMMITTED])
def test_a_sabotaged_adapter_clears_nothing(
    home_path: Path, tmp_path: Path, after: Phase, sabotage: Callable[[Path, Path], None]
) -> None:
    other = _other_home(tmp_path / "other")
    with Home.open(home_path) as home:
        life = Life(home_path, home)
        life.tell("My number 0 is 0.")
        with pytest.raises(Interrupted):
            sleep(home, life.store, lambda: _phase(home) is after)
        (file,) = home.adapters.folder.rglob(WEIGHTS)
        sabotage(file, other)
        report: dict[str, Any] = sleep(home, life.store)
        assert report["outcome"] == "rolled_back" and "not the one" in report["alarm"]
        assert len(home.ledger.waiting()) == 1
        assert home.ledger.memories(state=MemoryState.CONSOLIDATED) == []
        life.store.close()
    assert wounds(home_path) == []


def test_another_homes_adapter_is_not_worn_and_its_memories_return(
    home_path: Path, tmp_path: Path
) -> None:
    other = _other_home(tmp_path / "other")
    with Home.open(home_path) as home:
        life = Life(home_path, home)
        life.tell("My number 0 is 0.")
        sleep(home, life.store)
        assert home.ledger.waiting() == []
        life.store.close()
    shutil.copytree(other, home_path / "adapters" / "night-0001", dirs_exist_ok=True)
    with Home.open(home_path) as home:
        assert home.adapters.current() is None
        assert len(home.ledger.waiting()) == 1
        assert "night 1 is in the buffer again" in " ".join(home.notes)
        assert open_buffer(home, HashEmbedder()).ids() == {home.ledger.waiting()[0].id}


def test_a_lost_pointer_is_written_again(home_path: Path) -> None:
    with Home.open(home_path) as home:
        life = Life(home_path, home)
        life.tell("My number 0 is 0.")
        sleep(home, life.store)
        life.store.close()
    (home_path / "current").unlink()
    with Home.open(home_path) as home:
        assert Adapters(home_path).named() == "night-0001"
        assert home.ledger.waiting() == [] and "is worn, as the ledger says" in home.notes[0]


def _other_home(path: Path) -> Path:
    """An adapter with the same name that learnt something else."""
    with Home.open(path) as home:
        life = Life(path, home)
        life.tell("My colour is blue.")
        sleep(home, life.store)
        life.store.close()
    folder = path / "adapters" / "night-0001"
    weights = {"w": np.ones(64, np.float32)}
    save_file(weights, folder / WEIGHTS)
    (folder / "card.json").unlink()
    adapters = Adapters(path)
    staging = adapters.staging(1)
    shutil.copytree(folder, staging, dirs_exist_ok=True)
    shutil.rmtree(folder)
    from memory.adapters import AdapterCard

    card = AdapterCard(name="night-0001", night=1, parent=None, base_hash="0" * 64, memories=(1,))
    adapters.commit(staging, card)
    return folder


def _phase(home: Home) -> Phase | None:
    night = home.ledger.night(1)
    return night.phase if night else None
