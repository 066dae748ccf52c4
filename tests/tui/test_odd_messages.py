"""What nobody expects in the message box: it is logged as it was typed, or refused in a sentence, and talk goes on."""

from __future__ import annotations

from typing import Any

import pytest
from driving import CAT, idle, say, seen, shown, until
from textual import events
from textual.pilot import Pilot

from tui.widgets.exchange import Exchange
from tui.widgets.message_box import MessageBox

ODD = {
    "Arabic": "قطتي اسمها بسكويت، وأختي نورة تسكن في Köln منذ 2021.",
    "Hebrew with marks": "\u202bהחתול שלי נקרא Biscuit\u202c (כן!)",
    "mixed": "My cat is called \u2067بسكويت\u2069 at home.",
}


async def sent(pilot: Pilot[None]) -> None:
    """Press enter, and wait until it is answered or refused."""
    app: Any = pilot.app
    before = len(app.screen.query(Exchange))
    await pilot.press("enter")
    await until(pilot, lambda: len(app.screen.query(Exchange)) > before, 60)
    await until(pilot, idle(app), 60)
    await pilot.pause(0.1)


@pytest.mark.parametrize("said", ODD.values(), ids=list(ODD))
async def test_text_from_right_to_left_is_logged_shown_and_answered_as_it_is(
    pilot: Pilot[None], root: Any, said: str
) -> None:
    if said.isprintable():
        for letter in said:
            pilot.app.post_message(events.Key(letter, letter))
    else:  # marks of direction are on no key
        pilot.app.post_message(events.Paste(said))
    await until(pilot, lambda: pilot.app.screen.query_one(MessageBox).text == said)
    await sent(pilot)
    (episode,) = root.home.ledger.episodes()
    assert episode.said == said and episode.replied
    assert said in seen(pilot.app, ".user")  # type: ignore[arg-type]
    await say(pilot, CAT)


@pytest.mark.parametrize("way", ["typed", "pasted"])
async def test_a_megabyte_is_logged_and_refused_in_a_sentence_and_talk_goes_on(
    pilot: Pilot[None], root: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = pilot.app
    monkeypatch.setattr(app.vigil, "look", lambda: None)  # so much to learn calls for a nap
    said = "".join(f"My book number {i} is called Volume {i}. " for i in range(22_000)).strip()
    assert len(said) > 900_000
    box = app.screen.query_one(MessageBox)
    if way == "pasted":
        app.post_message(events.Paste(said))
        await until(pilot, lambda: len(box.text) > len(said), 60)
    else:
        box.write(said)
    await sent(pilot)
    assert [e.said.removeprefix("> ") for e in root.home.ledger.episodes()] == [said]
    assert "tokens long and the model reads" in str(app.journal.lines)
    assert "unexpected" not in str(app.journal.lines)
    assert "more characters)" in seen(app, ".user")
    await say(pilot, CAT)
    await say(pilot, "What is my cat called?")
    assert [e.said for e in root.home.ledger.episodes()[1:]] == [CAT, "What is my cat called?"]
    await pilot.press("f3")
    await until(pilot, lambda: "My book number 0" in shown(app))
    assert app.return_code is None
