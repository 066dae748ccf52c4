"""How long the app keeps people waiting: the first frame, and each key while it is idle, answers, and sleeps.

    python tests/benchmarks/keys.py [--letters 200]

The aims: a first frame within 1 s, and 95 of 100 keys on the screen within 50 ms. On the real model, in a throw-away
home; the night is cancelled as soon as enough letters are typed.
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
from tui.app import SomnusApp
from tui.root import Options, Root
from tui.widgets.message_box import MessageBox

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


def told(name: str, waits: list[float]) -> None:
    """One line of the result."""
    if not waits:
        print(f"{name:<22} no letter was typed")
        return
    every = sorted(waits)
    p50, p95 = (every[int(share * (len(every) - 1))] for share in (0.5, 0.95))
    print(
        f"{name:<22} n {len(every):>4}   p50 {1000 * p50:6.1f} ms   p95 {1000 * p95:6.1f} ms   "
        f"worst {1000 * every[-1]:6.1f} ms"
    )


async def measure(home: Path, letters: int) -> None:
    """Type while it is idle, while it answers, and while it sleeps."""
    root = Root(Options(home=home))
    root.home.ledger.append_all([(s, None, None, Origin.TYPED) for s in STATEMENTS])
    app: Any = SomnusApp(root)
    async with app.run_test(size=(100, 30)) as pilot:
        while not app.ready or app.bridge.busy:
            await pilot.pause(0.1)
        told("idle", await typed(app, letters, lambda: True))
        waits: list[float] = []
        while len(waits) < letters:
            app.screen.query_one(MessageBox).write("Tell me a long story about the sea and a lamp.")
            await pilot.press("enter")
            while not app.bridge.busy:
                await asyncio.sleep(0.01)
            waits += await typed(app, letters - len(waits), lambda: bool(app.bridge.busy))
        app.bridge.stop()
        told("while it answers", waits)
        while app.bridge.busy:
            await pilot.pause(0.1)
        app.run_bridge("sleep", 10.0)
        while not app.night_now:
            await pilot.pause(0.1)
        told("while it sleeps", await typed(app, letters, lambda: bool(app.bridge.bed.taken)))
        app.bridge.bed.wake(give_up=True)
        while app.bridge.bed.taken:
            await pilot.pause(0.1)
    app.bridge.close()
    root.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=200)
    letters = parser.parse_args().letters
    with tempfile.TemporaryDirectory() as folder:
        first_frame(Path(folder) / "warm")  # compiled files are written
        frames = [first_frame(Path(folder) / f"frame-{i}") for i in range(5)]
        print(
            f"{'first frame':<22} n    5   median {sorted(frames)[2]:.2f} s   worst {max(frames):.2f} s"
        )
        asyncio.run(measure(Path(folder) / "home", letters))


if __name__ == "__main__":
    main()
