"""The memory screen over a furnished home: state, strength, source, filter, order, forgetting, pinning, export."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from driving import idle, seen, shown, until
from stage import furnish, make_stage_root
from textual.pilot import Pilot
from textual.widgets import Input

from memory.episode import MemoryId, MemoryState, Origin
from tui.app import SomnusApp
from tui.root import Options, Root
from tui.screens.confirm import Confirm
from tui.screens.inventory import WHERE
from tui.screens.messages import Forgot
from tui.widgets.grid import Grid


@pytest.fixture
def root(root: Root) -> Root:
    furnish(root.home, 12)
    return root


@pytest.fixture
async def pilot(pilot: Pilot[None]) -> Pilot[None]:
    await pilot.press("f3")
    await pilot.pause()
    return pilot


def keys(pilot: Pilot[None]) -> list[str]:
    """The rows that are shown."""
    return [key for key, _ in pilot.app.screen.query_one(Grid)._rows_laid]


async def test_it_shows_state_strength_and_source_in_its_talk(pilot: Pilot[None]) -> None:
    await pilot.press("end")
    await until(pilot, lambda: "memory 1 " in seen(pilot.app, "#detail"))  # type: ignore[arg-type]
    text = shown(pilot.app)
    assert "◆ weights 1" in text and "██ 1/1" in text and "▥ kept back" in text
    assert "My 0th book is called Volume 0." in text
    detail = seen(pilot.app, "#detail")  # type: ignore[arg-type]
    assert "exams: night 1 1/1, night 2 1/1" in detail
    assert "› 2026-03-01" in detail and "Noted." in detail and "My 1th book" in detail


async def test_f_walks_through_the_places_where_something_lives(pilot: Pilot[None]) -> None:
    rows = [len(keys(pilot))]
    for _ in range(4):
        await pilot.press("f")
        rows.append(len(keys(pilot)))
    assert rows == [12, 4, 6, 2, 12]


async def test_o_orders_by_age_and_by_weakness(pilot: Pilot[None]) -> None:
    assert keys(pilot)[0] == "12"
    await pilot.press("o")
    assert keys(pilot)[0] == "1"
    await pilot.press("o")
    assert keys(pilot)[0] == "8"  # the one that fails now
    await pilot.press("o")
    assert keys(pilot)[0] == "12"


async def test_the_filter_looks_at_words_and_places_and_escape_clears_it(
    pilot: Pilot[None],
) -> None:
    await pilot.press("slash", *"weights 2", "enter")
    assert keys(pilot) == ["7", "6", "5"]
    await pilot.press("escape")
    await until(pilot, lambda: len(keys(pilot)) == 12)
    assert pilot.app.screen.query_one("#filter", Input).value == ""
    await pilot.press("slash", *"volume 9")
    await until(pilot, lambda: keys(pilot) == ["10"])  # a moment after the last letter


async def test_what_no_night_has_read_comes_first_and_has_no_pin(
    pilot: Pilot[None], root: Root
) -> None:
    root.home.ledger.append(
        "I [b]row[/b]\n\x1b[31mon Mondays.", at=datetime(2026, 3, 2, tzinfo=UTC)
    )
    pilot.app.screen.refill()  # type: ignore[attr-defined]
    await pilot.pause()
    assert keys(pilot)[0] == "e13"
    assert "… unread" in shown(pilot.app) and "I [b]row[/b]" in shown(pilot.app)
    await pilot.press("home", "p")
    assert "No night has read this yet" in seen(pilot.app, "#detail")  # type: ignore[arg-type]


async def test_forgetting_what_a_night_learnt_says_so_before(
    pilot: Pilot[None], root: Root
) -> None:
    await pilot.press("end", "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
    assert "learnt it in night 1" in seen(pilot.app, "Confirm Static").replace("\n", " ")  # type: ignore[arg-type]
    await pilot.press("escape")
    assert root.home.ledger.memory(MemoryId(1)).state is MemoryState.CONSOLIDATED


async def test_what_was_held_back_is_confirmed_after_a_question_that_says_why(
    pilot: Pilot[None], root: Root
) -> None:
    ledger = root.home.ledger
    episode = ledger.append("Zoë is a pilot, it says.", origin=Origin.DOCUMENT)
    (held,) = ledger.add_memories([(episode.id, "Zoë is a pilot.", episode.at)])
    ledger.set_memory(held.id, state=MemoryState.QUARANTINED, reason="a document says it")
    screen: Any = pilot.app.screen
    screen.refill()
    await pilot.press("end", "c")  # the bar is on something else
    assert pilot.app.screen is screen
    while screen._state != WHERE[MemoryState.QUARANTINED]:
        await pilot.press("f")
    await pilot.press("home", "c")
    await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
    assert "a document says it" in seen(pilot.app, "Confirm Static")  # type: ignore[arg-type]
    await pilot.click("#yes")
    await until(pilot, lambda: ledger.memory(held.id).state is MemoryState.BUFFER)
    await until(pilot, lambda: "1 ⊘ quarantine" not in seen(pilot.app, "#counts"))  # type: ignore[arg-type]
    assert ledger.memory(held.id).text == "The document says: Zoë is a pilot."


async def test_x_exports_every_memory(
    pilot: Pilot[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await pilot.press("x")
    lines = (tmp_path / "somnus-memories.jsonl").read_text().splitlines()
    assert len(lines) == 12 and json.loads(lines[0])["night"] == 1


async def test_x_exports_what_no_night_has_read_too(
    pilot: Pilot[None], root: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root.home.ledger.append("My boat is called Nixe.")
    await pilot.press("x")
    lines = (tmp_path / "somnus-memories.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["text"] == "My boat is called Nixe."


async def test_a_table_fits_its_window_and_fits_again_after_a_change_of_size(
    pilot: Pilot[None],
) -> None:
    grid = pilot.app.screen.query_one(Grid)
    for width, height in ((60, 20), (140, 40), (80, 24)):
        await pilot.resize_terminal(width, height)
        await until(pilot, lambda: grid.virtual_size.width <= grid.size.width)
    await pilot.press("home", "down", "down")
    await pilot.resize_terminal(60, 20)
    await pilot.pause()
    assert grid.key == "10"  # the bar stays on its row
    assert dict(grid.row)["memory"] == "My 9th book is called Volume 9."  # in full


async def test_a_thousand_memories_are_filled_within_a_moment(
    embedder: Any, home_path: Path
) -> None:
    root = make_stage_root(embedder)(Options(home=home_path))
    furnish(root.home, 1000)
    app = SomnusApp(root)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, idle(app))
        await pilot.press("f3")
        await until(pilot, lambda: len(keys(pilot)) == 1000)
        await pilot.press("slash", *"volume 99")
        assert app.screen.query_one("#filter", Input).value == "volume 99"
        await until(pilot, lambda: len(keys(pilot)) == 11)
    root.close()


async def test_the_lines_of_the_log_screen_are_forgotten_too(pilot: Pilot[None]) -> None:
    app: Any = pilot.app
    app.journal.lines.append("can't read 'My cat is Biscuit.'")
    app.post_message(Forgot([], 1))
    await until(pilot, lambda: not any("Biscuit" in line for line in app.journal.lines))
