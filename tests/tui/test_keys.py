"""Keys: every one has a name, can be changed, is in the help and in the menu, and leaves the app alive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import idle, seen, until
from stage import furnish
from textual.pilot import Pilot

from memory.config import save_setting
from tui.app import SCREENS, SomnusApp
from tui.root import Root
from tui.screens.base import SomnusScreen
from tui.screens.keys import bindings
from tui.screens.messages import Failed
from tui.screens.slash import SLASHES
from tui.widgets.message_box import MessageBox


@pytest.fixture
def root(root: Root) -> Root:
    furnish(root.home, 12)
    return root


def test_every_key_has_a_name_of_its_own() -> None:
    every = [b for some in bindings(SomnusApp, *SCREENS.values()) for b in some]
    assert all(b.id and b.description for b in every)
    assert len({b.id for b in every}) == len(every) > 40
    # These belong to the terminal: backspace, tab and enter.
    taken = {key.strip() for b in every for key in b.key.split(",")}
    assert not taken & {"ctrl+h", "ctrl+i", "ctrl+m"}


@pytest.mark.parametrize("place", list(SCREENS))
async def test_every_key_of_a_screen_can_be_pressed_and_the_app_lives_on(
    pilot: Pilot[None], root: Any, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write a file
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    root.night = lambda **_: iter(())
    app: Any = pilot.app
    app.action_show(place)
    await pilot.pause()
    keys = [
        active.binding.key
        for active in app.screen.active_bindings.values()
        if active.binding.id and active.binding.id != "quit"
    ]
    assert len(keys) > 10
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
        while not isinstance(app.screen, SomnusScreen):
            await pilot.press("escape")
            await pilot.pause()
        app.action_show(place)
        await pilot.pause()
        assert app.is_running and not isinstance(app.news, Failed), key
    await until(pilot, idle(app))


async def test_everything_is_in_the_menu(pilot: Pilot[None]) -> None:
    app: Any = pilot.app
    commands = {c.title: c for c in app.get_system_commands(app.screen)}
    assert {f"/{s.name}{' …' * s.needs_more}" for s in SLASHES} <= commands.keys()
    commands["/remember …"].callback()
    await until(pilot, lambda: app.screen.query_one(MessageBox).text == "/remember ")


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"chat.agian": "f12"}, "'chat.agian', which is no key's name; f1 lists"),
        ({"chat.again": "ctrl+t"}, "gives ctrl+t to chat.again: chat.without needs another key"),
        ({"chat.again": "ctrl+t", "chat.without": "ctrl+r"}, ""),
    ],
)
async def test_a_name_that_no_key_has_and_a_stolen_key_are_told(
    root: Root, home_path: Path, chosen: dict[str, str], told: str
) -> None:
    save_setting(home_path, "keys", chosen)
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, idle(app))
        said = " ".join(n.message for n in app._notifications)
        assert told in said and bool(told) == ("[keys]" in said)


async def test_the_places_show_the_keys_in_force_and_can_be_clicked(
    root: Root, home_path: Path
) -> None:
    save_setting(home_path, "keys", {"screen.memory": "f12"})
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, idle(app))
        line = seen(app, "Places")
        assert "▸f2 Chat" in line and "f12 Memory" in line
        await pilot.click("Places", offset=(line.index("Memory") + 1, 0))
        await until(pilot, lambda: getattr(app.screen, "NAME", "") == "memory")
