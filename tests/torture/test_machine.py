"""Tell, correct, forget, sleep, die, start, restore, move house and undo in any order, beside a plain dict.

SOMNUS_LIVES says how many lives, SOMNUS_SEED which: the same number lives the same lives again.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from life import Life, sleep
from wounds import wounds

from memory import faults
from memory.conversation_file import dump_lines
from memory.episode import MemoryState, Phase
from memory.forgetting import forget
from memory.home import Home
from memory.transfer import backup, import_memories, restore
from memory.undoing import undo, unlearn
from tui.commands.memories import exported

LIVES = int(os.environ.get("SOMNUS_LIVES", "2"))
SEED = int(os.environ.get("SOMNUS_SEED", "0"))
NAMES = st.sampled_from("abcde")


class Lives(RuleBasedStateMachine):
    """`known` is all that the user would say is remembered: the latest value of each name."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "home"
        self.known: dict[str, int] = {}
        self.saved: dict[str, int] | None = None
        self.count = 0
        self._open()

    def _open(self) -> None:
        self.home = Home.open(self.path)
        self.life = Life(self.path, self.home)

    def _close(self) -> None:
        self.life.store.close()
        self.home.close()

    def teardown(self) -> None:
        self._close()
        found = wounds(self.path)
        shutil.rmtree(self.folder)
        assert found == []

    @rule(name=NAMES)
    def tell_or_correct(self, name: str) -> None:
        self.count += 1
        self.known[name] = self.count
        episode = self.home.ledger.append(f"My {name} is {self.count}.")
        self.life.store.add([episode])

    @rule()
    def fall_asleep(self) -> None:
        sleep(self.home, self.life.store)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def forget_a_name(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.known)))
        sleep(self.home, self.life.store)  # what was never a memory can't be chosen to be forgotten
        self._forget(name)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), point=st.integers(1, 25))
    def die_while_it_forgets(self, data: st.DataObject, point: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.known)))
        sleep(self.home, self.life.store)
        self._die(point, lambda: self._forget(name))
        self._forget(name)  # who saw no answer asks again

    def _forget(self, name: str) -> None:
        ledger = self.home.ledger
        gone = [m.id for m in ledger.memories() if m.text.startswith(f"My {name} ")]
        trained = forget(ledger, gone)["nights"]
        unlearn(ledger, self.home.adapters)
        self.life.store.rebuild(ledger.waiting())
        del self.known[name]
        assert not {card.night for card in self.home.adapters.cards()} & set(trained)
        words = f"My {name} is ".encode()
        assert not [p for p in self.path.rglob("*") if p.is_file() and words in p.read_bytes()]

    @rule()
    def undo_the_last_night(self) -> None:
        done = [n for n in self.home.ledger.nights() if n.phase is Phase.CLEARED]
        if done:
            undo(self.home.ledger, self.home.adapters, done[-1].number)
            self.life.store.rebuild(self.home.ledger.waiting())

    @rule()
    def start_again(self) -> None:
        self._close()
        self._open()

    @rule(point=st.integers(1, 60))
    def die_in_the_night(self, point: int) -> None:
        self._die(point, lambda: sleep(self.home, self.life.store))

    def _die(self, point: int, doing: Callable[[], object]) -> None:
        """In the midst of it, at a point."""
        self._close()
        child = os.fork()
        if child == 0:
            signal.alarm(
                4
            )  # Chroma's threads don't survive a fork, and may hang it: a death like any other
            try:
                self._open()
                faults.visits.clear()
                os.environ["SOMNUS_FAULT"] = f"*:{point}:kill"
                doing()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        self._open()

    @rule()
    def back_up(self) -> None:
        backup(self.home, self.folder / "backup.zip")
        self.saved = dict(self.known)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore_the_backup(self) -> None:
        self._leave()
        restore(self.folder / "backup.zip", self.path)
        self.known = dict(self.saved or {})
        self._open()

    @precondition(lambda self: self.known)  # an empty export is refused
    @rule()
    def move_to_a_new_home(self) -> None:
        """What is exported is told again there; the weights stay behind."""
        file = self.folder / "memories.jsonl"
        file.write_text(dump_lines(exported(self.home.ledger)))
        self._leave()
        self._open()
        self.life.store.add(import_memories(self.home.ledger, file))

    def _leave(self) -> None:
        self._close()
        self.path = self.folder / f"home-{random.getrandbits(32)}"

    @invariant()
    def everything_known_is_in_just_one_place(self) -> None:
        ledger = self.home.ledger
        buffer = {e.said for e in ledger.waiting()}
        weights = {m.text for m in ledger.memories(state=MemoryState.CONSOLIDATED)}
        for name, value in self.known.items():
            text = f"My {name} is {value}."
            assert (text in buffer) != (text in weights), text
        alive = {t for t in buffer | weights if t.split(" is ")[0][3:] not in self.known}
        assert not alive, "forgotten, and still there"
        assert self.life.store.ids() == {e.id for e in ledger.waiting()}


SETTINGS = settings(
    max_examples=LIVES, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), database=None,
)  # fmt: skip


def test_lives_in_any_order_keep_what_they_know() -> None:
    """In a process of its own: it forks, and a fork beside the threads of another test's torch can hang."""
    here = Path(__file__)
    path = os.pathsep.join(
        str(folder) for folder in reversed(here.parents[:3])
    )  # its own conftest last
    run = subprocess.run(
        [sys.executable, "-P", str(here)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=600 + 10 * LIVES,
    )
    sys.stdout.write(run.stdout)
    assert run.returncode == 0, f"SOMNUS_SEED={SEED} lives it again: {run.stderr[-3000:]}"


if __name__ == "__main__":
    sys.stdout.write(f"{LIVES} lives, SOMNUS_SEED={SEED}\n")
    seed(SEED)(Lives)
    run_state_machine_as_test(Lives, settings=SETTINGS)
