"""Many nights' ranks are compressed, and what they say stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bedroom import Bedroom
from factors import added, made

from agent.local_model import LocalModel
from memory import faults
from memory.errors import HomeError
from sleep import lora
from sleep.deep_sleep import Held, deep_sleep
from sleep.prepare import enter


@pytest.mark.parametrize("rank", [4, 12])
def test_cutting_nothing_changes_nothing(tiny_checkpoint: Path, tmp_path: Path, rank: int) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    past = made(model, tmp_path / "past", 4)
    lora.compress(past, tmp_path / "deep", rank=rank)
    assert lora.rank_of(tmp_path / "deep") == rank
    before, after = added(past), added(tmp_path / "deep")
    assert all(torch.allclose(before[n], after[n], atol=1e-5) for n in before)
    model.wear(tmp_path / "deep")  # as plain LoRA


def test_what_is_cut_is_what_weighs_least(tiny_checkpoint: Path, tmp_path: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    past = made(model, tmp_path / "past", 8)
    lora.compress(past, tmp_path / "deep", rank=3)
    before, after = added(past), added(tmp_path / "deep")
    for name, whole in before.items():
        rest = torch.linalg.svdvals(whole)[3:].square().sum()
        assert torch.allclose((whole - after[name]).square().sum(), rest, rtol=1e-3)


def test_a_night_grows_on_the_compressed_adapter_and_can_be_rolled_back_to_the_whole(
    home_path: Path, tiny_checkpoint: Path, embedder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Bedroom(home_path, tiny_checkpoint, embedder)
    for text in ("My cat is called Biscuit.", "The code of the cellar is 5093."):
        room.tell(text)
        room.sleep()
    room.tell("My sister Oda lives in Porto.")
    night, _ = enter(
        room.home, room.model, room.checkpoint, room.store, embedder, room.config, None, lambda: False
    )  # fmt: skip
    list(deep_sleep(night))
    assert night.past is not None and night.past.name == "night-0002"  # 32 is not too much yet
    night.config = replace(night.config, most_rank=16, deep_rank=8)
    list(deep_sleep(night))  # a tiny model knows nothing: there is no exam that could hold
    assert night.past.name == "night-0002" and not night.report["deep_sleep"]["kept"]
    del night.report["deep_sleep"]
    monkeypatch.setattr("sleep.deep_sleep._right", lambda room, questions: 3)
    faults.visits.clear()
    with monkeypatch.context() as broken:
        broken.setenv("SOMNUS_FAULT", "deep.name:1:EIO")
        with pytest.raises(HomeError, match="can't be written"):
            list(deep_sleep(night))
    assert not night.deep.exists()
    del night.report["deep_sleep"]  # which was never written down
    list(deep_sleep(night))
    assert night.past == night.deep and lora.rank_of(night.deep) == 8
    assert night.report["deep_sleep"]["kept"] and night.parent == "night-0002"
    assert list(deep_sleep(night)) == []  # once is enough
    # the night goes on from there, and leaves nothing but its adapter
    assert room.sleep()[-1].outcome == "cleared"
    folder = room.home.adapters.path("night-0003")
    assert lora.rank_of(folder) == 8 + 16
    assert room.home.adapters.current().parent == "night-0002"
    assert sorted(p.name for p in folder.parent.iterdir()) == [
        "night-0001",
        "night-0002",
        "night-0003",
    ]
    assert lora.rank_of(room.home.adapters.path("night-0002")) == 32
    room.home.close()


def test_compressing_that_forgets_is_refused() -> None:
    assert Held(asked=40, before=30, after=29).fine(0.05)
    assert not Held(asked=40, before=30, after=27).fine(0.05)
    assert not Held(asked=0, before=0, after=0).fine(0.05)  # nothing is proved
