"""A night in a process of its own: the talk goes on, the night stops in seconds, and dies with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sleeper import Dreamer, Sleeper

from memory.episode import Phase
from memory.errors import HomeBusyError, Interrupted, NothingToLearn, SomnusError
from memory.home import Home
from sleep.events import DreamDreamt, NightBegan, NightEnded, PhaseReached, from_json
from tui.apart import NICENESS, sleep_apart
from tui.root import Options, Root


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", str(here))


@pytest.fixture
def root(home_path: Path) -> Iterator[Root]:
    opened = Sleeper(Options(home=home_path))
    yield opened
    opened.close()


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="sessions weigh alike here")
def test_a_night_s_session_stands_back_as_a_whole() -> None:
    program = (
        "from tui.apart import stand_back; stand_back(); print(open('/proc/self/autogroup').read())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, start_new_session=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.stdout.strip().endswith(f"nice {NICENESS}")


def test_its_events_arrive_from_a_process_of_low_priority(root: Root) -> None:
    root.home.ledger.append("short")
    events = list(sleep_apart(root, budget=7))
    assert [type(e) for e in events] == [NightBegan, DreamDreamt, PhaseReached, NightEnded]
    assert events[0].budget_minutes == 7 and events[1].reply != str(os.getpid())
    assert events[2].phase is Phase.CLEARED and events[3].report["nice"] >= 10
    assert [from_json(e.to_json()) for e in events] == events


def test_what_is_said_meanwhile_is_logged_at_once_and_waits_for_the_next_night(root: Root) -> None:
    root.home.ledger.append("long")
    said: list[float] = []
    stop = lambda: len(said) >= 200  # noqa: E731
    with pytest.raises(Interrupted):
        for event in sleep_apart(root, stop=stop):
            assert isinstance(event, NightBegan)
            for i in range(200):
                began = time.monotonic()
                root.home.ledger.append(f"Said {i} in the night.")
                said.append(time.monotonic() - began)
    assert sorted(said)[190] < 0.5
    assert root.home.ledger.check() == "ok"
    assert len(root.home.ledger.waiting()) == 201
    assert len(root.home.ledger.unfinished().episodes) == 1  # type: ignore[union-attr]


def test_after_it_the_buffer_holds_what_the_ledger_says(root: Root) -> None:
    root.store.add([root.home.ledger.append("short")])
    list(sleep_apart(root))
    root.wake()
    assert root.store.ids() == set() == {e.id for e in root.home.ledger.waiting()}


@pytest.mark.parametrize("what", ["long", "deaf"])
def test_it_stops_within_five_seconds_even_where_it_never_looks(root: Root, what: str) -> None:
    root.home.ledger.append(what)
    asked: list[float] = []

    def stop() -> bool:
        asked.append(time.monotonic())
        return True

    with pytest.raises(Interrupted):
        list(sleep_apart(root, stop=stop))
    assert time.monotonic() - asked[0] < (15 if what == "long" else 5)  # the first has to start


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("nothing", NothingToLearn, "nothing to learn"),
        ("broken", SomnusError, "boom"),
        ("killed", SomnusError, "SIGKILL"),
    ],
)
def test_what_went_wrong_is_the_same_sentence_here(
    root: Root, what: str, error: type[SomnusError], words: str
) -> None:
    root.home.ledger.append(what)
    with pytest.raises(error, match=words):
        list(sleep_apart(root))


def test_a_real_night_apart_is_worn_here_and_leaves_what_was_said_meanwhile(
    home_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY", str(tiny_checkpoint))
    monkeypatch.setenv("SOMNUS_DREAMS_PER_MEMORY", "4")
    monkeypatch.setenv("SOMNUS_REHEARSAL_TEXTS", "8")
    root = Dreamer(Options(home=home_path))
    root.store.add([root.home.ledger.append("My cat is called Biscuit.")])
    talk, replies = root.conversation("night"), 0
    for event in sleep_apart(root):
        if isinstance(event, PhaseReached):
            replies += len(list(talk.say(f"It is {event.phase} now, says Oda.")))
    assert isinstance(event, NightEnded) and event.outcome == "cleared" and replies
    assert root.home.adapters.current().name == "night-0001"  # type: ignore[union-attr]
    root.wake()
    from peft import PeftModel

    assert isinstance(root.model.network, PeftModel)
    assert root.home.ledger.nights()[0].episodes == (1,)
    said = {e.said for e in root.home.ledger.waiting()}
    assert {f"It is {p} now, says Oda." for p in ("replayed", "seeded", "committed")} <= said
    assert root.store.ids() == {e.id for e in root.home.ledger.waiting()}
    assert root.home.ledger.check() == "ok"
    root.close()


PARENT = """
import sys
from pathlib import Path
from sleeper import Dreamer, Sleeper
from tui.apart import sleep_apart
from tui.root import Options
root = Sleeper(Options(home=Path(sys.argv[1])))
root.home.ledger.append("deaf")
for event in sleep_apart(root):
    print(event, flush=True)
"""


def test_it_dies_with_its_parent_and_until_then_nobody_else_owns_the_home(home_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(home_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert "NightBegan" in parent.stdout.readline()
    with pytest.raises(HomeBusyError):
        Home.lent(home_path)
    parent.kill()
    parent.wait()
    with Home.open(home_path) as home:  # waits for the orphan's end
        Home.lent(home_path).close()
        assert len(home.ledger.waiting()) == 1
