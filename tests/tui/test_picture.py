"""The README's pictures are of the app as it is; `SOMNUS_PICTURES=1 make test` takes them anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from driving import CAT, idle, say, seen, until
from pictures import changed
from stage import NOON, ByPrompt, a_night, make_stage_root

from memory.episode import MemoryState, Turn
from tui.app import SomnusApp
from tui.root import Options
from tui.screens.messages import Slept

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "data" / "screenshots"
DESK = "My desk is number 47."


def answer(turns: Sequence[Turn], adapter: bool) -> str:
    """The cat has to be read of; the desk is known by heart."""
    text = " ".join(t.content for t in turns)
    if "desk" in text:
        return "Your desk is number **47**." if adapter else "You haven't told me that."
    if "What" in text:
        return "Your cat is called **Biscuit**." if "Biscuit" in text else "You haven't told me."
    return "Biscuit, that is a fine name."


@pytest.mark.usefixtures("in_utc")
async def test_the_pictures_of_the_readme_show_replies_with_their_sources_and_a_night(
    embedder: Any, home_path: Path
) -> None:
    root: Any = make_stage_root(embedder)(Options(home=home_path))
    root.__dict__["model"] = ByPrompt(answer)
    ledger = root.home.ledger
    told = ledger.append(DESK, at=NOON)
    (memory,) = ledger.add_memories([(told.id, DESK, NOON)])
    ledger.set_memory(memory.id, state=MemoryState.CONSOLIDATED, night=2)
    ledger.mark_cleared([told.id], 2)
    app = SomnusApp(root)
    async with app.run_test(size=(90, 26)) as pilot:
        await until(pilot, idle(app))
        app.bridge.adapter = "night-0002"
        for line, badge in (
            (CAT, ""),
            ("What is my cat called?", "▤ from the buffer"),
            ("Which desk do I have?", "◆ from the weights · night 2"),
        ):
            await say(pilot, line)
            await until(pilot, lambda badge=badge: badge in seen(app, ".source"))  # type: ignore[misc]
        await steady(app)
        assert not (words := await changed(pilot, PICTURES / "chat.svg")), words
        await pilot.press("f4")
        for event in a_night():
            app.post_message(Slept(event))
        await until(pilot, lambda: "24/40" in seen(app, "#phases"))
        assert not (words := await changed(pilot, PICTURES / "night.svg")), words
    root.close()


async def steady(app: SomnusApp) -> None:
    """Give the talk times and a pace that don't differ from run to run."""
    app.root.home.ledger.run(
        lambda db: db.execute("UPDATE episodes SET at = ?", (NOON.isoformat(),))
    )
    app.root.home.ledger.run(lambda db: db.execute("UPDATE traces SET seconds = tokens / 22.0"))
    chat: Any = app.screen
    await chat.show_session()
    chat.query_one("#message").cursor_blink = False
    chat._used, chat._speed = 86, 22.0
    chat._show_gauge()


def test_every_picture_is_shown_and_every_one_shown_is_there() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(data/screenshots/([^)]+)\)", (ROOT / "README.md").read_text())
    assert sorted(shown) == sorted(p.name for p in PICTURES.iterdir())
