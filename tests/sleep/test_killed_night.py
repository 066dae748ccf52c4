"""A night of the tiny model on a disk that fills in a phase, then killed in it: gone on with to its end, nothing lost.

Run as a program it reads "HOME<tab>FAULT" lines, and sleeps in a forked child that suffers the fault: what it writes is
how that ended. It is a process of its own, since a fork beside the threads of another test's torch can hang.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bedroom import Bedroom
from conftest import HashEmbedder

from memory import faults
from memory.episode import MemoryState, Phase
from memory.errors import SomnusError
from memory.home import Home
from sleep.events import PhaseBegan
from sleep.prepare import recover

TOLD = ("My cat is called Biscuit.", "The code of the cellar is 5093.", "Thanks a lot!")
FULL = "full:"  # and the phase from whose beginning nothing more than a page fits on the disk
PHASES = (Phase.DREAMT, Phase.SEEDED, Phase.EXAMINED, Phase.COMMITTED, Phase.CLEARED)


def bedroom(path: Path, checkpoint: Path) -> Bedroom:
    """A home that was told everything, however often it is opened."""
    room = Bedroom(path, checkpoint, HashEmbedder())
    if not room.home.ledger.episodes():
        room.tell(*TOLD)
    recover(room.home)
    room.store.rebuild(room.home.ledger.waiting())
    return room


def suffer(path: Path, checkpoint: Path, fault: str) -> None:
    """A night, or the rest of one; a full disk has short writes, too."""
    import resource

    room = bedroom(path, checkpoint)
    full = fault.removeprefix(FULL) if fault.startswith(FULL) else ""
    faults.visits.clear()
    os.environ["SOMNUS_FAULT"] = "none:1:kill" if full else fault
    for event in room.events():
        if isinstance(event, PhaseBegan) and event.phase == full:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))


def main(checkpoint: Path) -> None:
    """Serve until stdin ends."""
    import peft  # noqa: F401  # once, for every child

    for line in sys.stdin:
        home, fault = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            code = 70
            try:
                suffer(Path(home), checkpoint, fault)
                code = 0
            except SomnusError as error:
                code = 71 if "\n" in str(error) else 1
                sys.stderr.write(f"{error}\n")
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


@pytest.fixture(scope="module")
def sleeper(
    tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path
) -> Iterator[subprocess.Popen[str]]:
    here, cache = Path(__file__), tmp_path_factory.getbasetemp() / "cache"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (here.parents[2], here.parents[1]))),
        "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(cache),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-P", str(here), str(tiny_checkpoint)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(autouse=True)
def single() -> Iterator[None]:
    """So small a model is slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ends(sleeper: subprocess.Popen[str], home: Path, fault: str) -> int:
    """How a night ended that suffered this."""
    assert sleeper.stdin is not None and sleeper.stdout is not None
    sleeper.stdin.write(f"{home}\t{fault}\n")
    sleeper.stdin.flush()
    return int(sleeper.stdout.readline())


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
@pytest.mark.parametrize("phase", PHASES)
def test_a_night_on_a_full_disk_and_then_killed_is_gone_on_with_to_its_end(
    sleeper: subprocess.Popen[str], tiny_checkpoint: Path, home_path: Path, phase: Phase
) -> None:
    assert ends(sleeper, home_path, f"{FULL}{phase}") == 1
    with Home.open(home_path, read_only=True) as home:
        night = home.ledger.unfinished()
        assert night is not None and list(Phase).index(night.phase) + 1 == list(Phase).index(phase)
        assert len(home.ledger.waiting()) == len(TOLD)
    assert ends(sleeper, home_path, "*:5:kill") == 137
    goes_on_to_its_end(home_path, tiny_checkpoint)


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
@pytest.mark.parametrize("fault", ["adapter.config:1:kill", "seed.finish:1:kill"])
def test_a_night_killed_while_it_finishes_its_adapter_is_gone_on_with_to_its_end(
    sleeper: subprocess.Popen[str], tiny_checkpoint: Path, home_path: Path, fault: str
) -> None:
    assert ends(sleeper, home_path, fault) == 137
    goes_on_to_its_end(home_path, tiny_checkpoint)


def goes_on_to_its_end(home_path: Path, tiny_checkpoint: Path) -> None:
    room = bedroom(home_path, tiny_checkpoint)
    try:
        ledger = room.home.ledger
        events = room.sleep()
        assert events[-1].outcome == "cleared" and events[0].resumed
        assert [n.phase for n in ledger.nights()] == [Phase.CLEARED]
        assert [e.said for e in ledger.episodes()] == list(TOLD)
        # Such a model learns nothing: each memory failed once, and stays.
        assert [e.said for e in ledger.waiting()] == list(TOLD[:2])
        assert [(m.text, m.state, m.failures) for m in ledger.memories()] == [
            (text, MemoryState.KEPT_BACK, 1) for text in TOLD[:2]
        ]
        assert room.store.ids() == {e.id for e in ledger.waiting()}
        assert ledger.check() == "ok" and room.home.adapters.current() is not None
        assert not list(room.home.adapters.folder.glob(".*"))
    finally:
        room.home.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
