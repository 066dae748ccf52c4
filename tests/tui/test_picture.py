"""The README's pictures are of the app as it is: `SOMNUS_PICTURES=1 make test` takes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from driving import CAT, idle, say, seen, until
from stage import a_night, make_stage_root

from tui.app import SomnusApp
from tui.root import Options
from tui.screens.messages import Slept

PICTURES = Path(__file__).parents[2] / "data" / "screenshots"


def keep(app: SomnusApp, name: str) -> str:
    """Take the picture anew where that is wished; returns its words."""
    picture = re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(title="somnus"), flags=re.S)
    if os.environ.get("SOMNUS_PICTURES"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        (PICTURES / f"{name}.svg").write_text(picture)
    assert (PICTURES / f"{name}.svg").exists()
    return re.sub(r"<[^>]+>", "", picture).replace("&#160;", " ")


async def test_the_pictures_of_the_readme_show_a_reply_with_its_source_and_a_night(
    embedder: Any, home_path: Path
) -> None:
    root = make_stage_root(embedder)(Options(home=home_path))
    app = SomnusApp(root)
    async with app.run_test(size=(90, 26)) as pilot:
        await until(pilot, idle(app))
        await say(pilot, CAT)
        await say(pilot, "What is my cat called?")
        await until(pilot, lambda: "▤ from the buffer" in seen(app, ".source"))
        text = keep(app, "chat")
        assert CAT in text and "▤ from the buffer" in text
        await pilot.press("f4")
        for event in a_night():
            app.post_message(Slept(event))
        await until(pilot, lambda: "24/40" in seen(app, "#phases"))
        await pilot.pause(0.3)
        assert "learning 60%" in keep(app, "night")
    root.close()
