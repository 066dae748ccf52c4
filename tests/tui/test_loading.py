"""The first run and the load that fails: what is fetched is seen, and one can try once more without a restart."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from driving import CAT, idle, say, seen, until
from stage import make_stage_root

from memory.errors import WeightsError
from tui.app import SomnusApp
from tui.root import Options
from tui.widgets.message_box import MessageBox

TORN = "The download is torn (no route to host)."


class Fetching:
    """A model that has to be fetched first: it waits half-way, and fails as often as it is told to."""

    def __init__(self, kind: Any, fails: int) -> None:
        self.half = threading.Event()
        self.fails = fails
        well = kind.model

        def model(root: Any) -> Any:
            root.progress("fetching the model", 0.5)
            self.half.wait(10)
            if self.fails:
                self.fails -= 1
                raise WeightsError(TORN)
            return well.func(root)

        kind.model = cached_property(model)
        kind.model.__set_name__(kind, "model")


@pytest.fixture
def kind(embedder: Any) -> Any:
    return make_stage_root(embedder)


async def test_what_is_fetched_at_the_first_start_is_shown_with_its_share(
    kind: Any, home_path: Path
) -> None:
    fetching = Fetching(kind, fails=0)
    root = kind(Options(home=home_path))
    app = SomnusApp(root)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(
            pilot, lambda: "fetching the model ████████░░░░░░░░ 50%" in seen(app, "StatusLine")
        )
        await pilot.press("f3")
        await until(pilot, lambda: "50%" in seen(app, "StatusLine"))
        fetching.half.set()
        await until(pilot, idle(app))
        assert "ready" in seen(app, "StatusLine")
    root.close()


async def test_a_load_that_fails_says_why_and_can_be_tried_once_more(
    kind: Any, home_path: Path
) -> None:
    fetching = Fetching(kind, fails=2)
    fetching.half.set()
    root = kind(Options(home=home_path))
    app = SomnusApp(root)

    def told() -> list[str]:
        return [n.message for n in app._notifications]

    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for failures in (1, 2):
            await until(pilot, lambda: bool(app.load_failed) and not app.bridge.busy)
            assert TORN in seen(app, "StatusLine")
            assert any("ctrl+p" in text or "^p" in text for text in told())
            box = app.screen.query_one(MessageBox)
            box.write(CAT)
            app.clear_notifications()
            await pilot.press("enter")
            await until(
                pilot, lambda: any("Load again" in text and TORN in text for text in told())
            )
            assert not any("still loading" in text for text in told())
            assert box.text == CAT, failures
            commands = {c.title: c for c in app.get_system_commands(app.screen)}
            commands["Load again"].callback()
        await until(pilot, idle(app))
        assert "Load again" not in {c.title for c in app.get_system_commands(app.screen)}
        await say(pilot, CAT)
    root.close()
