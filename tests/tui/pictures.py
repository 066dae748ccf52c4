"""Pictures of the app, compared with those that were looked at. `SOMNUS_PICTURES=1` takes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from textual.pilot import Pilot

ANEW = bool(os.environ.get("SOMNUS_PICTURES"))


async def changed(pilot: Pilot[None], file: Path) -> str:
    """The words of the picture if it isn't the one in the file; nothing if it is, or is taken anew."""
    wanted = file.read_text() if file.exists() and not ANEW else None
    picture, pause = "", 0.02 if wanted else 0.3
    for _ in range(int(5 / pause)):
        await pilot.pause(pause)
        before, picture = picture, plain(pilot.app.export_screenshot(title="somnus"))
        if picture == (before if wanted is None else wanted):
            break
    if ANEW:
        file.write_text(picture)
        return ""
    return "" if picture == wanted else f"{file.name}: {words(picture)}"


def plain(svg: str) -> str:
    """The picture without what differs from run to run or from machine to machine."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"\n\s*\n+", "\n", svg)


def words(svg: str) -> str:
    return re.sub(r"<style>.*?</style>|<[^>]+>", " ", svg, flags=re.S).replace("&#160;", " ")
