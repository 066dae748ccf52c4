"""A root whose models need no weights: everything else about it, the home, the ledger and the buffer, is real."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from driving import idle, until
from stage import make_stage_root
from textual.pilot import Pilot

from agent.scripted_model import ScriptedModel
from memory.episode import Phase
from memory.errors import Interrupted
from memory.home import Home
from sleep.events import (
    DreamDreamt,
    MemoryJudged,
    NightBegan,
    NightEnded,
    NightEvent,
    PhaseBegan,
    PhaseReached,
)
from tui.app import SomnusApp
from tui.cli import main
from tui.root import Options, Root

REPORT: dict[str, Any] = {
    "night": 1, "learned": [{"memory": 1, "text": "My cat is called Biscuit."}], "kept_back": [],
    "exam": {"before": 0, "after": 3, "asked": 3}, "cleared": 1, "left": 0, "drift": {"rise": 0.01},
    "seconds": {"total": 12.0},
}  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """What a command left: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def make_root(embedder: Any) -> type[Root]:
    """A root over a scripted model: it knows Biscuit when it can read about him, and nothing by heart."""

    class ScriptedRoot(Root):
        outcome = Phase.CLEARED  # of its nights

        @cached_property
        def embedder(self) -> Any:
            return embedder

        @cached_property
        def model(self) -> Any:
            return ScriptedModel({"Biscuit": "Biscuit. **Yes**, Biscuit."})

        def night_apart(self, **options: Any) -> Iterator[NightEvent]:
            return self.night(**options)  # a script needs no process of its own

        def night(
            self, *, budget: float | None = None, stop: Callable[[], bool] = lambda: False
        ) -> Iterator[NightEvent]:
            yield NightBegan(night=1, episodes=1, budget_minutes=budget or 60.0)
            yield PhaseBegan(night=1, phase=Phase.DREAMT)
            yield DreamDreamt(
                night=1, kind="fact", cue="Who is [b]Biscuit[/b]?", reply="Your cat.", gap=2.0
            )
            yield PhaseReached(night=1, phase=Phase.DREAMT, seconds=1.0)
            if stop():
                raise Interrupted("Night 1 was interrupted; nothing was lost.")
            yield MemoryJudged(
                night=1, memory=1, text="My cat is called Biscuit.", passed=True, right=3, asked=3
            )
            alarm = {"alarm": "drift"} if self.outcome is Phase.ROLLED_BACK else {}
            yield NightEnded(
                night=1,
                outcome=self.outcome.value,
                report={**REPORT, **alarm, "outcome": self.outcome.value},
            )

    return ScriptedRoot


@pytest.fixture
def somnus(
    home_path: Path,
    make_root: type[Root],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Printed]:
    """Runs one command line on the test's home."""

    def run(*words: str, stdin: bytes = b"", root: type[Root] = make_root) -> Printed:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(["--home", str(home_path), *words], make_root=root)
        printed = capsys.readouterr()
        return Printed(code, printed.out, printed.err)

    return run


@pytest.fixture
def ledger(home_path: Path) -> Iterator[Any]:
    """The home's ledger, read beside whatever the commands do."""
    with Home.open(home_path):
        pass
    with Home.open(home_path, read_only=True) as home:
        yield home.ledger


@pytest.fixture
def root(embedder: Any, home_path: Path) -> Iterator[Root]:
    """The stage's root, its home still empty."""
    opened = make_stage_root(embedder)(Options(home=home_path))
    yield opened
    opened.close()


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown as they are in Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
async def pilot(root: Root) -> AsyncIterator[Pilot[None]]:
    """A started app, its model loaded."""
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24)) as driven:
        await until(driven, idle(app))
        yield driven
