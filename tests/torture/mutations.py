"""Does the suite find what it is for? One safeguard at a time is taken out of a copy of the tree, and its trial run.

    python tests/torture/mutations.py [WORD …]     only the mutations with a word in their name

Prints a table: the safeguard, and the trial that catches its absence. Ends with 1 when a mutation survives.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = "tests/torture"
CANNOT_RUN = (2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One safeguard, the text that is it, what is left without it, and the trial that must fail then."""

    name: str
    file: str
    safe: str
    unsafe: str
    trial: str


MUTATIONS = (
    Mutation(
        name="a file is synced before its rename", file="memory/paths.py",
        safe="os.fsync(file.fileno())", unsafe="pass", trial=f"{HERE}/test_power.py -k file_is_synced",
    ),
    Mutation(
        name="a rename is synced", file="memory/paths.py", safe="os.fsync(descriptor)", unsafe="pass",
        trial=f"{HERE}/test_power.py -k file_is_synced",
    ),
    Mutation(
        name="a file is replaced whole", file="memory/paths.py",
        safe='handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")',
        unsafe="name = str(path); handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)",
        trial=f"{HERE}/test_power.py -k leaves_the_old",
    ),
    Mutation(
        name="a trained adapter is synced before the ledger says so", file="sleep/room.py",
        safe="fsync_tree(self.staging)", unsafe="pass", trial=f"{HERE}/test_power.py -k trained",
    ),
    Mutation(
        name="a backup's name is synced", file="memory/transfer.py", safe="fsync_dir(file.parent)", unsafe="pass",
        trial=f"{HERE}/test_power_cuts.py -k acknowledged",
    ),
    Mutation(
        name="a backup's bytes are synced", file="memory/transfer.py",
        safe='fsync_dir(part)\n            reached("backup.name")', unsafe='reached("backup.name")',
        trial=f"{HERE}/test_power_cuts.py -k acknowledged",
    ),
    Mutation(
        name="a restored home's name is synced", file="memory/transfer.py", safe="fsync_dir(home.parent)",
        unsafe="pass", trial=f"{HERE}/test_power_cuts.py -k acknowledged",
    ),
    Mutation(
        name="a new folder's name is synced", file="memory/paths.py", safe="fsync_dir(made.parent)",
        unsafe="pass", trial=f"{HERE}/test_power_cuts.py -k acknowledged",
    ),
    Mutation(
        name="an adapter that learnt what is forgotten doesn't return", file="memory/adapters.py",
        safe="            fsync_dir(self.folder)\n\n    def sweep", unsafe="\n    def sweep",
        trial=f"{HERE}/test_power_cuts.py -k acknowledged",
    ),
    Mutation(
        name="forgotten words don't return in the log", file="memory/database.py",
        safe='fsync_dir(self.path.with_name(f"{self.path.name}-wal"))', unsafe="pass",
        trial=f"{HERE}/test_power_cuts.py -k acknowledged",
    ),
    Mutation(
        name="the ledger syncs each commit", file="memory/database.py", safe='"synchronous=FULL"',
        unsafe='"synchronous=OFF"', trial=f"{HERE}/test_power_cuts.py -k acknowledged",
    ),
    Mutation(
        name="forgotten bytes are overwritten", file="memory/database.py", safe='"secure_delete=ON"',
        unsafe='"secure_delete=OFF"', trial=f"{HERE}/test_power.py -k acknowledged",
    ),
    Mutation(
        name="one owner", file="memory/home.py", safe="lock.acquire(timeout=", unsafe="(lambda timeout: None)(timeout=",
        trial=f"{HERE}/test_owners.py -k race",
    ),
    Mutation(
        name="no night without room", file="sleep/prepare.py", safe="    check_disk(home)\n", unsafe="",
        trial=f"{HERE}/test_owners.py -k room",
    ),
    Mutation(
        name="only the adapter that was trained is examined and worn", file="sleep/night.py",
        safe="(alarm := room.tampered())", unsafe="(alarm := None)", trial=f"{HERE}/test_damage.py -k sabotaged",
    ),
    Mutation(
        name="the ledger knows its adapters", file="memory/adapters.py",
        safe="return self._signature(name) in (None, digest(self.path(name)))", unsafe="return True",
        trial=f"{HERE}/test_damage.py -k another_homes_adapter",
    ),
    Mutation(
        name="what the weights lost returns to the buffer", file="memory/undoing.py", safe="    if astray:",
        unsafe="    if False:", trial=f"{HERE}/test_damage.py -k another_homes_adapter",
    ),
    Mutation(
        name="a lost pointer is written again", file="memory/settling.py", safe="adapters.point(newest)",
        unsafe="pass", trial=f"{HERE}/test_damage.py -k lost_pointer",
    ),
    Mutation(
        name="a buffer left by a crash is tried in another process", file="memory/buffer.py",
        safe="return _survives(home.buffer_path, embedder)", unsafe="return True",
        trial=f"{HERE}/test_damage.py -k kills_its_reader",
    ),
    Mutation(
        name="a home without its ledger is refused", file="memory/home.py",
        safe="            _has_its_ledger(path, altered)\n", unsafe="",
        trial=f"{HERE}/test_damage.py -k ledger_is_gone",
    ),
    Mutation(
        name="what a killed write left is tidied away", file="memory/adapters.py",
        safe='*staging.glob(".*"), ', unsafe="", trial=f"{HERE}/test_nights.py -k killed_write",
    ),
    Mutation(
        name="the verdict is written in one transaction", file="memory/database.py",
        safe='inner = f"level_{self._depth}" if self._depth else ""',
        unsafe='inner = ""; self._db.in_transaction and self._sql("COMMIT")',
        trial="tests/memory/test_durability.py -k inner_transaction",
    ),
    Mutation(
        name="the buffer is what the ledger says", file="sleep/phases.py",
        safe="    room.store.rebuild(room.ledger.waiting())\n", unsafe="",
        trial=f"{HERE}/test_nights.py -k thirty",
    ),
    Mutation(
        name="a night that dies while it clears counts a failure once", file="sleep/phases.py",
        safe='if "cleared" not in room.report:', unsafe="if True:", trial=f"{HERE}/test_kills.py -k a_failure_once",
    ),
    Mutation(
        name="a spoilt write-ahead log is told", file="memory/database.py",
        safe="self.cut = self._before.lost(Frames.of(self.path))", unsafe="self.cut = False",
        trial=f"{HERE}/test_log_of_the_dead.py",
    ),
    Mutation(
        name="who only reads tells the next of a spoilt log", file="memory/home.py",
        safe="(self.path / CUT).touch(mode=0o600)", unsafe="pass",
        trial=f"{HERE}/test_log_of_the_dead.py -k only_reads",
    ),
    Mutation(
        name="the user's own word stands last", file="agent/recalling.py",
        safe="is_own = episode.origin.believed and tells(own_words(episode.said))",
        unsafe="is_own = episode.origin.believed", trial="tests/memory/test_trust.py -k twenty",
    ),
    Mutation(
        name="what was told since the night isn't overruled by heart", file="agent/recalling.py",
        safe="(LEAD if new else -LEAD)", unsafe="-LEAD", trial="tests/agent/test_conversation.py -k weighed",
    ),
    Mutation(
        name="what was undone behind a pruned adapter returns", file="memory/undoing.py",
        safe="        take_back(ledger, worn)", unsafe="        pass", trial="tests/memory/test_undoing.py -k pruned",
    ),
    Mutation(
        name="only what passed its exam is learnt", file="sleep/verdict.py",
        safe="passed = right == len(mine)", unsafe="passed = True", trial="tests/sleep/test_filters.py",
    ),
    Mutation(
        name="old adapters are pruned", file="sleep/phases.py",
        safe="    room.home.adapters.prune(room.keep[0], room.keep[1])\n", unsafe="",
        trial=f"{HERE}/test_nights.py -k thirty",
    ),
)  # fmt: skip


