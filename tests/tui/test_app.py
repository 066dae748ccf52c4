"""The terminal app, driven by its keys, over the same scripted root as the command line."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from driving import CAT, idle, say, seen, until
from textual.pilot import Pilot
from textual.widgets import DataTable, Markdown

from memory.episode import MemoryId, MemoryState
from memory.home import Home
from tui.app import SomnusApp
from tui.root import Options, Root
from tui.screens.confirm import Confirm
from tui.widgets.message_box import MessageBox
from tui.widgets.status_line import StatusLine


@pytest.fixture
def root(make_root: type[Root], home_path: Path) -> Any:
    opened = make_root(Options(home=home_path))
    yield opened
    opened.close()


async def test_the_first_frame_comes_before_the_model(make_root: Any, home_path: Path) -> None:
    gate = threading.Event()
    slow = make_root.model

    def loading(self: Any) -> Any:
        gate.wait(10)
        return slow.func(self)

    make_root.model = property(loading)
    root = make_root(Options(home=home_path))
    app = SomnusApp(root)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "Three things to try" in seen(app, "#empty")
        app.screen.query_one(MessageBox).text = "Too early"
        await pilot.press("enter")
        assert app.screen.query_one(MessageBox).text == "Too early"  # nothing typed is lost
        gate.set()
        await until(pilot, idle(app))
        assert "scripted" in seen(app, "StatusLine")
    root.close()


async def test_a_turn_is_answered_with_where_it_came_from(pilot: Pilot[None], root: Root) -> None:
    await say(pilot, CAT)
    await say(pilot, "What is my cat called?")
    assert "1 recollected from the buffer" in seen(pilot.app, ".source")  # type: ignore[arg-type]
    assert "Biscuit" in pilot.app.screen.query(Markdown).last().source
    assert [e.said for e in root.home.ledger.episodes()] == [CAT, "What is my cat called?"]
    assert not pilot.app.screen.query("#empty")


async def test_markup_in_a_message_is_shown_as_typed(pilot: Pilot[None]) -> None:
    await say(pilot, "[red]not red[/red] [/] 🐈")
    assert "[red]not red[/red] [/] 🐈" in seen(pilot.app, ".user")  # type: ignore[arg-type]


async def test_ctrl_j_makes_a_line_and_an_empty_box_sends_nothing(
    pilot: Pilot[None], root: Root
) -> None:
    await pilot.press("enter")
    await pilot.press("a", "ctrl+j", "b")
    assert pilot.app.screen.query_one(MessageBox).text == "a\nb"
    assert root.home.ledger.episodes() == []


@pytest.mark.parametrize("key", ["escape", "ctrl+q"])
async def test_a_reply_can_be_stopped_and_what_was_said_is_kept(
    pilot: Pilot[None], root: Any, key: str
) -> None:
    begun = threading.Event()
    turn = root.model.stream

    def endless(
        turns: Any, sampling: Any, *, adapter: bool = True, cancelled: Any = lambda: False
    ) -> Any:
        yield from turn(turns, sampling, adapter=adapter)
        while not cancelled():
            begun.set()
            time.sleep(0.01)
            yield " and"

    root.model.stream = endless
    app: Any = pilot.app
    app.screen.query_one(MessageBox).text = "Go on for ever."
    await pilot.press("enter")
    await asyncio.to_thread(begun.wait, 10)
    await pilot.press(key)
    if key == "ctrl+q":
        await until(pilot, lambda: app.return_code is not None)
        return
    await until(pilot, lambda: not app.bridge.busy and bool(app.screen.query(".source")))
    assert "stopped" in seen(app, ".source")
    assert root.home.ledger.episodes()[0].replied.startswith("You haven't told me that. and")


async def test_a_reply_that_fails_is_a_sentence_and_the_next_one_works(
    pilot: Pilot[None], root: Any
) -> None:
    works = root.model.stream

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("boom")

    root.model.stream = broken
    app: Any = pilot.app
    app.screen.query_one(MessageBox).text = "Hello."
    await pilot.press("enter")
    await until(pilot, lambda: "boom" in seen(app, "StatusLine"))
    root.model.stream = works
    await until(pilot, idle(app))
    await say(pilot, CAT)


@pytest.mark.parametrize(
    ("key", "name"), [("f2", "chat"), ("f3", "memory"), ("f4", "sleep"), ("f5", "recall")]
)
async def test_every_screen_has_a_key_and_tells_what_goes_on(
    pilot: Pilot[None], key: str, name: str
) -> None:
    await pilot.press("f5" if key != "f5" else "f2")
    await pilot.press(key)
    await pilot.pause()
    assert getattr(pilot.app.screen, "NAME", "") == name
    assert pilot.app.screen.query_one(StatusLine).content


async def test_a_night_shows_its_phases_dreams_and_verdict(pilot: Pilot[None]) -> None:
    await say(pilot, CAT)
    await pilot.press("ctrl+s")
    await pilot.pause()
    assert "1 episode waits" in seen(pilot.app, "#plan")  # type: ignore[arg-type]
    await pilot.click("#begin")
    await until(pilot, lambda: "moved into the weights" in seen(pilot.app, "#verdict"))  # type: ignore[arg-type]
    assert "✓" in seen(pilot.app, "#phases")  # type: ignore[arg-type]
    dreams: Any = pilot.app.screen.query_one("#dreams")
    assert any(
        "[b]Biscuit[/b]" in line.text for line in dreams.lines
    )  # markup is shown, not obeyed


async def test_a_missed_night_is_caught_up_at_the_start(make_root: Any, home_path: Path) -> None:
    with Home.open(home_path) as home:
        home.ledger.append(CAT, at=datetime(2020, 1, 1, tzinfo=UTC))
    root = make_root(Options(home=home_path))
    app = SomnusApp(root)
    async with app.run_test() as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: "moved into the weights" in seen(app, "#verdict"))
    root.close()


async def test_memories_are_filtered_pinned_and_forgotten_after_a_question(
    pilot: Pilot[None], root: Root
) -> None:
    ledger = root.home.ledger
    for text in (CAT, "I [b]row[/b] on Mondays."):
        episode = ledger.append(text)
        ledger.add_memories([(episode.id, text, episode.at)])
    await pilot.press("f3", "slash", *"biscuit", "enter")
    assert pilot.app.screen.query_one("#memories", DataTable).row_count == 1
    await pilot.press("p")
    assert ledger.memory(MemoryId(1)).pinned
    await pilot.press("delete")
    await pilot.pause()
    assert isinstance(pilot.app.screen, Confirm)
    await pilot.press("enter")  # No has the focus
    await until(pilot, lambda: not isinstance(pilot.app.screen, Confirm))
    assert ledger.memory(MemoryId(1)).text == CAT
    await pilot.press("delete")
    await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
    await pilot.click("#yes")
    await until(pilot, lambda: ledger.memory(MemoryId(1)).state is MemoryState.FORGOTTEN)


async def test_recall_asks_the_demo_and_shows_bars_with_intervals(pilot: Pilot[None]) -> None:
    await pilot.press("f5")
    await pilot.pause()
    assert "No night has been examined yet" in seen(pilot.app, "#bars")  # type: ignore[arg-type]
    await pilot.click("#ask")
    await until(pilot, lambda: "weights" in seen(pilot.app, "#bars"))  # type: ignore[arg-type]
    assert "–" in seen(pilot.app, "#bars")  # type: ignore[arg-type]
    assert pilot.app.screen.query_one(DataTable).row_count > 4


@pytest.mark.parametrize("size", [(60, 20), (120, 40)])
async def test_it_can_be_used_narrow_and_wide(
    root: Root, tmp_path: Path, size: tuple[int, int]
) -> None:
    app = SomnusApp(root)
    async with app.run_test(size=size) as pilot:
        await until(pilot, idle(app))
        for key in ("f3", "f4", "f5", "f2"):
            await pilot.press(key)
            await pilot.pause()
            for widget in app.screen.query("Button, Input, DataTable, MessageBox"):
                assert widget.region.right <= size[0], f"{widget} stands out at {size}"
        picture = tmp_path / "chat.svg"
        picture.write_text(app.export_screenshot())
        assert picture.read_text().startswith("<svg") and "try" in picture.read_text()


async def test_ctrl_q_quits(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+q")
    await until(pilot, lambda: pilot.app.return_code is not None)
