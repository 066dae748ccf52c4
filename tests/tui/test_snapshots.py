"""Every screen as a picture, at three sizes and in two themes, compared with the one that was looked at.

`SOMNUS_PICTURES=1` takes them anew; look at them before they are committed.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from driving import idle, until
from stage import NOON, a_night, furnish, make_stage_root
from textual.pilot import Pilot

from memory.config import save_setting
from memory.episode import MemoryId, MemoryState
from tui.app import SomnusApp
from tui.root import Options
from tui.screens.messages import Slept

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = [(60, 20), (80, 24), (140, 40)]
VIEWS = {  # the keys that lead there from the chat
    "chat": ["slash"],
    "memory": ["f3"],
    "forget": ["f3", "d"],
    "sleep": ["f4"],
    "recall": ["f5", "e"],
    "trend": ["f5", "t"],
    "sessions": ["ctrl+o"],
    "help": ["f1"],
    "settings": ["f10"],
    "night": ["f4"],
}


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def plain(svg: str) -> str:
    """The picture without what differs from run to run or from machine to machine."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"\n\s*\n+", "\n", svg)


def words(svg: str) -> str:
    return re.sub(r"<style>.*?</style>|<[^>]+>", " ", svg, flags=re.S).replace("&#160;", " ")


async def settled(pilot: Pilot[None], wanted: str | None) -> str:
    """The picture when it is the one that is wanted, or, with none, when it no longer changes."""
    picture = ""
    for _ in range(20):
        await pilot.pause(0.25)
        before, picture = picture, plain(pilot.app.export_screenshot(title="somnus"))
        if picture == (before if wanted is None else wanted):
            break
    return picture


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_screens_look_as_they_did(
    embedder: Any, home_path: Path, size: tuple[int, int], theme: str
) -> None:
    root = make_stage_root(embedder)(Options(home=home_path))
    furnish(root.home, 12)
    ledger = root.home.ledger
    ledger._sql("UPDATE nights SET started = ?", (NOON.isoformat(),))
    for memory, state in enumerate((MemoryState.SUPERSEDED, MemoryState.QUARANTINED), start=11):
        ledger.set_memory(MemoryId(memory), state=state, reason="a document says it")
    ledger.set_memory(MemoryId(10), pinned=True)
    save_setting(home_path, "theme", theme)
    app = SomnusApp(root)
    app.clock = lambda: (NOON + timedelta(hours=3)).astimezone(UTC)
    changed = []
    async with app.run_test(size=size) as pilot:
        await until(pilot, idle(app))
        app.screen.query_one("#message").cursor_blink = False  # type: ignore[attr-defined]
        for name, keys in VIEWS.items():
            await pilot.press("f2", *keys)
            if name in ("sleep", "night"):
                await until(pilot, lambda: "wait" in str(app.screen.query_one("#plan").content))  # type: ignore[attr-defined]
            if name == "night":
                for event in a_night():
                    app.post_message(Slept(event))
            file = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}-{theme}.svg"
            anew = bool(os.environ.get("SOMNUS_PICTURES"))
            picture = await settled(pilot, None if anew or not file.exists() else file.read_text())
            if anew:
                file.parent.mkdir(exist_ok=True)
                file.write_text(picture)
            elif not file.exists() or file.read_text() != picture:
                changed.append(f"{name}: {words(picture)}")
            await pilot.press("backspace" if name == "chat" else "escape")
    root.close()
    assert not changed, "\n".join(changed)
