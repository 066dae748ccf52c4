"""What people do in the chat: every key and every slash command, over a furnished home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import CAT, idle, say, seen, until
from stage import furnish, make_stage_root
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from memory.home import Home
from memory.ledger_sessions import list_sessions
from tui.app import SomnusApp
from tui.root import Options
from tui.screens.confirm import Confirm
from tui.screens.editor import NoEditor, edited
from tui.screens.help import HelpScreen
from tui.screens.slash import SLASHES
from tui.widgets.exchange import Exchange
from tui.widgets.message_box import MessageBox
from tui.widgets.slash_menu import SlashMenu

ASKED = "What is my cat called?"


async def command(pilot: Pilot[None], line: str) -> str:
    """Send a slash command; returns all notes."""
    box = pilot.app.screen.query_one(MessageBox)
    box.write(line)
    await pilot.pause()
    await pilot.press("enter")
    app: Any = pilot.app
    await until(pilot, lambda: not app.bridge.busy)
    await pilot.pause(0.1)
    return seen(app, ".note")


async def test_an_answer_says_that_it_came_from_the_buffer_and_from_which_words(
    pilot: Pilot[None],
) -> None:
    await say(pilot, CAT)
    await say(pilot, ASKED)
    app: Any = pilot.app
    await until(pilot, lambda: "▤ from the buffer" in seen(app, ".source"))
    assert f"“{CAT}”" in seen(app, ".source")
    assert "without both" in await command(pilot, "/why")


async def test_without_any_memory_an_answer_is_a_guess(pilot: Pilot[None], root: Any) -> None:
    root.model._default = "Paris."
    await say(pilot, "What is the capital of France?")
    app: Any = pilot.app
    await until(pilot, lambda: "? a guess" in seen(app, ".source"))


async def test_ctrl_t_takes_the_buffer_away_for_one_reply(pilot: Pilot[None], root: Any) -> None:
    await say(pilot, CAT)
    await pilot.press("ctrl+t")
    assert "without the buffer" in seen(pilot.app, "Gauge")  # type: ignore[arg-type]
    await say(pilot, ASKED)
    assert "nothing looked up" in seen(pilot.app, ".source").splitlines()[-1]  # type: ignore[arg-type]
    assert "without" not in seen(pilot.app, "Gauge")  # type: ignore[arg-type]
    for word in ("without the buffer", "without the weights", "context"):
        await pilot.press("ctrl+t")
        assert word in seen(pilot.app, "Gauge")  # type: ignore[arg-type]


async def test_a_question_is_answered_again_without_being_logged_twice(
    pilot: Pilot[None], root: Any
) -> None:
    await say(pilot, CAT)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: len(root.model.asked) >= 2 and idle(pilot.app)())  # type: ignore[arg-type]
    await until(pilot, lambda: len(pilot.app.screen.query(".source")) == 1)
    assert [e.said for e in root.home.ledger.episodes()] == [CAT]


async def test_the_last_message_is_edited_and_sent_again(pilot: Pilot[None], root: Any) -> None:
    await say(pilot, "My cat is called Biskit.")
    await pilot.press("f7")
    box = pilot.app.screen.query_one(MessageBox)
    assert box.text == "My cat is called Biskit."
    await pilot.press("escape")
    assert box.text == ""
    await pilot.press("f7")
    box.write(CAT)
    await pilot.press("enter")
    await until(pilot, lambda: idle(pilot.app)() and len(pilot.app.screen.query(".source")) == 1)  # type: ignore[arg-type]
    assert [e.said for e in root.home.ledger.episodes()] == [CAT]


async def test_up_and_down_walk_through_earlier_messages_and_keep_the_draft(
    pilot: Pilot[None],
) -> None:
    await say(pilot, "One.")
    await say(pilot, "Two.")
    box = pilot.app.screen.query_one(MessageBox)
    box.write("draft")
    texts = []
    for key in ("up", "up", "up", "down", "down"):
        await pilot.press(key)
        texts.append(box.text)
    assert texts == ["Two.", "One.", "One.", "Two.", "draft"]


async def test_the_menu_of_commands_narrows_and_completes(pilot: Pilot[None]) -> None:
    menu = pilot.app.screen.query_one(SlashMenu)
    await pilot.press("slash")
    assert menu.is_open and menu.option_count == len(SLASHES)
    await pilot.press("r", "e")
    assert menu.option_count == 2
    await pilot.press("down", "tab")
    assert pilot.app.screen.query_one(MessageBox).text == "/recall "
    assert not menu.is_open


async def test_private_talk_is_logged_nowhere(pilot: Pilot[None], root: Any) -> None:
    assert "logged nowhere" in await command(pilot, "/private")
    assert "private" in seen(pilot.app, "Gauge")  # type: ignore[arg-type]
    await say(pilot, "My PIN is 1234.")
    assert root.home.ledger.episodes() == [] and root.store.ids() == set()
    assert "No longer private" in await command(pilot, "/private")
    await say(pilot, CAT)
    assert len(root.home.ledger.episodes()) == 1


async def test_remember_recall_and_forget_work_before_any_night(
    pilot: Pilot[None], root: Any
) -> None:
    assert CAT in await command(pilot, f"/remember {CAT}")
    assert CAT in await command(pilot, "/recall cat called")
    assert "Nothing that I remember" in await command(pilot, "/forget bis")  # words, not letters
    await command(pilot, "/forget biscuit")
    assert isinstance(pilot.app.screen, Confirm)
    assert CAT in seen(pilot.app, "Confirm Static")  # type: ignore[arg-type]
    await pilot.click("#yes")
    await until(pilot, lambda: not any("Biscuit" in e.said for e in root.home.ledger.episodes()))
    await until(pilot, idle(pilot.app))  # type: ignore[arg-type]
    assert root.store.ids() == set()
    assert "Nothing that I remember" in await command(pilot, "/forget biscuit")


async def test_commands_that_cannot_be_done_say_so(pilot: Pilot[None]) -> None:
    assert "no command /dance" in await command(pilot, "/dance")
    assert "needs more" in await command(pilot, "/remember")
    assert "no answer yet" in await command(pilot, "/why")
    assert "scripted" in await command(pilot, "/model")


async def test_model_and_export_write_what_they_say(
    pilot: Pilot[None], home_path: Path, tmp_path: Path
) -> None:
    await say(pilot, CAT)
    await command(pilot, "/model some/other")
    assert "some/other" in (home_path / "config.toml").read_text()
    for name in ("talk.md", "talk.jsonl"):
        await command(pilot, f"/export {tmp_path / name}")
        assert CAT in (tmp_path / name).read_text()
    assert "No such file" in await command(pilot, f"/export {tmp_path / 'no' / 'talk.md'}")


async def test_export_writes_over_nothing(
    pilot: Pilot[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await say(pilot, CAT)
    mine = tmp_path / "mine.md"
    mine.write_text("My own words.")
    said = await command(pilot, "/export mine.md")
    assert f"{mine} is there already and stays as it is; choose another name." in said
    assert mine.read_text() == "My own words."
    for count in (2, 3):
        await command(pilot, "/export")
        assert len([p for p in tmp_path.glob("app-*.md") if CAT in p.read_text()]) == count - 1


async def test_the_gauge_shows_how_full_the_context_is_and_how_fast_the_reply_was(
    pilot: Pilot[None],
) -> None:
    app: Any = pilot.app
    assert "context ▱▱▱▱▱▱▱▱ 0/2048" in seen(app, "Gauge")
    await say(pilot, " ".join(["word"] * 900))
    used = int(seen(app, "Gauge").split("/2048")[0].split()[-1])
    assert used > 900 and "context ▰▰▰▰" in seen(app, "Gauge")
    assert seen(app, "Gauge").endswith(" tokens/s")


async def test_a_nap_is_a_night_of_five_minutes(pilot: Pilot[None], root: Any) -> None:
    budgets: list[float | None] = []

    def night(*, budget: float | None = None, **_: Any) -> Iterator[Any]:
        budgets.append(budget)
        yield from ()

    root.night = night
    await command(pilot, "/nap")
    app: Any = pilot.app
    await until(pilot, lambda: budgets == [5.0] and not app.bridge.bed.taken)
    assert app.screen.NAME == "sleep"


async def test_sleep_and_help_lead_to_their_screens(pilot: Pilot[None]) -> None:
    await command(pilot, "/help")
    assert isinstance(pilot.app.screen, HelpScreen)
    assert "chat.again" in seen(pilot.app, "#help-text")  # type: ignore[arg-type]
    assert "/remember TEXT" in seen(pilot.app, "#help-text")  # type: ignore[arg-type]
    await pilot.press("escape")
    await command(pilot, "/sleep")
    assert getattr(pilot.app.screen, "NAME", "") == "sleep"


async def test_sessions_are_found_named_resumed_and_let_go(pilot: Pilot[None], root: Any) -> None:
    furnish(root.home, 6)
    await say(pilot, CAT)
    await pilot.press("ctrl+n")
    await pilot.pause()
    assert not pilot.app.screen.query(Exchange)
    await pilot.press("ctrl+o")
    await pilot.pause()
    assert pilot.app.screen.query_one("#sessions", OptionList).option_count == 2
    pilot.app.screen.query_one("#search", Input).value = "volume 5"
    await pilot.pause()
    assert pilot.app.screen.query_one("#sessions", OptionList).option_count == 1
    await pilot.press("f2", *["backspace"] * 40, *"books", "enter")
    assert {s.title for s in list_sessions(root.home.ledger)} == {"books", CAT}
    pilot.app.screen.query_one("#search", Input).value = "books"
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: len(pilot.app.screen.query(Exchange)) == 6)
    await pilot.press("ctrl+o")
    await pilot.pause()
    pilot.app.screen.query_one("#search", Input).value = "books"
    await pilot.pause()
    await pilot.press("f8")
    await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
    await pilot.click("#yes")
    await until(pilot, lambda: len(list_sessions(root.home.ledger)) == 1)
    assert len(root.home.ledger.episodes()) == 7  # what was told stays


async def test_f6_shows_what_was_recalled_and_f8_copies_the_answer(pilot: Pilot[None]) -> None:
    await say(pilot, CAT)
    await say(pilot, ASKED)
    await pilot.press("f6")
    assert pilot.app.screen.query_one("#recalled").display
    assert CAT in seen(pilot.app, "#recalled-text")  # type: ignore[arg-type]
    await pilot.press("f8")
    assert pilot.app.clipboard.startswith("Biscuit")


def test_an_editor_changes_the_text_and_a_broken_one_leaves_it() -> None:
    assert edited("My cat", "sed -i s/cat/dog/") == "My dog"
    with pytest.raises(NoEditor, match="ended with"):
        edited("My cat", "false")
    with pytest.raises(NoEditor, match="can't be started"):
        edited("My cat", "/no/such/editor")


async def test_ctrl_g_without_an_editor_says_what_to_do(
    pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    await pilot.press("ctrl+g")
    await pilot.pause()
    assert "Set EDITOR" in seen(pilot.app, ".note")  # type: ignore[arg-type]


async def test_the_morning_after_tells_how_the_night_went_once(
    embedder: Any, home_path: Path
) -> None:
    with Home.open(home_path) as home:
        furnish(home, 9)
    for shown in (True, False):
        root = make_stage_root(embedder)(Options(home=home_path))
        app = SomnusApp(root)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, idle(app))
            assert ("Good morning" in seen(app, "#morning")) is shown
            assert not shown or "2 of 3 memories moved into the weights; 1 stays." in seen(
                app, "#morning"
            )
        root.close()
