"""Little room: what matters most is what stays, and what is longer than its place can be read with the keys."""

from __future__ import annotations

from typing import Any

import pytest
from driving import idle, seen, shown, until
from stage import NOON, furnish
from textual.pilot import Pilot
from textual.widgets import OptionList

from memory.episode import DreamKind, ExamAnswer, MemoryId, MemoryState
from memory.ledger_sessions import list_sessions, rename_session
from tui.app import SCREENS, SomnusApp
from tui.root import Root
from tui.screens.morning import verdict
from tui.screens.trend import fitting
from tui.widgets.grid import Grid


@pytest.fixture
def root(root: Root) -> Root:
    furnish(root.home, 12)
    return root


def examine(root: Root, nights: int) -> None:
    """As many exams of what the first night learnt."""
    root.home.ledger.add_answers(
        [
            ExamAnswer(
                night=n, memory=MemoryId(1), kind=DreamKind.FACT, question="Q?", expected="A", answer="A", right=True,
                control_answer="", control_right=False,
            )
            for n in range(3, nights + 1)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(("width", "nights"), [(60, 7), (60, 30), (80, 9), (140, 40)])
async def test_the_newest_exams_stand_in_full_and_the_oldest_give_way(
    root: Root, width: int, nights: int
) -> None:
    examine(root, nights)
    app = SomnusApp(root)
    async with app.run_test(size=(width, 20)) as pilot:
        await until(pilot, idle(app))
        await pilot.press("f5", "t")
        await pilot.pause()
        assert f"exam {nights} " in shown(app)
        grid = app.screen.query_one(Grid)
        columns = sum(c.get_render_width(grid) for c in grid.columns.values())
        assert columns <= width - 2
        assert len(grid.columns) == 1 + min(nights, fitting(nights, width))


async def test_a_wider_window_shows_more_exams(root: Root) -> None:
    examine(root, 12)
    app = SomnusApp(root)
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, idle(app))
        await pilot.press("f5", "t")
        await pilot.pause()
        assert "exam 1 " not in shown(app)
        await pilot.resize_terminal(140, 20)
        await until(pilot, lambda: "exam 1 " in shown(app) and "exam 12 " in shown(app))


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("place", list(SCREENS))
async def test_help_and_menu_stand_at_the_foot_at_any_width(
    root: Root, width: int, place: str
) -> None:
    root.home.ledger.set_memory(MemoryId(12), state=MemoryState.QUARANTINED, reason="a document")
    app = SomnusApp(root)
    async with app.run_test(size=(width, 20)) as pilot:
        await until(pilot, idle(app))
        app.action_show(place)
        await until(pilot, lambda: "^p Menu" in shown(app) and "f1 Help" in shown(app))
        foot = shown(app).splitlines()[-1]
        assert "^p Menu" in foot
        assert ("^s Sleep now" in foot) == (place != "sleep" and (width > 80 or place == "chat"))
        if width == 60:  # a key that isn't shown works all the same
            await pilot.press("ctrl+s")
            await until(pilot, lambda: getattr(app.screen, "NAME", "") == "sleep")
            await pilot.press("f2")
            await pilot.resize_terminal(140, 20)
            await pilot.press("f3")
            await until(pilot, lambda: "x Export" in shown(app) and "^p Menu" in shown(app))


async def test_where_there_is_little_room_the_words_of_a_memory_have_it(
    pilot: Pilot[None],
) -> None:
    app: Any = pilot.app
    await pilot.press("f3")
    for width, dated in ((80, True), (60, False), (140, True)):
        await pilot.resize_terminal(width, 20)
        await until(
            pilot, lambda dated=dated: ("2026-03-01  " in shown(app).split("─")[0]) is dated
        )  # type: ignore[misc]
        assert "My 11th book is called" in shown(app)
        assert "› 2026-03-01" in seen(app, "#detail")


def test_a_card_is_read_at_a_glance_however_much_was_said() -> None:
    long = "I went on and on " * 50
    told = {"text": long, "reason": "0 of 3"}
    card = verdict({"learned": [told] * 9, "kept_back": [told], "faded": [told]}, 3)
    assert "9 of 10 memories moved into the weights; 1 stays." in card
    assert len(card.splitlines()) == 9 and max(map(len, card.splitlines())) < 150


async def test_a_long_title_of_a_session_takes_one_line(root: Root) -> None:
    for session in list_sessions(root.home.ledger):
        rename_session(root.home.ledger, session.name, "endless " * 20)
    app = SomnusApp(root)
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, idle(app))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: bool(app.screen.query("#sessions")))
        await until(pilot, lambda: "endless" in shown(app))
        assert sum("endless" in line for line in shown(app).splitlines()) == 1
        assert "…" in shown(app)
        assert app.screen.query_one(OptionList).option_count == 1


async def test_what_is_longer_than_its_place_is_read_with_the_keys(
    pilot: Pilot[None], root: Root
) -> None:
    app: Any = pilot.app
    text = "\n".join(f"Line {i} of a long story." for i in range(30))
    root.home.ledger.append(text, at=NOON.replace(year=2027))
    for place, box, grid in (("f3", "#detail-box", "#memories"), ("f4", "#verdict-box", "#nights")):
        await pilot.press(place)
        await pilot.pause()
        app.screen.query_one(grid).focus()
        if place == "f4":
            app.screen.query_one("#verdict").update(text)
        await pilot.pause(0.2)
        for _ in range(8):
            await pilot.press("tab")
            if app.focused is app.screen.query_one(box):
                break
        assert app.focused is app.screen.query_one(box)
        await pilot.press("end")
        await until(pilot, lambda box=box: app.screen.query_one(box).scroll_y > 0)  # type: ignore[misc]


async def test_the_demo_is_asked_with_a_key(pilot: Pilot[None]) -> None:
    await pilot.press("f5", "d")
    await until(pilot, lambda: "weights" in seen(pilot.app, "#bars"))  # type: ignore[arg-type]
