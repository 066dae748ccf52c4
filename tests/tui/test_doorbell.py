"""Two somnus and one home: the second asks the first over a private socket, or is told plainly."""

from __future__ import annotations

import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memory.episode import Phase
from memory.errors import HomeBusyError
from memory.home import Home
from sleep.prepare import note_giving_up, recover
from tui.cli import main
from tui.doorbell import NAME, Answer, Asked, Doorbell, Want, opened_politely, ring

Run = Callable[..., Any]
CAT = "My cat is called Biscuit."


@pytest.fixture
def home(home_path: Path) -> Iterator[Home]:
    with Home.open(home_path) as opened:
        yield opened


@pytest.fixture
def door(tmp_path: Path) -> Path:
    """A home whose path is longer than a socket's address may be."""
    path = tmp_path / ("a long name " * 9) / "home"
    path.mkdir(parents=True)
    return path


def test_a_wish_is_answered_over_a_socket_that_only_the_user_may_use(door: Path) -> None:
    heard: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        heard.append(asked)
        return Answer(done=True, said="Good night.")

    with Doorbell(door, answer):
        assert stat.S_IMODE((door / NAME).stat().st_mode) == 0o600
        assert ring(door, Want.SLEEP, 7.0) == Answer(done=True, said="Good night.")
        assert ring(door, Want.CANCEL) == Answer(done=True, said="Good night.")
    assert heard == [Asked(want=Want.SLEEP, budget=7.0), Asked(want=Want.CANCEL)]
    assert ring(door, Want.SLEEP) is None and not (door / NAME).exists()


def test_nonsense_at_the_door_is_not_answered_and_the_next_is(home_path: Path) -> None:
    home_path.mkdir()
    with Doorbell(home_path, lambda asked: Answer(done=True, said="yes")):
        for nonsense in (b"\xff\n", b"[1]\n", b'{"want": "everything"}\n', b""):
            with socket.socket(socket.AF_UNIX) as call:
                call.connect(str(home_path / NAME))
                call.sendall(nonsense)
                call.shutdown(socket.SHUT_WR)
                assert call.recv(100) == b""
        assert ring(home_path, Want.PAUSE) is not None


def test_what_a_dead_owner_left_is_no_hindrance(home_path: Path) -> None:
    home_path.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home_path / NAME))
    assert ring(home_path, Want.HOME) is None
    with Doorbell(home_path, lambda asked: Answer(done=True, said="yes")):
        assert ring(home_path, Want.HOME) is not None


def test_a_night_that_nobody_watches_makes_way_within_seconds(home_path: Path) -> None:
    sleeping = Home.open(home_path)

    def answer(asked: Asked) -> Answer:
        threading.Timer(0.5, sleeping.close).start()
        return Answer(done=True, said="I get up.")

    with Doorbell(home_path, answer):
        began = time.monotonic()
        opened_politely(home_path).close()
        assert time.monotonic() - began < 5


def test_an_owner_that_stays_is_named(home: Home) -> None:
    with Doorbell(home.path, lambda asked: Answer(done=False, said="I'm in use.")):
        began = time.monotonic()
        with pytest.raises(HomeBusyError):
            opened_politely(home.path)
        assert time.monotonic() - began < 1


def test_sleep_is_left_to_the_somnus_that_has_the_home(home: Home, somnus: Run) -> None:
    assert somnus("sleep").code == 5
    with Doorbell(home.path, lambda asked: Answer(done=True, said=f"{asked.want} {asked.budget}")):
        printed = somnus("sleep", "--budget", "9")
        assert (printed.code, printed.out) == (0, "sleep 9.0\n")
        assert somnus("sleep", "--pause", "--json").document["said"] == "pause None"
        assert somnus("sleep", "--cancel").out == "cancel None\n"
        assert somnus("sleep", "--if-due").code == 5
    assert somnus("sleep", "--cancel").code == 3


def test_a_night_given_up_that_dies_before_a_safe_point_is_not_gone_on_with(
    home_path: Path,
) -> None:
    with Home.open(home_path) as home:
        home.ledger.append(CAT)
        home.ledger.begin_night([e.id for e in home.ledger.waiting()], None)
        note_giving_up(home)
    with Home.open(home_path) as home:
        assert recover(home) == "Night 1 is given up, as you asked; nothing was lost."
        assert home.ledger.unfinished() is None and len(home.ledger.waiting()) == 1
        home.ledger.begin_night([e.id for e in home.ledger.waiting()], None)
        assert "the next sleep goes on there" in str(recover(home))


def test_a_night_of_the_command_line_is_cancelled_from_outside(
    somnus: Run, make_root: Any, home_path: Path
) -> None:
    def night(self: Any, *, budget: Any = None, stop: Any = None) -> Any:
        from memory.errors import Interrupted

        self.home.ledger.begin_night([e.id for e in self.home.ledger.waiting()], None)
        yield from ()
        while not stop():
            time.sleep(0.01)
        raise Interrupted("Night 1 was interrupted.")

    make_root.night = night
    somnus("tell", CAT)
    codes: list[int] = []
    sleeper = threading.Thread(
        target=lambda: codes.append(main(["--home", str(home_path), "sleep"], make_root=make_root))
    )
    sleeper.start()
    deadline = time.monotonic() + 10
    while ring(home_path, Want.SLEEP) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ring(home_path, Want.CANCEL) is not None
    sleeper.join(10)
    assert codes == [130]
    with Home.open(home_path) as home:
        assert home.ledger.unfinished() is None
        assert home.ledger.nights()[0].phase is Phase.ROLLED_BACK
        assert len(home.ledger.waiting()) == 1
