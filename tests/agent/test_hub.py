"""A model by its Hugging Face id: from a hub's cache laid out here, and what is said when it can't be fetched."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from tiny import make_checkpoint

from agent import weights
from agent.local_model import LocalModel
from agent.model import Sampling
from memory.errors import WeightsError
from memory.paths import private_dir


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client, which may not leave the house."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return private_dir(tmp_path / "hub")


def fetched(hub: Path, owner: str, name: str, kind: str = "llama") -> Path:
    """Lay a tiny checkpoint out as the client does after a download; the folder of the snapshot."""
    model, revision = hub / f"models--{owner}--{name}", "x" * 40
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(revision)
    return make_checkpoint(model / "snapshots" / revision, kind)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma"])
def test_an_id_is_resolved_to_its_snapshot_and_speaks(
    hub: Path, no_sockets: None, kind: str
) -> None:
    folder = fetched(hub, "some", "model", kind)
    heard: list[str] = []
    checkpoint = weights.resolve("some/model", progress=lambda what, share: heard.append(what))
    assert checkpoint.name == "some/model" and heard == ["fetching some/model from the hub"]
    assert checkpoint.path == checkpoint.base_path == folder
    assert len(checkpoint.base_hash) == 64 and checkpoint.instincts_hash is None
    assert weights.known("some/model") == checkpoint
    model = LocalModel.load(checkpoint.path, name=checkpoint.name, device="cpu")
    (tokens,) = model.decode([model.tokenizer("Hello.").input_ids], Sampling(max_tokens=3))
    assert tokens


def test_an_id_of_which_only_another_model_is_here_is_not_known(hub: Path) -> None:
    fetched(hub, "some", "model")
    assert weights.known("some/other") is None
    with pytest.raises(WeightsError, match="some/other can't be fetched"):
        weights.resolve("some/other")


def test_a_snapshot_that_lacks_its_tokenizer_is_refused_and_not_known(hub: Path) -> None:
    folder = fetched(hub, "some", "model")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match="some/model has no tokenizer"):
        weights.resolve("some/model")
    assert weights.known("some/model") is None


def test_a_snapshot_that_is_gone_is_not_known(hub: Path) -> None:
    shutil.rmtree(fetched(hub, "some", "model"))
    assert weights.known("some/model") is None


def not_there() -> Exception:
    from httpx import Request, Response
    from huggingface_hub.errors import RepositoryNotFoundError

    response = Response(404, request=Request("GET", "https://hub.invalid/api/models/some/model"))
    return RepositoryNotFoundError(
        "404 Client Error.\n\nRepository Not Found.\nPlease log in.", response=response
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (not_there(), "it has none of that name, or a closed one: check the name, or log in"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full: make room"),
        (TimeoutError("timed out"), "it can't be reached: check the network"),
    ],
    ids=["no such model", "full disk", "no answer"],
)
def test_whatever_the_hubs_client_raises_is_one_sentence(
    hub: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(WeightsError, match=words) as caught:
        weights.resolve("some/model")
    said = str(caught.value)
    assert "\n" not in said and said.startswith("The model some/model can't be fetched")
    assert said.endswith(".") and said.count(". ") == 0
    assert weights.known("some/model") is None
