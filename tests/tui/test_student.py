"""A student on the command line: made when it is wanted, named where the model is, taught by the smaller one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import make_checkpoint

from agent.growth import WIDER
from tui.root import Options, Root


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SOMNUS_DREAMS_PER_MEMORY", "4")
    monkeypatch.setenv("SOMNUS_REHEARSAL_TEXTS", "8")
    return make_checkpoint(tmp_path / "base")


@pytest.fixture
def root(home_path: Path, base: Path, embedder: Any) -> Any:
    opened = Root(Options(home=home_path, model=str(base), student=WIDER))
    opened.__dict__["embedder"] = embedder
    yield opened
    opened.close()


def test_a_wider_student_is_known_once_it_is_made(root: Root, base: Path) -> None:
    assert root.known() is None
    assert root.checkpoint.name == f"{base}-{WIDER}" and root.smaller.path == base
    assert root.known() == root.checkpoint
    narrow = root._load(root.smaller).network.config.intermediate_size
    assert root.model.network.config.intermediate_size >= 1.5 * narrow


def test_the_smaller_one_teaches_and_the_student_is_pinned(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.store.add([root.home.ledger.append("My cat is called Biscuit.")])
    read: list[str] = []
    sampled = "sleep.dreams.sample"
    monkeypatch.setattr(
        sampled, lambda model, told, *_, **__: (read.append(model.name), ([], list(told)))[1]
    )
    report = list(root.night(budget=5))[-1].report  # type: ignore[attr-defined]
    assert report["outcome"] == "cleared" and read == [root.smaller.name]
    assert root.home.ledger.meta("base") == root.checkpoint.stamp
    assert root.home.adapters.current().base_hash == root.checkpoint.stamp  # type: ignore[union-attr]


def test_another_checkpoint_can_be_the_student(home_path: Path, base: Path, tmp_path: Path) -> None:
    other = make_checkpoint(tmp_path / "other", "qwen3")
    root = Root(Options(home=home_path, model=str(base), student=str(other)))
    assert root.checkpoint.path == other and root.known() == root.checkpoint
    assert root.smaller.path == base
