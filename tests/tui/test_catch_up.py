"""A night that was missed: who keeps watch looks each minute by the wall clock, and when the scheduler rings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from driving import CAT

from memory.config import Config
from memory.home import Home
from sleep.watch import LOOK
from tui.commands import daemon
from tui.vigil import Vigil

EVENING = datetime(2026, 3, 2, 23).astimezone()


class Clockwork:
    """What the watch needs of an app: its timers are wound by hand, and a night is a line in a list."""

    def __init__(self, home: Home) -> None:
        self.root = SimpleNamespace(path=home.path, config=Config(sleep_at="03:30"), home=home)
        self.bridge = SimpleNamespace(bed=SimpleNamespace(taken=False), busy=False)
        self.ready, self.tried, self.now = True, None, EVENING
        self.timers: dict[float, Callable[[], None]] = {}
        self.nights: list[datetime] = []

    def set_interval(self, seconds: float, look: Callable[[], None]) -> None:
        self.timers[seconds] = look

    def call_from_thread(self, look: Callable[[], None]) -> None:
        look()

    def clock(self) -> datetime:
        return self.now

    def notify(self, text: str) -> None:
        assert "I'm going to sleep" in text

    def run_bridge(self, what: str, budget: float | None, by_itself: bool) -> None:
        assert (what, by_itself) == ("sleep", True)
        self.nights.append(self.now)


@pytest.fixture
def app(home_path: Path) -> Iterator[Clockwork]:
    with Home.open(home_path) as home:
        home.ledger.append(CAT, at=EVENING - timedelta(hours=1))
        yield Clockwork(home)


@pytest.fixture
def vigil(app: Clockwork) -> Iterator[Any]:
    watch = Vigil(app)  # type: ignore[arg-type]
    watch.begin()
    yield watch
    watch.end()


@pytest.mark.parametrize("asleep", [timedelta(hours=10), timedelta(days=3, hours=10)])
def test_the_app_catches_up_within_a_minute_of_waking_once(
    app: Clockwork, vigil: Any, asleep: timedelta
) -> None:
    del vigil
    look = app.timers[60]
    look()
    assert app.nights == []  # it is not time yet
    app.now += asleep  # the laptop slept, and its timers with it
    for _ in range(3):
        look()
    assert app.nights == [EVENING + asleep]


def test_the_apps_scheduler_asks_the_same_question(app: Clockwork, vigil: Any) -> None:
    ring = vigil._scheduler.get_job("night").func
    ring()
    assert app.nights == []
    app.now += timedelta(hours=5)
    ring()
    app.timers[60]()
    assert len(app.nights) == 1


def test_the_daemon_looks_every_minute(somnus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def look(*_: Any) -> dict[str, Any]:
        looks.append(time.monotonic())
        if len(looks) == 4:
            raise KeyboardInterrupt
        return {"outcome": "not_due"}

    assert daemon.MINUTE == 60
    monkeypatch.setattr(daemon, "MINUTE", 0.001)
    monkeypatch.setattr(daemon, "look", look)
    printed = somnus("daemon")
    assert len(looks) == 4 and printed.code == 130 and printed.out == ""


def test_the_daemon_looks_when_the_scheduler_rings(
    somnus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    looks: list[float] = []
    make = daemon.make_scheduler

    def look(*_: Any) -> dict[str, Any]:
        looks.append(time.monotonic())
        if len(looks) == 2:
            raise KeyboardInterrupt
        made[0].modify_job("night", next_run_time=datetime.now().astimezone())
        return {"outcome": "not_due"}

    monkeypatch.setattr(daemon, "make_scheduler", lambda *a: made.append(make(*a)) or made[0])
    monkeypatch.setattr(daemon, "look", look)
    assert somnus("daemon").code == 130
    assert looks[1] - looks[0] < daemon.MINUTE / 2 and not made[0].running


def test_a_night_that_goes_on_looks_at_the_plug_every_second(
    app: Clockwork, vigil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del vigil
    woken: list[bool] = []
    app.bridge.bed = SimpleNamespace(
        taken=True, by_itself=True, woken=False, wake=lambda: woken.append(True)
    )
    app.notify = lambda text: None  # type: ignore[method-assign]
    app.timers[LOOK]()
    assert not woken
    monkeypatch.setattr("tui.vigil.on_power", lambda: False)
    app.timers[LOOK]()
    assert woken == [True]
