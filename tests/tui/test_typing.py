"""Typing: keys are taken in their order, at once, whatever the model does."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from driving import idle, until
from textual import events
from textual.pilot import Pilot

from memory.errors import SomnusError
from tui.screens.messages import Woke
from tui.widgets.exchange import Exchange
from tui.widgets.message_box import MessageBox


async def test_keystrokes_do_not_wait_while_it_answers(pilot: Pilot[None], root: Any) -> None:
    begun = threading.Event()

    def endless(*_: Any, cancelled: Any = lambda: False, **__: Any) -> Any:
        while not cancelled():
            begun.set()
            time.sleep(0.005)
            yield "and "

    root.model.stream = endless
    box = pilot.app.screen.query_one(MessageBox)
    box.write("Go on for ever.")
    await pilot.press("enter")
    await asyncio.to_thread(begun.wait, 10)
    spent = []
    for letter in "typed so far":
        began, so_far = time.monotonic(), len(box.text)
        pressing = asyncio.create_task(pilot.press("space" if letter == " " else letter))
        while len(box.text) == so_far and time.monotonic() < began + 10:
            await asyncio.sleep(0.002)
        spent.append(time.monotonic() - began)
        await pressing
    assert box.text == "typed so far"
    assert sorted(spent)[-2] < 0.25, spent  # 0.05 s is the aim; a busy machine may be slower
    await pilot.press("escape")
    await until(pilot, idle(pilot.app))  # type: ignore[arg-type]


async def test_two_messages_at_once_are_one_sent_and_one_kept_in_the_box(
    pilot: Pilot[None], root: Any
) -> None:
    for text in ("One.", "Two."):  # the second before any thread has begun with the first
        for letter in text:
            pilot.app.post_message(events.Key(letter, letter))
        pilot.app.post_message(events.Key("enter", "\r"))
    await until(pilot, lambda: len(pilot.app.screen.query(".source")) == 1)
    assert [e.said for e in root.home.ledger.episodes()] == ["One."]
    assert pilot.app.screen.query_one(MessageBox).text == "Two."


async def test_enter_does_not_overtake_the_letters_before_it(pilot: Pilot[None], root: Any) -> None:
    for letter in "Quickly":
        pilot.app.post_message(events.Key(letter, letter))
    pilot.app.post_message(events.Key("enter", "\r"))
    await until(pilot, lambda: [e.said for e in root.home.ledger.episodes()] == ["Quickly"])
    await until(pilot, idle(pilot.app))  # type: ignore[arg-type]


async def test_a_night_that_fails_beside_the_talk_does_not_end_a_reply(
    pilot: Pilot[None], root: Any
) -> None:
    gate = threading.Event()
    app: Any = pilot.app

    def slow(*_: Any, **__: Any) -> Any:
        yield "Slowly, "
        gate.wait(30)
        yield "but surely."

    root.model.stream = slow
    app.screen.query_one(MessageBox).write("Hello.")
    await pilot.press("enter")
    await until(pilot, lambda: bool(app.bridge.busy))
    app.post_message(Woke(False, SomnusError("The night failed.")))
    await until(pilot, lambda: "The night failed." in str(app.journal.lines))
    gate.set()
    await until(pilot, lambda: len(app.screen.query(".source")) == 1)
    assert app.screen.query_one(Exchange).replied == "Slowly, but surely."
