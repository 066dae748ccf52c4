"""What is forgotten is gone from the running app too: from every screen, whether it is looked at or not."""

from __future__ import annotations

from typing import Any

import pytest
from driving import CAT, idle, say, seen, until
from stage import furnish
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Markdown, OptionList, RichLog, Static, TextArea

from memory.episode import DreamKind, ExamAnswer, MemoryState, Phase
from sleep.events import DreamDreamt, MemoryJudged, NightBegan, NightEnded
from tui.app import SCREENS, SomnusApp
from tui.root import Root
from tui.screens.confirm import Confirm
from tui.screens.journal import LogScreen
from tui.screens.messages import Answers, Slept
from tui.widgets.message_box import MessageBox


def texts(widget: Any) -> str:
    """All that a widget holds, shown or not."""
    match widget:
        case Input():
            return str(widget.value)
        case TextArea():
            return str(widget.text)
        case DataTable():
            return "\n".join(str(widget.get_row_at(i)) for i in range(widget.row_count))
        case RichLog():
            return "\n".join(strip.text for strip in widget.lines)
        case OptionList():
            return "\n".join(str(o.prompt) for o in widget.options)
        case Markdown():
            return str(widget.source)
        case Static():
            return str(widget.content)
    return ""


def held(app: SomnusApp) -> dict[str, str]:
    """What every screen holds, whether it is looked at or not."""
    every = {*map(app.get_screen, SCREENS), *app.screen_stack}
    return {
        f"{type(s).__name__} {type(w).__name__} {w.id or ''}": texts(w)
        for s in every
        for w in s.query("*")
        if "Biscuit" in texts(w) and w.id != "empty"  # which suggests to tell of such a cat
    }


@pytest.fixture
def root(root: Root) -> Root:
    """A night learnt of the cat, and was examined about it."""
    furnish(root.home, 6)
    ledger = root.home.ledger
    told = ledger.append(CAT, replied="Biscuit, noted.", session="app-cat")
    (memory,) = ledger.add_memories([(told.id, CAT, told.at)])
    ledger.begin_night([told.id], None)
    ledger.set_memory(memory.id, state=MemoryState.CONSOLIDATED, night=3)
    ledger.add_answers(
        [
            ExamAnswer(
                night=3, memory=memory.id, kind=DreamKind.FACT, question="Who is Biscuit?", expected=CAT,
                answer="Your cat.", right=True, control_answer="No idea.", control_right=False,
            )
        ]
    )  # fmt: skip
    report = {
        "learned": [{"id": memory.id, "text": CAT}],
        "kept_back": [],
        "exam": {"before": 0, "after": 1, "asked": 1},
    }
    ledger.advance(3, Phase.CLEARED, finished=told.at, report=report)
    return root


async def test_no_screen_shows_what_was_forgotten_and_no_key_brings_it_back(
    pilot: Pilot[None], root: Root
) -> None:
    app: Any = pilot.app
    await until(pilot, lambda: "Biscuit" in seen(app, "#morning"))
    await say(pilot, CAT)
    await say(pilot, "What is my cat called?")
    await until(pilot, lambda: "▤ from the buffer" in seen(app, ".source"))
    for line in ("/recall cat called", "/why"):
        app.screen.query_one(MessageBox).write(line)
        await pilot.press("enter")
        await until(pilot, lambda: idle(app)() and seen(app, ".note"))
    await pilot.press("f6")
    for key in ("f3", "f4", "f5"):
        await pilot.press(key)
        await pilot.pause()
    night: list[Any] = [
        NightBegan(night=4, episodes=1, budget_minutes=60.0),
        DreamDreamt(night=4, kind="fact", cue="Who is Biscuit?", reply="Your cat.", gap=1.0),
        MemoryJudged(night=4, memory=7, text=CAT, passed=True, right=3, asked=3),
        NightEnded(
            night=4, outcome="cleared", report={"learned": [{"text": CAT}], "kept_back": []}
        ),
    ]
    for event in night:
        app.post_message(Slept(event))
    arms = {"auto": {"right": 1, "asked": 1, "prompt_tokens": 9.0}}
    asked = [{"question": "Who is Biscuit?", "arm": "auto", "answer": "Your cat.", "right": True}]
    app.post_message(Answers({"arms": arms, "answers": asked}))
    app.journal.error(ValueError(f"can't read {CAT!r}"))
    await pilot.press("f2", "ctrl+o")
    await pilot.pause()
    await pilot.press("escape", "up", "up")
    await pilot.pause()
    kinds = {name.split()[0] for name in held(app)}
    assert kinds == {"ChatScreen", "MemoryScreen", "SleepScreen", "RecallScreen"}
    assert CAT in app.screen.query_one(MessageBox).text  # walked back to
    app.screen.query_one(MessageBox).write("/forget biscuit")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, Confirm))
    await pilot.click("#yes")
    app.push_screen(LogScreen(app.journal))  # opened meanwhile
    await until(pilot, lambda: root.home.ledger.memories()[-1].state is MemoryState.FORGOTTEN)
    await until(pilot, idle(app))
    await pilot.pause(0.1)
    assert held(app) == {}
    assert not any("Biscuit" in line for line in app.journal.lines)
    await pilot.press("escape")
    box = app.screen.query_one(MessageBox)
    for key in ("ctrl+z", "ctrl+z", "up", "up", "up", "up"):
        await pilot.press(key)
        assert "Biscuit" not in box.text
    for key in ("f3", "f4", "f5", "t", "ctrl+o"):
        await pilot.press(key)
        await pilot.pause(0.1)
    assert held(app) == {}


async def test_private_talk_is_gone_when_something_is_forgotten(
    pilot: Pilot[None], root: Any
) -> None:
    app: Any = pilot.app
    box = app.screen.query_one(MessageBox)
    box.write("/private")
    await pilot.press("enter")
    await say(pilot, CAT)
    box.write("/forget Biscuit")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, Confirm))
    await pilot.click("#yes")
    await until(pilot, lambda: not held(app) and idle(app)())
    await say(pilot, "Who is that?")
    assert "Biscuit" not in root.model.asked[-1][0]
