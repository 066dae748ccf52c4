"""The README's picture is of the app as it is: `SOMNUS_PICTURES=1 make test` takes it anew."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from test_app import CAT, idle, say, until

from tui.app import SomnusApp
from tui.root import Options

PICTURE = Path(__file__).parents[2] / "data" / "screenshots" / "chat.svg"


async def test_the_picture_of_the_readme_shows_a_reply_and_its_source(
    make_root: Any, home_path: Path
) -> None:
    root = make_root(Options(home=home_path))
    app = SomnusApp(root)
    async with app.run_test(size=(90, 26)) as pilot:
        await until(pilot, idle(app))
        await say(pilot, CAT)
        await say(pilot, "What is my cat called?")
        await pilot.pause()
        picture = re.sub(
            r"@font-face \{.*?\}", "", app.export_screenshot(title="somnus"), flags=re.S
        )
    root.close()
    text = re.sub(r"<[^>]+>", "", picture).replace("&#160;", " ")
    assert CAT in text and "recollected from the buffer" in text
    if os.environ.get("SOMNUS_PICTURES"):
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(picture)
    assert PICTURE.exists()
