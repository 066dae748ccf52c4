"""What tests share: an embedder that needs no download, and tiny checkpoints made here."""

from __future__ import annotations

import hashlib
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

sys.path[:0] = [
    str(Path(__file__).parent),
    str(Path(__file__).parent / "tui"),
]  # for `tiny`, shared by several test files

os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


class HashEmbedder:
    """Unit vectors from hashed words: the same words give the same direction."""

    dimension = 64

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._one(t) for t in texts]

    def _one(self, text: str) -> list[float]:
        vector = [1e-3] * self.dimension
        for word in re.findall(r"\w+", text.lower()):
            vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % self.dimension] += 1.0
        length = math.sqrt(sum(x * x for x in vector))
        return [x / length for x in vector]


@pytest.fixture
def embedder() -> HashEmbedder:
    return HashEmbedder()


@pytest.fixture
def home_path(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def apart(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """No test touches the user's home; only the real night uses the real cache."""
    monkeypatch.delenv("SOMNUS_HOME", raising=False)
    if "night" not in request.keywords:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    yield


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    for way in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, way, refuse)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("tiny") / "llama")
