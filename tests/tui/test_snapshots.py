"""Every screen as a picture, at three sizes and in two themes, compared with the one that was looked at.

`SOMNUS_PICTURES=1` takes them anew; look at them before they are committed.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from driving import idle, until
from pictures import changed
from stage import NOON, a_night, answered, at_noon, ended, furnish, make_stage_root, traced
from textual.command import CommandList
from textual.pilot import Pilot

from memory.config import save_setting
from memory.episode import MemoryId, MemoryState
from sleep.events import NightEnded
from tui.app import SomnusApp
from tui.root import Options
from tui.screens.messages import Answers, Slept
from tui.screens.themes import theme_name

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = [(60, 20), (80, 24), (140, 40)]
VIEWS = {  # the keys that lead there from the chat
    "chat": ["slash"],
    "memory": ["f3"],
    "forget": ["f3", "d"],
    "quarantine": ["f3", "f", "c"],
    "sleep": ["f4"],
    "recall": ["f5", "e"],
    "trend": ["f5", "t"],
    "arms": ["f5"],
    "sessions": ["ctrl+o"],
    "help": ["f1"],
    "settings": ["f10"],
    "log": ["f9"],
    "palette": ["ctrl+p"],
    "night": ["f4"],
    "verdict": ["f4"],
    "talk": [],
    "recalled": ["f6"],
}
BACK = {  # escape would pause the night
    "chat": ["backspace"], "quarantine": ["escape", "escape"], "night": [], "verdict": [], "recalled": ["f6"],
}  # fmt: skip


def prepare(app: Any, name: str) -> None:
    """What has happened before a view is looked at."""
    if name == "verdict":
        ended(app.root.home)
    if name == "talk":
        traced(app.root.home)
        app.session = "app-first"


async def enter(pilot: Pilot[None], name: str) -> None:
    """Go where a view is, from the chat, and let come what it shows."""
    app: Any = pilot.app
    if name == "talk":
        await app.get_screen("chat").show_session()
    await pilot.press("f2", *VIEWS[name])
    if name == "arms":
        app.post_message(Answers(answered()))
    if name == "palette":
        await until(pilot, lambda: app.screen.query_one(CommandList).option_count > 0)
    if name == "night":
        for event in a_night():
            app.post_message(Slept(event))
    if name == "verdict":
        report = app.root.home.ledger.night(3).report
        app.post_message(Slept(NightEnded(night=3, outcome="cleared", report=report)))
    if name in ("sleep", "verdict"):
        await until(pilot, lambda: "wait" in str(app.screen.query_one("#plan").content))


@pytest.mark.usefixtures("in_utc")
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_screens_look_as_they_did(
    embedder: Any, home_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_stage_root(embedder)(Options(home=home_path))
    furnish(root.home, 12)
    at_noon(root.home)
    ledger = root.home.ledger
    for memory, state in enumerate((MemoryState.SUPERSEDED, MemoryState.QUARANTINED), start=11):
        ledger.set_memory(MemoryId(memory), state=state, reason="a document says it")
    ledger.set_memory(MemoryId(10), pinned=True)
    save_setting(home_path, "animation", False)
    app = SomnusApp(root)
    app.clock = lambda: (NOON + timedelta(hours=3)).astimezone(UTC)
    monkeypatch.chdir(home_path)
    app.journal.path = Path("somnus.log")  # the home has another name each time
    other = []
    async with app.run_test(size=size) as pilot:
        await until(pilot, idle(app))
        app.note_error(ValueError("the cat has nine lives"))
        for name in VIEWS:
            prepare(app, name)
            for theme in ("dark", "light"):
                app.theme = theme_name(theme)
                await enter(pilot, name)
                file = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}-{theme}.svg"
                other.append(await changed(pilot, file))
                await pilot.press(*BACK.get(name, ["escape"]))
    root.close()
    assert not any(other), "\n".join(filter(None, other))
