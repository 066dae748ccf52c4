"""What goes on or was typed survives what the user does beside it: esc, other screens, commands that come too early."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from driving import CAT, idle, say, seen, shown, until
from stage import NOON, Held, a_night, furnish
from textual.pilot import Pilot
from textual.widgets import Markdown

from memory.episode import Phase
from memory.ledger_sessions import list_sessions
from sleep.events import NightEnded
from tui.root import Root
from tui.screens.confirm import Confirm
from tui.screens.messages import LayDown, Slept
from tui.screens.morning import SEEN
from tui.screens.sessions import SessionsScreen
from tui.widgets.exchange import Exchange
from tui.widgets.message_box import MessageBox
from tui.widgets.slash_menu import SlashMenu


@pytest.fixture
def held(root: Root) -> Any:
    script = Held(root.model)
    yield script
    script.let_go.set()


async def ask(pilot: Pilot[None], held: Held, text: str = "Hello there.") -> None:
    """Send a message whose reply waits behind its first word."""
    pilot.app.screen.query_one(MessageBox).write(text)
    await pilot.press("enter")
    await asyncio.to_thread(held.begun.wait, 10)
    await until(pilot, lambda: bool(pilot.app.screen.query(Markdown).last().source))


async def test_looking_at_the_sessions_leaves_a_streaming_reply_where_it_is(
    pilot: Pilot[None], held: Held, root: Root
) -> None:
    app: Any = pilot.app
    await ask(pilot, held)
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
    await pilot.press("f8")  # the session that is being answered in isn't deleted
    await pilot.pause()
    assert isinstance(app.screen, SessionsScreen)
    await pilot.press("escape")
    await pilot.pause()
    assert len(app.screen.query(Exchange)) == 1
    held.let_go.set()
    await until(pilot, idle(app))
    await until(pilot, lambda: "told me that" in app.screen.query(Markdown).last().source)


async def test_the_sessions_lead_back_to_where_they_were_opened_and_a_deleted_one_is_gone(
    pilot: Pilot[None], root: Root
) -> None:
    app: Any = pilot.app
    await say(pilot, CAT)
    await pilot.press("f3", "ctrl+o")
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
    await pilot.press("escape")
    await until(pilot, lambda: getattr(app.screen, "NAME", "") == "memory")
    before = app.session
    await pilot.press("ctrl+o")
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
    await pilot.press("f8")
    await until(pilot, lambda: isinstance(app.screen, Confirm))
    await pilot.click("#yes")
    await until(pilot, lambda: not list_sessions(root.home.ledger))
    await pilot.press("escape")
    await until(pilot, lambda: getattr(app.screen, "NAME", "") == "memory")
    await pilot.press("f2")
    await until(pilot, lambda: not app.screen.query(Exchange))
    assert app.session != before


@pytest.mark.parametrize("line", ["/remember My dog is Rex.", "/recall my dog", "/nap", "/forget"])
async def test_a_command_that_comes_too_early_stays_in_the_box(
    pilot: Pilot[None], held: Held, root: Root, line: str
) -> None:
    await ask(pilot, held)
    box = pilot.app.screen.query_one(MessageBox)
    box.write(line)
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()
    assert box.text == line
    assert not isinstance(pilot.app.screen, Confirm)


async def test_escape_closes_the_menu_before_anything_else(pilot: Pilot[None]) -> None:
    box, menu = pilot.app.screen.query_one(MessageBox), pilot.app.screen.query_one(SlashMenu)
    await pilot.press("slash", "r")
    assert menu.is_open
    await pilot.press("escape")
    assert not menu.is_open and box.text == "/r"
    await pilot.press("e")
    assert menu.is_open


async def test_escape_elsewhere_leaves_a_message_that_is_being_edited(
    pilot: Pilot[None],
) -> None:
    app: Any = pilot.app
    await say(pilot, CAT)
    await pilot.press("f7", "f4", "escape", "f2")
    await pilot.pause()
    assert app.screen.query_one(MessageBox).text == CAT
    await pilot.press("escape")
    assert app.screen.query_one(MessageBox).text == ""


# -------------------------------------------------------------------------------------- a night


def ended(root: Root) -> NightEnded:
    """A third night, as the ledger and the screens get it."""
    ledger = root.home.ledger
    report = dict(ledger.nights()[-1].report or {}, night=3)
    number = ledger.begin_night([e.id for e in ledger.waiting()], None).number
    ledger.advance(number, Phase.CLEARED, adapter=None, finished=NOON, report=report)
    return NightEnded(night=number, outcome="cleared", report=report)


@pytest.fixture
async def nights(root: Root) -> None:
    furnish(root.home, 9)
    root.home.ledger.set_meta(SEEN, "2")


@pytest.mark.parametrize("place", ["chat", "sleep", "memory"])
async def test_a_night_that_ends_behind_another_screen_is_told_in_the_chat_once(
    nights: None, pilot: Pilot[None], root: Root, place: str
) -> None:
    app: Any = pilot.app
    app.action_show(place)
    await pilot.pause()
    app.post_message(LayDown())
    app.post_message(Slept(a_night()[0]))
    app.post_message(Slept(ended(root)))
    await pilot.pause(0.3)
    seen_night = root.home.ledger.meta(SEEN)
    assert seen_night == ("2" if place == "memory" else "3")
    if place == "memory":
        assert "Night 3: 2 of 3" in " ".join(n.message for n in app._notifications)
    for _ in range(2):
        await pilot.press("f3", "f2")
        await pilot.pause()
        notes = seen(app, ".note")
        assert notes.count("Night 3: 2 of 3 memories moved") == (place != "sleep")
    assert root.home.ledger.meta(SEEN) == "3"


# --------------------------------------------------------------------------- files, and a recall


@pytest.mark.parametrize(
    ("keys", "name"),
    [(("f3", "x"), "somnus-memories{}.jsonl"), (("f5", "w"), "somnus-night-2{}.html")],
)
async def test_a_file_that_is_there_already_is_not_written_over(
    nights: None, pilot: Pilot[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...], name: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / name.format("")).write_text("mine")
    for _ in range(2):
        await pilot.press(*keys)
        await pilot.pause(0.2)
    assert (tmp_path / name.format("")).read_text() == "mine"
    assert (tmp_path / name.format("-2")).exists() and (tmp_path / name.format("-3")).exists()


async def test_a_recall_that_is_stopped_says_how_far_it_got(pilot: Pilot[None], root: Any) -> None:
    app: Any = pilot.app
    begun, answer = threading.Event(), root.model.answer

    def slow(*arguments: Any, **options: Any) -> Any:
        begun.set()
        while not app.bridge._stop.is_set():
            pass
        return answer(*arguments, **options)

    root.model.answer = slow
    await pilot.press("f5")
    await pilot.press("d")
    await asyncio.to_thread(begun.wait, 10)
    assert "esc stops" in seen(app, "#bars")
    await pilot.press("escape")
    await until(pilot, idle(app))
    await until(pilot, lambda: "Stopped after 0 of" in seen(app, "#bars"))
    assert "Stopped" in shown(app)


async def test_forgetting_without_words_is_about_the_last_exchange(
    pilot: Pilot[None], root: Root
) -> None:
    app: Any = pilot.app
    box = app.screen.query_one(MessageBox)

    async def forget() -> None:
        box.write("/forget")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause(0.1)

    await forget()
    assert "no exchange here to forget" in seen(app, ".note")
    await say(pilot, "My dog is called Rex.")
    await say(pilot, CAT)
    episode = root.home.ledger.episodes()[1]
    root.home.ledger.add_memories([(episode.id, "The cat is Biscuit.", episode.at)])
    await forget()
    assert isinstance(app.screen, Confirm)
    asked = seen(app, "Confirm Static")
    assert CAT in asked and "The cat is Biscuit." in asked and "Rex" not in asked
    await pilot.click("#yes")
    await until(pilot, idle(app))
    await until(pilot, lambda: len(app.screen.query(Exchange)) == 1)
    ledger = root.home.ledger
    assert not any("Biscuit" in e.said for e in ledger.episodes())
    assert not any("Biscuit" in m.text for m in ledger.memories())
    assert any("Rex" in e.said for e in ledger.episodes())
