"""New rank: how much it adds, before and after it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bedroom import Bedroom
from factors import added

from agent.local_model import LocalModel
from agent.packing import pack
from memory import faults
from memory.errors import HomeError
from sleep import lora, seeding


@pytest.mark.parametrize("scale", [2.0, 8.0])
def test_new_rank_adds_so_many_times_its_factors(
    tiny_checkpoint: Path, tmp_path: Path, scale: float
) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    for p in lora.expand(model, rank=3, targets=lora.MLP, seed=0, scale=scale):
        p.data.normal_(std=0.2)
    worn = _states(model)
    factors = {n.replace(".default", ""): p for n, p in lora.state(model).items()}
    lora.save(model, tmp_path / "night")
    for name, delta in added(tmp_path / "night").items():
        wanted = scale * factors[name.replace("lora_A", "lora_B")] @ factors[name]
        torch.testing.assert_close(delta, wanted)
    lora.reload(model, tmp_path / "night", past=None, rank=3)  # whatever the scale was
    torch.testing.assert_close(_states(model), worn)


def test_an_adapter_that_the_disk_refuses_is_told_in_a_sentence(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    lora.expand(model, rank=3, targets=lora.MLP, seed=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match="can't be written"):
        lora.save(model, tmp_path / "file" / "night")
    monkeypatch.setenv("SOMNUS_FAULT", f"file.written:{faults.visits['file.written'] + 1}:ENOSPC")
    with pytest.raises(HomeError, match="free some disk"):
        lora.save(model, tmp_path / "night")
    assert not list((tmp_path / "night").glob("*.safetensors"))


def test_a_night_grows_by_its_own_scale(
    home_path: Path, tiny_checkpoint: Path, embedder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedroom = Bedroom(home_path, tiny_checkpoint, embedder)
    bedroom.tell("My cat is called Biscuit.")
    room = bedroom.evening()
    room.config = replace(room.config, scale=5.0)
    scales: set[float] = set()

    def learn(*_: object) -> Iterator[object]:
        modules = [m for m in bedroom.model.network.modules() if hasattr(m, "lora_A")]
        scales.update(m.scaling["default"] for m in modules)
        yield from ()

    monkeypatch.setattr(seeding, "_learn", learn)
    list(seeding.seed(room))
    assert scales == {5.0}
    bedroom.home.close()


def _states(model: LocalModel) -> torch.Tensor:
    packed = pack([model.encode_reply("One two three four.")], model.end_id, model.device)
    with model.worn() as network, torch.no_grad():
        return model.hidden(network, packed)
