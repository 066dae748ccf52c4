"""Lives and deaths in forked processes: one program that has imported everything, and the end that speaks to it.

Run as a program it reads "WHAT<tab>HOME<tab>SEED<tab>FAULT" lines, does that in a forked child, and writes how the
child ended: 0, 1 for an error told in a sentence, 70 for any other error, 137 for a kill.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

KILLED = 137
ROOT = Path(__file__).parents[2]
MOMENT = "moment:"  # and the share of an undisturbed life after which it is killed from outside
TAPE = "tape:"  # and the file into which an undisturbed life's writes are noted: see power.py
UNDISTURBED = "none:1:kill"  # a point that there isn't: visits are counted, nothing happens


class Forge:
    """The speaking end. Use it as a context. `listener` is a library that hears what lives write: see power.py."""

    def __init__(self, folder: Path, listener: Path | None = None) -> None:
        self.folder, self.listener = folder, listener
        self.seconds = 1.0  # that an undisturbed life takes
        here = Path(__file__).parent
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, here.parent, here))), "XDG_CACHE_HOME": str(folder / "cache"),
            "OMP_NUM_THREADS": "1", "ANONYMIZED_TELEMETRY": "False", "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        environment.pop("SOMNUS_FAULT", None)
        if listener is not None:
            environment["LD_PRELOAD"] = str(listener)
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def ask(self, what: str, home: Path, seed: int = 0, fault: str = "") -> int:
        """How the child ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{what}\t{home}\t{seed}\t{fault}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def live(self, home: Path, seed: int, fault: str = UNDISTURBED, kind: str = "live") -> int:
        if fault.startswith(MOMENT):
            fault = f"{MOMENT}{float(fault.removeprefix(MOMENT)) * self.seconds}"
        return self.ask(kind, home, seed, fault)

    def look(self, home: Path, kind: str = "live") -> dict[str, Any]:
        """{"wounds": what is wrong, "notes": what was said aloud, "refused": a sentence or ""}."""
        home.with_name(f"{home.name}.look").unlink(missing_ok=True)
        if code := self.ask("look", home, fault=kind):
            return {"wounds": [f"could not start: {code}"], "notes": [], "refused": ""}
        found: dict[str, Any] = json.loads(home.with_name(f"{home.name}.look").read_text())
        return found

    def seen(self, home: Path, kind: str = "live") -> list[str]:
        """What is wrong with a home; that it refuses to open, above all."""
        found = self.look(home, kind)
        # Neither a kill nor a power cut damages anything.
        false = [n for n in found["notes"] if "ledger's log" in n or "is damaged" in n]
        return [*found["wounds"], *false, *([found["refused"]] if found["refused"] else [])]

    def live_on(self, home: Path, seed: int, kind: str = "live") -> list[str]:
        """Live undisturbed to the end; what is wrong then."""
        from life import expected  # only now: it brings torch

        if code := self.live(home, seed, kind=kind):
            return [f"could not live on: {code}"]
        told = home.with_name(f"{home.name}.told").read_text().splitlines()
        return self.seen(home, kind) + [
            f"never acknowledged: {t}" for t in expected(seed, kind) if t not in told
        ]

    def points(self, seed: int, kind: str = "live") -> dict[str, int]:
        """Every named point of a life that nothing disturbs, with its number of visits."""
        home = self.folder / f"undisturbed-{seed if kind == 'live' else f'{kind}-{seed}'}"
        began = time.monotonic()
        assert self.live(home, seed, kind=kind) == 0
        if kind != "rare":
            self.seconds = time.monotonic() - began
        found: dict[str, int] = json.loads(home.with_name(f"{home.name}.points").read_text())
        return found


def _live(kind: str, home: Path, seed: int, fault: str) -> None:
    from life import live, rare
    from naive import live as naive

    from memory import faults
    from memory.errors import SomnusError

    os.environ["SOMNUS_FAULT"] = UNDISTURBED if fault.startswith((MOMENT, TAPE)) else fault
    if fault.startswith(TAPE):
        tape = os.fsencode(fault.removeprefix(TAPE))
        ctypes.CDLL(None).listen_to(tape, os.fsencode(home.parent))
    faults.visits.clear()
    try:
        {"live": live, "rare": rare, "naive": naive}[kind](home, seed)
    except SomnusError as error:  # the failing write, told in one sentence
        assert "\n" not in str(error), str(error)
        sys.stderr.write(f"{error}\n")
        os._exit(1)
    home.with_name(f"{home.name}.points").write_text(json.dumps(faults.visits))


def _look(home: Path, kind: str) -> None:
    from naive import wounds as of_the_naive
    from wounds import wounds

    from memory.errors import HomeError

    notes: list[str] = []
    found: list[str] = []
    refused = ""
    try:
        found = (of_the_naive if kind == "naive" else wounds)(home, notes.append)
    except HomeError as error:
        refused = str(error)
    text = json.dumps({"wounds": found, "notes": notes, "refused": refused})
    home.with_name(f"{home.name}.look").write_text(text)


def _race(home: Path, rivals: int) -> None:
    """Owners that all want the home at once: one gets it, the others are told why within a second."""
    from memory.errors import HomeBusyError
    from memory.home import Home

    signal.alarm(60)  # with two owners it would wait for ever
    start, begin = os.pipe()
    hold, release = os.pipe()
    children = []
    for _ in range(rivals):
        child = os.fork()
        if child == 0:
            os.close(begin)
            os.close(release)
            os.read(start, 1)
            began = time.monotonic()
            try:
                owner = Home.open(home)
            except HomeBusyError as error:
                told = "Another somnus" in str(error)
                os._exit(5 if told and time.monotonic() - began < 1.0 else 6)
            os.read(hold, 1)  # until all others were refused; then die without closing
            del owner
            os._exit(9)
        children.append(child)
    os.close(begin)
    ends = []
    while len(ends) < rivals - 1:
        child, status = os.wait()
        ends.append(os.waitstatus_to_exitcode(status))
    os.close(release)
    ends.append(os.waitstatus_to_exitcode(os.wait()[1]))
    assert sorted(ends) == [5] * (rivals - 1) + [9], ends
    Home.open(home).close()  # the lock of the dead is free


def main() -> None:
    """Serve until stdin ends."""
    import chromadb  # noqa: F401  # once, for every child
    import life  # noqa: F401
    import wounds  # noqa: F401

    os.umask(0o077)  # as the program does
    gc.freeze()  # children need not look through what was imported
    for line in sys.stdin:
        what, home, seed, fault = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            code = 70
            try:
                if what in ("live", "rare", "naive"):
                    _live(what, Path(home), int(seed), fault)
                elif what == "race":
                    _race(Path(home), int(seed))
                else:
                    _look(Path(home), fault)
                code = 0
            except BaseException:  # noqa: BLE001  # whatever it is, the trial says so
                sys.stderr.write(traceback.format_exc())
                sys.stderr.flush()
            os._exit(code)
        if fault.startswith(MOMENT):
            time.sleep(float(fault.removeprefix(MOMENT)))
            os.kill(child, signal.SIGKILL)  # not waited for yet, so it is there, dead or alive
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{KILLED if code == -signal.SIGKILL else code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