def survives(mutation: Mutation, tree: Path) -> bool:
    """Whether the trial passes without the safeguard. Raises ValueError where the safeguard isn't found just once."""
    file = tree / mutation.file
    whole = file.read_text("utf-8")
    if whole.count(mutation.safe) != 1:
        raise ValueError(
            f"{mutation.file} has {whole.count(mutation.safe)} times {mutation.safe!r}"
        )
    file.write_text(whole.replace(mutation.safe, mutation.unsafe), "utf-8")
    try:
        run = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *mutation.trial.split(),
        ]
        code = subprocess.run(run, cwd=tree, capture_output=True, check=False).returncode
        if code in CANNOT_RUN:
            raise ValueError(f"the trial {mutation.trial!r} can't be run (pytest says {code})")
        return code == 0
    finally:
        file.write_text(whole, "utf-8")


def main() -> int:
    """Try them all, or those that were named."""
    words = sys.argv[1:]
    chosen = [m for m in MUTATIONS if not words or any(w in m.name for w in words)]
    alive = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("memory", "agent", "sleep", "tui", "tests"):
            shutil.copytree(
                ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "snapshots")
            )
        shutil.copy(ROOT / "pyproject.toml", tree)
        (tree / "data").symlink_to(ROOT / "data")
        for mutation in chosen:
            lived = survives(mutation, tree)
            alive += lived
            verdict = "SURVIVES" if lived else "caught by"
            sys.stdout.write(f"{mutation.name:<62} {verdict:<9} {mutation.trial}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen)} safeguards taken out, {alive} of them unnoticed.\n")
    return min(alive, 1)


if __name__ == "__main__":
    sys.exit(main())
