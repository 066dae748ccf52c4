"""Driving the app: wait until something is so, say something, read what stands on the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tui.app import SomnusApp
from tui.widgets.message_box import MessageBox

CAT = "My cat is called Biscuit."


async def until(pilot: Pilot[None], true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for something to become true; a single pause is not enough for threads."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause(0.02)
        if true():
            return
    pytest.fail("it never came true")


def idle(app: SomnusApp) -> Callable[[], bool]:
    return lambda: app.ready and not app.bridge.busy


def seen(app: SomnusApp, selector: str) -> str:
    return "\n".join(str(w.content) for w in app.screen.query(selector).results(Static))


def shown(app: Any) -> str:
    """All that stands on the screen, as text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in lines)


async def say(pilot: Pilot[None], text: str) -> None:
    """Type, send, and wait for the end of the reply."""
    app: Any = pilot.app
    before = len(app.screen.query(".source"))
    app.screen.query_one(MessageBox).text = text
    await pilot.press("enter")
    await until(pilot, lambda: len(app.screen.query(".source")) > before and not app.bridge.busy)
