"""The other screens over a furnished home: every key, every size, and what stands on them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driving import idle, seen, shown, until
from stage import furnish
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, RichLog

from memory.config import save_setting
from memory.episode import Phase
from memory.errors import Interrupted
from memory.trace import Source
from sleep.events import NightBegan, PhaseBegan, PhaseReached, Progressed
from sleep.schedule import last_scheduled
from tui.app import SomnusApp
from tui.root import Root
from tui.screens.confirm import Confirm
from tui.screens.messages import Slept
from tui.screens.settings import SettingsScreen
from tui.widgets.badge import judge
from tui.widgets.message_box import MessageBox

SIZES = [(60, 20), (80, 24), (140, 40)]


@pytest.fixture
def root(root: Root) -> Root:
    furnish(root.home, 12)
    return root


async def test_a_night_is_rolled_back_with_one_key_and_a_question(
    pilot: Pilot[None], root: Any
) -> None:
    await pilot.press("f4")
    await until(pilot, lambda: "episodes wait" in seen(pilot.app, "#plan"))  # type: ignore[arg-type]
    assert "Next night" in seen(pilot.app, "#plan") and "pressure" in seen(pilot.app, "#plan")  # type: ignore[arg-type]
    await pilot.press("r")
    await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
    await pilot.click("#yes")
    await until(pilot, lambda: root.home.ledger.night(2).phase is Phase.ROLLED_BACK)
    await until(pilot, lambda: "undone" in shown(pilot.app))
    assert root.home.ledger.night(1).phase is Phase.CLEARED


async def test_a_night_goes_down_and_comes_up_with_its_loss_and_time_left(
    pilot: Pilot[None],
) -> None:
    app: Any = pilot.app
    await pilot.press("f4")
    for event in (
        NightBegan(night=3, episodes=4, budget_minutes=60.0),
        PhaseBegan(night=3, phase=Phase.DREAMT),
        PhaseReached(night=3, phase=Phase.DREAMT, seconds=130.0),
        PhaseBegan(night=3, phase=Phase.SEEDED),
        *(
            Progressed(
                night=3, phase=Phase.SEEDED, done=i, total=4, left=40.0 - 10 * i, loss=4.0 - i,
                note="learning",
            )
            for i in range(1, 4)
        ),
    ):  # fmt: skip
        app.post_message(Slept(event))
    await until(pilot, lambda: "3/4" in seen(app, "#phases"))
    text = seen(app, "#phases")
    assert "✓ 2 min 10 s" in text and "10 s left" in text and "3.00 → 1.00" in text and "█" in text


async def test_recall_shows_worse_before_better_and_what_later_nights_still_knew(
    pilot: Pilot[None],
) -> None:
    await pilot.press("f5")
    await pilot.pause()
    assert "↑ 7 better, ↓ 0 worse" in seen(pilot.app, "#bars")  # type: ignore[arg-type]
    assert "▸Last night's exam" in shown(pilot.app)
    await pilot.press("t")
    await pilot.pause()
    assert "night 1: 3/4 … night 2: 3/4" in seen(pilot.app, "#bars")  # type: ignore[arg-type]
    assert "learnt in" in shown(pilot.app) and "3/3" in shown(pilot.app)
    assert "▸Nights so far" in shown(pilot.app) and "▸Last" not in shown(pilot.app)


async def test_a_question_file_of_your_own_is_asked_under_every_arm(
    pilot: Pilot[None], tmp_path: Path
) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps({"question": "What is my 3rd book?", "expected": ["Volume 3"]}))
    await pilot.press("f5", "o")
    pilot.app.screen.query_one("#file", Input).value = str(tmp_path / "none.jsonl")
    await pilot.press("enter")
    assert "✗" in seen(pilot.app, "#bars")  # type: ignore[arg-type]
    pilot.app.screen.query_one("#file", Input).value = str(own)
    await pilot.press("enter")
    await until(pilot, lambda: "0/1" in seen(pilot.app, "#bars"))  # type: ignore[arg-type]
    assert "tokens shorter" in seen(pilot.app, "#bars")  # type: ignore[arg-type]


async def test_the_report_is_one_page_without_scripts(
    pilot: Pilot[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await pilot.press("f5")
    await pilot.pause()
    await pilot.press("w")
    page = (tmp_path / "somnus-night-2.html").read_text()
    assert "<polyline" in page and "↑ better" in page
    assert "<script" not in page and "http" not in page


async def test_settings_come_from_the_schema_are_checked_and_hold(
    pilot: Pilot[None], home_path: Path
) -> None:
    await pilot.press("f10")
    await pilot.pause()
    assert isinstance(pilot.app.screen, SettingsScreen)
    for name, wrong, right in (("theme", "pink", "light"), ("recollections", "many", "6")):
        box = pilot.app.screen.query_one(f"#set-{name}", Input)
        box.focus()
        box.value = wrong
        await pilot.press("enter")
        assert "✗" in seen(pilot.app, "#settings-said")  # type: ignore[arg-type]
        box.value = right
        await pilot.press("enter")
        assert "✓" in seen(pilot.app, "#settings-said")  # type: ignore[arg-type]
    app: Any = pilot.app
    assert app.theme == "somnus-light" and app.root.config.recollections == 6
    assert 'theme = "light"' in (home_path / "config.toml").read_text()


async def test_the_log_and_the_palette_have_their_keys(pilot: Pilot[None]) -> None:
    await pilot.press("f9")
    await pilot.pause()
    log = pilot.app.screen.query_one("#log", RichLog)
    await until(pilot, lambda: any("ready" in line.text for line in log.lines))
    await pilot.press("escape", "ctrl+p")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
    await pilot.press("escape")
    chat: Any = pilot.app.screen
    titles = {c.title for c in pilot.app.get_system_commands(chat)}
    assert {"Sleep now", "Answer again", "Sessions", "Settings", "/export", "Theme"} <= titles


async def test_keys_can_be_changed_and_animation_and_colour_left_out(
    root: Root, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_setting(home_path, "keys", {"chat.without": "f12"})
    save_setting(home_path, "animation", False)
    save_setting(home_path, "theme", "ansi")
    monkeypatch.setenv("NO_COLOR", "1")
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, idle(app))
        await pilot.press("ctrl+t")
        assert "without" not in seen(app, "Gauge")
        await pilot.press("f12")
        assert "without the buffer" in seen(app, "Gauge")
        assert (app.animation_level, app.no_color, app.theme) == ("none", True, "ansi-dark")


async def test_a_message_survives_any_change_of_size(pilot: Pilot[None]) -> None:
    box = pilot.app.screen.query_one(MessageBox)
    box.write("half a thought")
    for width, height in [*SIZES, (20, 6), (80, 24)]:
        await pilot.resize_terminal(width, height)
        await pilot.pause()
    assert box.text == "half a thought" and box.region.right <= 80


def test_where_an_answer_came_from_follows_from_what_is_left_without_each_memory() -> None:
    asked, answer = "What is my cat called?", "Your cat is called Biscuit."
    no = "You haven't told me that."

    def source(buffer: str | None, weights: str | None, both: str | None) -> Source:
        return judge(
            asked, answer, without_buffer=buffer, without_weights=weights, without_both=both
        )

    assert source(answer, no, no) is Source.WEIGHTS
    assert source(no, "Biscuit.", no) is Source.BUFFER
    assert source("Biscuit.", "Biscuit.", no) is Source.BOTH
    assert source("Biscuit.", "Biscuit.", "Biscuit.") is Source.GUESS
    assert source(None, None, None) is Source.GUESS
    abstained = judge(asked, no, without_buffer=no, without_weights=no, without_both=no)
    assert abstained is Source.NOTHING


@pytest.mark.parametrize(("button", "goes_on"), [("#wake", True), ("#cancel", False)])
async def test_a_paused_night_goes_on_and_a_cancelled_one_is_given_up(
    pilot: Pilot[None], root: Any, button: str, goes_on: bool
) -> None:
    ledger = root.home.ledger
    waiting = [e.id for e in ledger.waiting()]
    begun = threading.Event()

    def night(*, budget: float | None = None, stop: Callable[[], bool] = lambda: False) -> Any:
        number = ledger.begin_night(waiting, None).number
        yield NightBegan(night=number, episodes=len(waiting), budget_minutes=60.0)
        begun.set()
        while not stop():
            time.sleep(0.01)
        raise Interrupted(f"Night {number} was interrupted; nothing was lost.")

    root.night = night
    app: Any = pilot.app
    await pilot.press("f4")
    await until(pilot, lambda: "episodes wait" in seen(app, "#plan"))
    await pilot.click("#begin")
    await until(pilot, begun.is_set)
    await until(pilot, lambda: app.screen.has_class("-asleep"))
    assert app.screen.query_one("#phases").display
    app.tried = last_scheduled(app.root.config.sleep_at, app.clock())  # not begun again by itself
    await pilot.click(button)
    await until(pilot, idle(app))
    await until(pilot, lambda: not app.screen.has_class("-asleep"))
    unfinished = ledger.unfinished()
    assert (unfinished is not None) is goes_on
    assert ledger.night(3).phase is (Phase.PLANNED if goes_on else Phase.ROLLED_BACK)
    # More, where it was undone: what the stage calls learnt is in no adapter, and is taken back.
    assert set(waiting) <= {e.id for e in ledger.waiting()}


async def test_falling_asleep_is_shown_before_the_night_says_anything(
    pilot: Pilot[None], root: Any
) -> None:
    gate = threading.Event()

    def night(**_: Any) -> Any:
        gate.wait(30)
        yield from ()

    root.night = night
    app: Any = pilot.app
    await pilot.press("f4")
    await until(pilot, lambda: "episodes wait" in seen(app, "#plan"))
    await pilot.press("s")
    await until(pilot, lambda: "Falling asleep" in seen(app, "#phases"))
    assert "☾ falling asleep" in seen(app, "Places") and app.screen.query_one("#wake").display
    await pilot.press("f2")
    await until(pilot, lambda: "☾ falling asleep" in seen(app, "Places"))
    gate.set()
    await until(pilot, lambda: "☾" not in seen(app, "Places"))


async def test_an_error_in_the_interface_is_in_the_log_and_no_traceback_on_the_screen(
    root: Root, home_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = SomnusApp(root)

    def broken() -> None:
        raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError):  # the pilot's own: it shows tests what went wrong
        async with app.run_test(size=(80, 24)) as pilot:
            app.call_later(broken)
            await until(pilot, lambda: app.return_code is not None)
    assert app.return_code == 1
    assert "a mistake of ours" in (home_path / "somnus.log").read_text()
    assert "Traceback" not in capsys.readouterr().err
