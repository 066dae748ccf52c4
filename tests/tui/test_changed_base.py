"""A base that changed under an adapter: what was learnt on it is learnt again, and nothing is given up too early."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from tiny import make_checkpoint

from memory.episode import MemoryState
from memory.home import Home
from tui.root import Root

Run = Callable[..., Any]
CAT = "My cat is called Biscuit."
CODE = "The code of the cellar is 5093."
CHANGED = "The model has changed, or how it learns: what was learnt before is in the buffer again."


@pytest.fixture
def make_root(embedder: Any) -> type[Root]:
    """A root whose language model is whatever checkpoint --model names."""

    class LocalRoot(Root):
        @cached_property
        def embedder(self) -> Any:
            return embedder

    return LocalRoot


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "base")


@pytest.fixture
def on_base(somnus: Run, base: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on that base, with small nights."""
    monkeypatch.setenv("SOMNUS_DREAMS_PER_MEMORY", "4")
    monkeypatch.setenv("SOMNUS_REHEARSAL_TEXTS", "8")
    monkeypatch.setenv("SOMNUS_REPLY_TOKENS", "16")
    return lambda *words: somnus("--model", str(base), *words)


def learn(on_base: Run, home: Path, said: str) -> None:
    """A night. The tiny model learns nothing by it, so it is written down as if it had."""
    on_base("tell", said)
    assert on_base("sleep").code == 0
    with Home.open(home) as opened:
        night = opened.ledger.nights()[-1].number
        (memory,) = opened.ledger.memories(state=MemoryState.KEPT_BACK)
        opened.ledger.set_memory(memory.id, state=MemoryState.CONSOLIDATED, night=night)
        opened.ledger.mark_cleared([memory.episode], night)


def retrained(base: Path) -> None:
    """The same shape with other weights."""
    file = base / "model.safetensors"
    moved = {name: tensor + 0.01 for name, tensor in load_file(file).items()}
    save_file(moved, file, metadata={"format": "pt"})


def rebuilt(base: Path) -> None:
    """Another architecture."""
    make_checkpoint(base, "qwen3")


def stands(on_base: Run) -> tuple[str | None, int]:
    """(the adapter worn, episodes in the buffer)"""
    status = on_base("status", "--json").document
    return status["adapter"] and status["adapter"]["name"], status["buffer"]["episodes"]


@pytest.mark.parametrize("change", [retrained, rebuilt])
def test_what_was_learnt_on_another_base_is_in_the_buffer_again(
    on_base: Run, home_path: Path, base: Path, change: Callable[[Path], None]
) -> None:
    learn(on_base, home_path, CAT)
    assert stands(on_base) == ("night-0001", 0)
    change(base)
    printed = on_base("ask", "Who is Biscuit?", "--json")
    assert printed.code == 0 and printed.err.count(CHANGED) == 1
    assert [r["said"] for r in printed.document["recollections"]] == [CAT]
    assert printed.document["adapter"] is None and stands(on_base) == (None, 1)
    assert CHANGED not in on_base("ask", "Who is Biscuit?").err  # said once
    assert on_base("sleep").code == 0
    with Home.open(home_path, read_only=True) as home:
        card = home.adapters.current()
        assert card is not None and (card.name, card.parent) == ("night-0002", None)


def test_an_adapter_that_was_learnt_to_be_worn_while_listening_too_is_learnt_again(
    on_base: Run, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("agent.weights.WORN", "")
        learn(on_base, home_path, CAT)
        assert stands(on_base) == ("night-0001", 0)
    assert CHANGED in on_base("ask", "Who is Biscuit?").err
    assert stands(on_base) == (None, 1)


def torn(base: Path) -> None:
    file = base / "model.safetensors"
    file.write_bytes(file.read_bytes()[:40_000])


def mismatched(base: Path) -> None:
    """Whole files that don't belong together: only loading them shows it."""
    file = base / "model.safetensors"
    other = {name: tensor[:8].clone() for name, tensor in load_file(file).items()}
    save_file(other, file, metadata={"format": "pt"})


@pytest.mark.parametrize("hurt", [torn, mismatched])
def test_a_base_that_cannot_be_loaded_costs_nothing_of_what_was_learnt(
    on_base: Run, home_path: Path, base: Path, hurt: Callable[[Path], None]
) -> None:
    learn(on_base, home_path, CAT)
    hurt(base)
    for words in (["ask", "Who is Biscuit?"], ["chat"]):
        printed = on_base(*words)
        assert printed.code == 1 and CHANGED not in printed.err and "Traceback" not in printed.err
    make_checkpoint(base)
    assert stands(on_base) == ("night-0001", 0)
    printed = on_base("ask", "Who is Biscuit?", "--json")
    assert printed.code == 0 and printed.document["adapter"] == "night-0001"


def test_a_night_rolled_back_to_before_the_change_wears_no_adapter_of_the_old_base(
    on_base: Run, home_path: Path, base: Path
) -> None:
    learn(on_base, home_path, CAT)
    learn(on_base, home_path, CODE)
    rebuilt(base)
    assert CHANGED in on_base("ask", "Who is Biscuit?").err
    assert on_base("nights", "rollback", "2").code == 0
    printed = on_base("ask", "Who is Biscuit?", "--json")
    assert printed.code == 0 and printed.document["adapter"] is None
    assert stands(on_base) == (None, 2)
