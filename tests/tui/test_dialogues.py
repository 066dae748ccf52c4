"""Dialogues, settings and the menu: help is at hand everywhere, and every place can be reached from every other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import idle, seen, until
from stage import furnish
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from memory.config import Config, save_setting
from tui.app import SCREENS, SomnusApp
from tui.root import Root
from tui.screens.confirm import Confirm
from tui.screens.help import HelpScreen
from tui.screens.journal import LogScreen
from tui.screens.keys import bindings_of
from tui.screens.sessions import SessionsScreen
from tui.screens.settings import SettingsScreen, read_value, since, written


@pytest.fixture
def root(root: Root) -> Root:
    furnish(root.home, 12)
    return root


@pytest.mark.parametrize(
    ("keys", "dialogue", "told"),
    [
        (("f10",), SettingsScreen, "kept in config.toml"),
        (("ctrl+o",), SessionsScreen, "Type to search in titles"),
        (("f9",), LogScreen, "What the app did"),
        (("f3", "d"), Confirm, "Escape is no"),
    ],
)
async def test_f1_is_help_in_every_dialogue_and_escape_leads_back_to_it(
    pilot: Pilot[None], keys: tuple[str, ...], dialogue: type, told: str
) -> None:
    app: Any = pilot.app
    await pilot.press(*keys)
    await until(pilot, lambda: isinstance(app.screen, dialogue))
    await pilot.press("f1")
    await until(pilot, lambda: isinstance(app.screen, HelpScreen))
    assert told in seen(app, "#help-text")
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(app.screen, dialogue))


async def test_the_menu_leads_to_what_can_be_done_in_another_place(pilot: Pilot[None]) -> None:
    app: Any = pilot.app
    await pilot.press("f10", "f1")  # two dialogues stand over the chat
    await until(pilot, lambda: isinstance(app.screen, HelpScreen))
    commands = {c.title: c for c in app.get_system_commands(app.screen)}
    for name, kind in SCREENS.items():
        assert {f"{name.capitalize()}: {b.description}" for b in bindings_of(kind)} <= set(commands)
    commands["Recall: Trend"].callback()
    await until(pilot, lambda: getattr(app.screen, "NAME", "") == "recall")
    await until(pilot, lambda: "Exam by night" in seen(app, "#bars"))
    commands = {c.title: c for c in app.get_system_commands(app.screen)}
    assert "Trend" in commands and "Recall: Trend" not in commands
    commands["Memory: Forget"].callback()
    await until(pilot, lambda: isinstance(app.screen, Confirm))


async def test_the_menu_shows_the_keys_in_force(root: Root, home_path: Path) -> None:
    save_setting(home_path, "keys", {"memory.pin": "f12"})
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, idle(app))
        commands = {c.title: c for c in app.get_system_commands(app.screen)}
        assert commands["Memory: Pin"].help.startswith("f12 ")


async def test_settings_speak_as_people_do_and_an_empty_box_says_what_holds_instead(
    pilot: Pilot[None],
) -> None:
    app: Any = pilot.app
    await pilot.press("f10")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
    for name, field in Config.model_fields.items():
        assert field.description and field.description.endswith(".")
        for strange in ("None", "True", "False", "…"):
            assert strange not in field.description
        empty = app.screen.query_one(f"#set-{name}", Input).placeholder
        assert empty == "name=key name=key" or (written(field.default) in empty and empty)


async def test_other_keys_can_be_set_and_taken_back(pilot: Pilot[None], root: Root) -> None:
    app: Any = pilot.app
    for typed, kept, place in (
        ("screen.memory", {}, "f3 Memory"),
        ("screen.memory=f12", {"screen.memory": "f12"}, "f12 Memory"),
        ("", {}, "f3 Memory"),
    ):
        await pilot.press("f10")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        box = app.screen.query_one("#set-keys", Input)
        box.focus()
        box.value = typed
        await pilot.press("enter")
        await pilot.pause()
        assert ("✗" in seen(app, "#settings-said")) == (typed == "screen.memory")
        await pilot.press("escape")
        await until(pilot, lambda place=place: place in seen(app, "Places"))  # type: ignore[misc]
        assert app.root.config.keys == kept


def test_every_setting_is_read_as_it_is_written() -> None:
    config = Config(keys={"chat.again": "f12", "sleep.now": "ctrl+l"})
    for name in Config.model_fields:
        assert read_value(name, written(getattr(config, name))) == getattr(config, name)


@pytest.mark.parametrize(
    ("name", "when"),
    [("idle_minutes", "now"), ("nap_pressure", "now"), ("dreams_per_memory", "from the next night"),
     ("model", "from the next start")],
)  # fmt: skip
def test_a_setting_says_from_when_on_it_holds(name: str, when: str) -> None:
    assert since(name) == when


@pytest.mark.parametrize("animation", [True, False])
async def test_no_cursor_blinks_without_animation(
    root: Root, home_path: Path, animation: bool
) -> None:
    save_setting(home_path, "animation", animation)
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, idle(app))
        for keys in ((), ("f3",), ("f5",), ("ctrl+o",), ("f10",), ("ctrl+p",)):
            await pilot.press(*keys)
            await pilot.pause(0.1)
            boxes = [*app.screen.query(Input), *app.screen.query(TextArea)]
            assert boxes and all(box.cursor_blink is animation for box in boxes)
            if keys and keys[0] in ("ctrl+o", "f10", "ctrl+p"):
                await pilot.press("escape")
