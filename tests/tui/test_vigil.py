"""The app's night watch: the chat goes on while it sleeps, and a night that nobody asked for makes way."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from driving import CAT, idle, say, seen, until
from stage import make_stage_root
from textual.pilot import Pilot
from textual.widgets import Markdown

from memory.config import save_setting
from memory.errors import Interrupted
from memory.home import Home
from sleep.events import NightBegan, NightEnded
from tui.app import SomnusApp
from tui.doorbell import Want, ring
from tui.root import Options
from tui.widgets.message_box import MessageBox

REPORT = {
    "night": 1, "learned": [], "kept_back": [], "exam": {"before": 0, "after": 0, "asked": 0}, "cleared": 0,
    "left": 1, "drift": {"rise": 0.0}, "seconds": {"total": 1.0}, "outcome": "cleared",
}  # fmt: skip


class Nights:
    """Nights by script: each waits until it is let go or stopped."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.begun = 0
        self.budgets: list[float | None] = []
        self.asleep = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, *, budget: float | None, stop: Callable[[], bool]) -> Any:
        ledger = self.root.home.ledger
        self.begun += 1
        self.budgets.append(budget)
        if ledger.unfinished() is None:
            ledger.begin_night([e.id for e in ledger.waiting()], None)
        yield NightBegan(night=1, episodes=1, budget_minutes=60.0)
        self.asleep.set()
        while not self.let_go.is_set():
            if stop():
                self.asleep.clear()
                raise Interrupted("Night 1 was interrupted; nothing was lost.")
            time.sleep(0.01)
        self.asleep.clear()
        yield NightEnded(night=1, outcome="cleared", report=REPORT)


@pytest.fixture
def root(embedder: Any, home_path: Path) -> Any:
    opened = make_stage_root(embedder)(Options(home=home_path))
    yield opened
    opened.close()


@pytest.fixture
def nights(root: Any) -> Any:
    script = Nights(root)
    root.night_apart = script
    yield script
    script.let_go.set()


@pytest.fixture
async def pilot(root: Any, nights: Nights) -> AsyncIterator[Pilot[None]]:
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24)) as driven:
        await until(driven, idle(app))
        yield driven
        nights.let_go.set()


async def test_the_chat_goes_on_while_it_sleeps(
    pilot: Pilot[None], nights: Nights, root: Any
) -> None:
    app: Any = pilot.app
    await say(pilot, CAT)
    app.run_bridge("sleep")
    await until(pilot, nights.asleep.is_set)
    await say(pilot, "What is my cat called?")
    assert "Biscuit" in app.screen.query(Markdown).last().source
    assert app.bridge.bed.taken and nights.asleep.is_set()
    assert root.home.ledger.unfinished().episodes == (1,)  # what was said meanwhile isn't in it
    wearing = root.model.worn
    nights.let_go.set()
    await until(pilot, lambda: not app.bridge.bed.taken)
    assert root.model.worn is None is wearing
    assert root.store.ids() == {e.id for e in root.home.ledger.waiting()}


async def test_one_night_at_a_time_and_escape_leaves_it_when_a_reply_is_stopped(
    pilot: Pilot[None], nights: Nights
) -> None:
    app: Any = pilot.app
    await say(pilot, CAT)
    for _ in range(3):
        app.run_bridge("sleep")
    await until(pilot, nights.asleep.is_set)
    await pilot.pause(0.2)
    assert nights.begun == 1
    began = time.monotonic()
    await pilot.press("escape")  # in the chat it is not for the night
    await pilot.pause(0.3)
    assert app.bridge.bed.taken and not app.bridge.bed.woken
    await pilot.press("f4", "escape")
    await until(pilot, lambda: not app.bridge.bed.taken)
    assert time.monotonic() - began < 5
    await pilot.pause(0.3)
    assert nights.begun == 1  # not by itself again


@pytest.fixture
def due(home_path: Path) -> Path:
    with Home.open(home_path) as home:
        home.ledger.append(CAT, at=datetime(2020, 1, 1, tzinfo=UTC))
    return home_path


