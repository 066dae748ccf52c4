"""How long the app keeps people waiting: the first frame, and each key while it is idle, answers, and sleeps.

    python tests/benchmarks/keys.py [--letters 200]

The aims: a first frame within 1 s, within 2 s in a home whose owner was killed, and 95 of 100 keys on the screen within
50 ms. On the real model, in a throw-away home; the night is cancelled as soon as enough letters are typed. Ends with 1
over an aim.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual import events

from memory.episode import Origin
from memory.home import Home
from tui.app import SomnusApp
from tui.root import Options, Root
from tui.widgets.message_box import MessageBox

FRAME, AFTER_KILL, KEY = 1.0, 2.0, 0.05  # seconds
PAUSE = 0.08  # seconds between two letters of a fast typist
STATEMENTS = [f"My {i}th locker has the code {1000 + 37 * i}." for i in range(12)]


def first_frame(home: Path) -> float:
    """Seconds from the start of a process to its first frame, on a terminal of its own."""
    ours, theirs = pty.openpty()
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "--home", str(home)],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )  # fmt: skip
    seen = b""
    try:
        while b"Three things" not in seen:
            if not select.select([ours], [], [], 60)[0]:
                raise SystemExit("The app showed nothing within a minute.")
            seen += os.read(ours, 65536)
        return time.monotonic() - began
    finally:
        child.kill()
        child.wait()
        os.close(ours)
        os.close(theirs)


async def typed(app: Any, letters: int, meanwhile: Callable[[], bool]) -> list[float]:
    """Seconds that each letter took until it stood in the box and the screen was drawn."""
    box = app.screen.query_one(MessageBox)
    waits: list[float] = []
    while len(waits) < letters and meanwhile():
        drawn = asyncio.Event()
        so_far = len(box.text)
        began = time.monotonic()
        app.post_message(events.Key("a", "a"))
        while len(box.text) == so_far:
            await asyncio.sleep(0.001)
        app.screen.call_after_refresh(drawn.set)
        await drawn.wait()
        waits.append(time.monotonic() - began)
        await asyncio.sleep(PAUSE)
        if len(box.text) > 60:
            box.clear()
    box.clear()
    return waits


def told(name: str, waits: list[float]) -> bool:
    """One line of the result; whether it is within the aim."""
    if not waits:
        print(f"{name:<22} no letter was typed")
        return False
    every = sorted(waits)
    p50, p95 = (every[int(share * (len(every) - 1))] for share in (0.5, 0.95))
    print(
        f"{name:<22} n {len(every):>4}   p50 {1000 * p50:6.1f} ms   p95 {1000 * p95:6.1f} ms   "
        f"worst {1000 * every[-1]:6.1f} ms"
    )
    return p95 <= KEY


def frames(name: str, homes: list[Path], most: float) -> bool:
    """The same of first frames, each of which ends with a kill."""
    found = sorted(first_frame(home) for home in homes)
    median = found[len(found) // 2]
    print(f"{name:<22} n {len(found):>4}   median {median:.2f} s   worst {found[-1]:.2f} s")
    return median <= most


async def measure(home: Path, letters: int) -> bool:
    """Type while it is idle, while it answers, and while it sleeps; whether all is within the aim."""
    root = Root(Options(home=home))
    root.home.ledger.append_all([(s, None, None, Origin.TYPED) for s in STATEMENTS])
    app: Any = SomnusApp(root)
    async with app.run_test(size=(100, 30)) as pilot:
        while not app.ready or app.bridge.busy:
            await pilot.pause(0.1)
        fine = [told("idle", await typed(app, letters, lambda: True))]
        waits: list[float] = []
        while len(waits) < letters:
            app.screen.query_one(MessageBox).write("Tell me a long story about the sea and a lamp.")
            pressed = asyncio.create_task(pilot.press("enter"))  # which waits until all is quiet
            begun = time.monotonic()
            while not app.bridge.busy and time.monotonic() - begun < 5:
                await asyncio.sleep(0.005)
            waits += await typed(app, letters - len(waits), lambda: bool(app.bridge.busy))
            await pressed
        app.bridge.stop()
        fine.append(told("while it answers", waits))
        while app.bridge.busy:
            await pilot.pause(0.1)
        app.run_bridge("sleep", 10.0)
        while not app.night_now:
            await pilot.pause(0.1)
        waits = await typed(app, letters, lambda: bool(app.bridge.bed.taken))
        fine.append(told("while it sleeps", waits))
        app.bridge.bed.wake(give_up=True)
        while app.bridge.bed.taken:
            await pilot.pause(0.1)
    app.bridge.close()
    root.close()
    return all(fine)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=200)
    letters = parser.parse_args().letters
    with tempfile.TemporaryDirectory() as folder:
        first_frame(Path(folder) / "warm")  # compiled files are written
        fine = [frames("first frame", [Path(folder) / f"frame-{i}" for i in range(5)], FRAME)]
        killed = Path(folder) / "killed"
        with Home.open(killed) as home:
            home.ledger.append_all([(s, None, None, Origin.TYPED) for s in STATEMENTS])
        first_frame(killed)
        fine.append(frames("first frame after kill", [killed] * 5, AFTER_KILL))
        fine.append(asyncio.run(measure(Path(folder) / "home", letters)))
    return 1 - all(fine)


if __name__ == "__main__":
    sys.exit(main())
