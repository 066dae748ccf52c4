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
from stage import NOON, furnish, make_stage_root
from test_app import idle, until

from memory.config import save_setting
from tui.app import SomnusApp
from tui.root import Options

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = [(60, 20), (80, 24), (140, 40)]
KEYS = {
    "chat": ["slash"],
    "memory": ["f3"],
    "sleep": ["f4"],
    "recall": ["f5"],
    "sessions": ["ctrl+o"],
    "help": ["f1"],
    "settings": ["f10"],
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


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_screens_look_as_they_did(
    embedder: Any, home_path: Path, size: tuple[int, int], theme: str
) -> None:
    root = make_stage_root(embedder)(Options(home=home_path))
    furnish(root.home, 12)
    root.home.ledger._sql("UPDATE nights SET started = ?", (NOON.isoformat(),))
    save_setting(home_path, "theme", theme)
    app = SomnusApp(root)
    app.clock = lambda: (NOON + timedelta(hours=3)).astimezone(UTC)
    changed = []
    async with app.run_test(size=size) as pilot:
        await until(pilot, idle(app))
        app.screen.query_one("#message").cursor_blink = False  # type: ignore[attr-defined]
        for name, keys in KEYS.items():
            await pilot.press("f2", *keys)
            if name == "sleep":
                await until(
                    pilot, lambda: "episodes wait" in str(app.screen.query_one("#plan").content)
                )  # type: ignore[attr-defined]
            await pilot.pause(0.2)
            picture = plain(app.export_screenshot(title="somnus"))
            file = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}-{theme}.svg"
            if os.environ.get("SOMNUS_PICTURES"):
                file.parent.mkdir(exist_ok=True)
                file.write_text(picture)
            elif not file.exists() or file.read_text() != picture:
                changed.append(f"{name}: {words(picture)}")
            if name == "chat":
                await pilot.press("backspace")
            if name in ("sessions", "help", "settings"):
                await pilot.press("escape")
    root.close()
    assert not changed, "\n".join(changed)
