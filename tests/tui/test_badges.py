"""Where an answer came from: what the talk itself told isn't the weights', and no answer stays unmeasured for good."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from driving import CAT, idle, say, seen, until
from stage import Answer, ByPrompt, Held, make_stage_root
from textual.pilot import Pilot

from agent.recalling import Recall
from memory.config import save_setting
from memory.episode import Turn
from memory.trace import Source
from tui.app import SomnusApp
from tui.root import Options, Root
from tui.screens.measuring import Parts, measure
from tui.widgets.badge import judge
from tui.widgets.exchange import Exchange
from tui.widgets.message_box import MessageBox

ASKED = "What is my cat called?"
NO = "You haven't told me that."


@pytest.fixture
def root(root: Root, home_path: Path) -> Any:
    """Nothing is ever alike enough to be looked up."""
    assert root.home
    for name in ("min_similarity", "min_similarity_worn"):
        save_setting(home_path, name, 1.0)
    root.__dict__["model"] = ByPrompt(from_history)
    return root


def from_history(turns: Sequence[Turn], adapter: bool) -> str:
    del adapter
    return "Biscuit." if any("Biscuit" in t.content for t in turns[:-1]) else NO


def by_heart(turns: Sequence[Turn], adapter: bool) -> str:
    del turns
    return "Biscuit." if adapter else NO


@pytest.mark.parametrize(
    ("answer", "badge"),
    [(from_history, "≡ from this talk"), (by_heart, "◆ from the weights"),
     (lambda turns, adapter: "Biscuit.", "? a guess")],
)  # fmt: skip
async def test_with_an_adapter_worn_what_the_talk_told_is_not_the_weights(
    pilot: Pilot[None], root: Any, answer: Answer, badge: str
) -> None:
    app: Any = pilot.app
    app.bridge.adapter = "night-0001"
    root.model.answers = answer
    await say(pilot, CAT)
    await say(pilot, ASKED)
    await until(pilot, lambda: badge in seen(app, ".source"))


async def test_an_answer_that_was_sampled_and_that_nothing_gives_again_is_not_measured(
    pilot: Pilot[None], root: Any
) -> None:
    app: Any = pilot.app
    app.bridge.adapter = "night-0001"
    replies = iter(["Biscuit.", "Bello.", NO])
    root.model.answers = lambda turns, adapter: next(replies, NO)
    await say(pilot, ASKED)
    await until(pilot, lambda: "from the weights" in seen(app, ".source"))
    replies = iter(["Rex."])
    await pilot.press("ctrl+r")
    await until(pilot, lambda: "· not measured" in seen(app, ".source"))


def test_a_long_answer_is_asked_for_again_at_its_length(root: Any) -> None:
    answer = " ".join(["so", "it", "was"] * 30) + " Biscuit."
    root.model.answers = lambda turns, adapter: answer if adapter else NO
    parts = Parts(worn=True, looked_up=False, talked=True, sampled=False, tokens=91)
    found = measure(root, ASKED, answer, parts, lambda: False)
    assert found is not None and found.source is Source.WEIGHTS
    endless = Parts(worn=True, looked_up=False, talked=True, sampled=False, tokens=10_000)
    measure(root, ASKED, answer, endless, lambda: False)
    assert max(root.model.longest) < Recall().reply_tokens


def test_what_nothing_gives_again_was_told_in_the_talk_or_took_both() -> None:
    def source(*, in_talk: bool = False, sampled: bool = False) -> Source:
        return judge(
            ASKED, "Biscuit.", without_buffer=NO, without_weights=NO, without_both=NO,
            in_talk=in_talk, sampled=sampled,
        )  # fmt: skip

    assert source() is Source.BOTH
    assert source(in_talk=True) is Source.TALK
    assert source(sampled=True) is source(in_talk=True, sampled=True) is Source.UNMEASURED


@pytest.mark.parametrize("interruption", ["a message", "a command"])
async def test_an_answer_whose_measuring_is_interrupted_is_measured_when_idle(
    pilot: Pilot[None], root: Root, interruption: str
) -> None:
    app: Any = pilot.app
    await say(pilot, CAT)
    await say(pilot, ASKED)
    await until(pilot, lambda: "≡ from this talk" in seen(app, ".source"))
    for exchange in app.screen.query(Exchange):
        await exchange.remove()
    stream, held = root.model.stream, None
    await_asked = "What is it called?"

    # The reply comes at once; asking again without the talk waits until something else is done.
    def only_measuring(turns: Any, sampling: Any, **more: Any) -> Any:
        nonlocal held
        if len(turns) == 1 and await_asked in turns[-1].content and held is None:
            held = Held(root.model)
            held._stream = stream
            return held(turns, sampling, **more)
        return stream(turns, sampling, **more)

    root.model.stream = only_measuring
    await say(pilot, await_asked)
    await until(pilot, lambda: held is not None)
    assert held is not None
    await asyncio.to_thread(held.begun.wait, 10)
    assert "… looking where it came from" in seen(app, ".source")
    root.model.stream = stream
    if interruption == "a message":
        await say(pilot, "I row on Mondays.")
    else:
        app.screen.query_one(MessageBox).write("/remember I row on Mondays.")
        await pilot.press("enter")
    await until(pilot, lambda: "≡ from this talk" in seen(app, ".source"))
    first, *others = app.screen.query(Exchange)
    assert "≡ from this talk" in str(first.badge.content)
    assert not any("from this talk" in str(o.badge.content) for o in others)
    await until(pilot, idle(app))


async def test_a_badge_outlives_a_restart_with_what_stands_behind_it(
    embedder: Any, home_path: Path
) -> None:
    def opened() -> SomnusApp:
        return SomnusApp(make_stage_root(embedder)(Options(home=home_path)))

    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, idle(app))
        await say(pilot, CAT)
        await say(pilot, ASKED)
        await until(pilot, lambda: "▤ from the buffer" in seen(app, ".source"))
        before, session = seen(app, ".source"), app.session
        assert f"“{CAT}”" in before and "tokens/s" in before
        app.root.home.ledger.append(
            "Is it warm?", replied="Yes.", session=session
        )  # in an old home
    app.root.close()
    app = opened()
    app.session = session
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, idle(app))
        assert seen(app, ".source") == f"{before}\n· not measured"
        app.screen.query_one(MessageBox).write("/why")
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing was kept" in seen(app, ".note"))
        await app.screen.query(Exchange).last().remove()
        app.screen.query_one(MessageBox).write("/why")
        await pilot.press("enter")
        await until(pilot, lambda: "without both" in seen(app, ".note"))
        assert CAT in seen(app, ".note")
    app.root.close()


async def test_an_answer_that_was_not_measured_before_the_end_says_so(
    pilot: Pilot[None], root: Any
) -> None:
    app: Any = pilot.app
    app.bridge.measure = lambda: None
    await say(pilot, CAT)
    await say(pilot, ASKED)
    assert "measured" not in seen(app, ".source")
    await app.screen.show_session()
    assert seen(app, ".source").count("· not measured") == 1


async def test_a_private_answer_has_its_source_too_and_leaves_nothing_of_it(
    pilot: Pilot[None], root: Any, home_path: Path
) -> None:
    app: Any = pilot.app
    for again in (False, True):  # each private talk begins anew
        app.screen.query_one(MessageBox).write("/private")
        await pilot.press("enter")
        await say(pilot, CAT)
        await say(pilot, ASKED)
        await until(pilot, lambda: "≡ from this talk" in str(app.screen.talk.last.badge.content))
        assert len(app.screen.query(Exchange)) == (4 if again else 2)
        app.screen.query_one(MessageBox).write("/private")
        await pilot.press("enter")
    await until(pilot, idle(app))
    assert not root.home.ledger._rows("SELECT * FROM traces")
    assert not any(b"Biscuit" in p.read_bytes() for p in home_path.rglob("*") if p.is_file())


async def test_without_the_weights_none_are_named(pilot: Pilot[None], root: Any) -> None:
    app: Any = pilot.app
    app.bridge.adapter = "night-0001"
    await pilot.press("ctrl+t", "ctrl+t")
    assert "without the weights" in seen(app, "Gauge")
    await say(pilot, ASKED)
    await say(pilot, ASKED)
    first, second = (str(e.badge.content) for e in app.screen.query(Exchange))
    assert "no night's weights" in first and "weights of night-0001" in second
