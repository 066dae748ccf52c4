"""Ctrl+c, sent to a real process: the first stops a night at a safe point, the second at once; nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memory.episode import Phase
from memory.home import Home

SLEEP = """
import sys
from sleeper import Sleeper
from tui.cli import main
sys.exit(main(["--home", sys.argv[1], "sleep", "--json"], make_root=Sleeper))
"""


@contextmanager
def sleeping(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A `somnus sleep` whose night has begun."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEP, str(home)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while unfinished(home) is None:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def unfinished(home: Path) -> Phase | None:
    """How far the night is, which nobody has finished."""
    with Home.open(home, read_only=True) as read:
        night = read.ledger.unfinished()
    return night and night.phase


def tell(home: Path, *texts: str) -> None:
    with Home.open(home) as owned:
        for text in texts:
            owned.ledger.append(text)


@pytest.mark.parametrize("presses", [1, 2], ids=["at a safe point", "where there is none"])
def test_a_night_interrupted_by_ctrl_c_keeps_every_episode(home_path: Path, presses: int) -> None:
    tell(home_path, "My cat is called Biscuit.", "long" if presses == 1 else "deaf")
    with sleeping(home_path) as process:
        for _ in range(presses):
            assert process.poll() is None  # the first alone doesn't end a night without safe points
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    said = "Night 1 was interrupted." if presses == 1 else "Interrupted; nothing was lost."
    assert json.loads(out) == {"error": said} and "Traceback" not in err
    assert unfinished(home_path) is Phase.PLANNED
    with Home.open(home_path) as home:  # nobody holds it any more
        assert len(home.ledger.waiting()) == 2 and home.ledger.check() == "ok"