async def test_a_night_that_nobody_asked_for_pauses_when_the_user_returns_and_goes_on_when_they_left(
    due: Path, root: Any, nights: Nights
) -> None:
    save_setting(due, "idle_minutes", 5)
    app = SomnusApp(root)
    now = datetime.now().astimezone()
    app.clock = lambda: now
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, nights.asleep.is_set)  # caught up at the start
        began = time.monotonic()
        await pilot.press("h")
        await until(pilot, lambda: not app.bridge.bed.taken)
        assert time.monotonic() - began < 5
        app.vigil.look()
        await pilot.pause(0.2)
        assert nights.begun == 1  # the user is here
        now += timedelta(minutes=6)
        app.vigil.look()
        await until(pilot, lambda: nights.begun == 2 and nights.asleep.is_set())
        nights.let_go.set()
        await until(pilot, lambda: not app.bridge.bed.taken)


async def test_a_night_that_is_put_off_by_hand_waits_for_the_next_scheduled_time(
    due: Path, root: Any, nights: Nights
) -> None:
    app = SomnusApp(root)
    now = datetime.now().astimezone()
    app.clock = lambda: now
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, nights.asleep.is_set)
        app.bridge.bed.wake()
        await until(pilot, lambda: not app.bridge.bed.taken)
        app.vigil.look()
        await pilot.pause(0.2)
        assert nights.begun == 1
        now += timedelta(days=1)
        app.vigil.look()
        await until(pilot, lambda: nights.begun == 2)
        nights.let_go.set()
        await until(pilot, lambda: not app.bridge.bed.taken)


async def test_another_somnus_may_ask_it_to_sleep_and_to_stop_but_not_to_leave(
    pilot: Pilot[None], nights: Nights, home_path: Path
) -> None:
    import asyncio

    app: Any = pilot.app
    await say(pilot, CAT)

    async def asked(want: Want, budget: float | None = None) -> Any:
        return await asyncio.to_thread(ring, home_path, want, budget)

    assert (await asked(Want.CANCEL)).said == "No night is going on."
    assert not (await asked(Want.HOME)).done
    assert (await asked(Want.SLEEP, 7.0)).done
    await until(pilot, nights.asleep.is_set)
    assert nights.budgets == [7.0] and not (await asked(Want.SLEEP)).done
    assert (await asked(Want.CANCEL)).done
    await until(pilot, lambda: not app.bridge.bed.taken)
    assert app.root.home.ledger.unfinished() is None


async def test_forgetting_gives_up_the_night_that_may_be_learning_it(
    pilot: Pilot[None], nights: Nights, root: Any
) -> None:
    app: Any = pilot.app
    await say(pilot, CAT)
    app.run_bridge("sleep")
    await until(pilot, nights.asleep.is_set)
    app.run_bridge("forget", [], [1])
    await until(pilot, lambda: not any("Biscuit" in e.said for e in root.home.ledger.episodes()))
    assert root.home.ledger.unfinished() is None and not app.bridge.bed.taken


# ---------------------------------------------------------------------------- what is shown


async def test_escapes_and_markup_are_letters_on_every_screen(
    pilot: Pilot[None], root: Any
) -> None:
    evil = "My [b]boat[/b] is \x1b[2J\x1b]0;pwned\x07 \x9b31m\u202e Nixe."
    root.model._default = evil
    await say(pilot, evil)
    episode = root.home.ledger.episodes()[0]
    root.home.ledger.add_memories([(episode.id, evil, episode.at)])
    app: Any = pilot.app
    app.notify(evil, markup=False)
    for key in ("f2", "f3", "f4", "f5", "f9"):
        await pilot.press(key)
        await pilot.pause(0.1)
        strips = app.screen._compositor.render_strips()
        drawn = "\n".join("".join(s.text for s in strip if not s.control) for strip in strips)
        assert not any(c in drawn for c in "\x1b\x07\x9b\u202e"), key
        if key in ("f2", "f3"):
            assert "[b]boat[/b]" in drawn
    assert seen(app, "Nothing") == ""


async def test_a_pasted_passage_comes_as_a_quotation_and_a_pasted_word_as_it_is(
    pilot: Pilot[None],
) -> None:
    from textual import events

    box = pilot.app.screen.query_one(MessageBox)
    for text in ("Biscuit", "\n\nFirst line.\nSecond line.\n"):
        pilot.app.post_message(events.Paste(text))
        await pilot.pause(0.1)
    assert box.text == "Biscuit\n> First line.\n> Second line.\n"
