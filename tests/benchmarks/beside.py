"""How much slower the chat answers while a night goes on beside it.

    python tests/benchmarks/beside.py [--turns 40]

The aim: 95 of 100 replies take at most a fifth longer. On the real model, in a throw-away home, the same messages with
and without; the night is the app's own, in a process of its own, and is cancelled afterwards. Ends with 1 over the aim.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from memory.episode import Origin, Phase
from memory.errors import Interrupted
from sleep.events import PhaseBegan
from tui.root import Options, Root

STATEMENTS = [f"My {i}th locker has the code {1000 + 37 * i}." for i in range(12)]
MESSAGES = (
    "What is the code of my 3rd locker?", "Tell me something about rivers.", "Hello!", "Which locker has 1148?",
    "How do I boil an egg?",
)  # fmt: skip
AIM = 1.2


def replies(root: Root, turns: int, session: str) -> list[float]:
    """Seconds that each reply took, from the message to its last word."""
    talk = root.conversation(session, private=True)
    waits = []
    for i in range(turns):
        began = time.monotonic()
        for _ in talk.say(MESSAGES[i % len(MESSAGES)]):
            pass
        waits.append(time.monotonic() - began)
    return waits


def night(root: Root, phases: list[str], awake: threading.Event) -> None:
    """A night beside it, until it is told to end."""
    try:
        for event in root.night_apart(budget=15.0, stop=awake.is_set):
            if isinstance(event, PhaseBegan):
                phases.append(event.phase)
    except Interrupted:
        pass


def percentile(waits: list[float], share: float) -> float:
    return sorted(waits)[round(share * (len(waits) - 1))]


def main() -> int:
    """Print a table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--turns",
        type=int,
        default=40,
        help="replies in each of the two phases looked at, and idle",
    )
    turns = parser.parse_args().turns
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        (home / "config.toml").write_text("reply_tokens = 32\n")
        root = Root(Options(home=home))
        root.home.ledger.append_all([(s, None, None, Origin.TYPED) for s in STATEMENTS])
        root.store.rebuild(root.home.ledger.waiting())
        replies(root, 5, "warm")
        found["idle"] = replies(root, turns, "idle")
        phases: list[str] = []
        awake = threading.Event()
        sleeper = threading.Thread(target=night, args=(root, phases, awake))
        sleeper.start()
        for phase in (Phase.DREAMT, Phase.SEEDED):
            while phase.value not in phases and sleeper.is_alive():
                time.sleep(0.2)
            if sleeper.is_alive():
                found[phase.value] = replies(root, turns, phase.value)
        awake.set()
        sleeper.join()
        found["idle again"] = replies(root, turns, "again")
        root.close()
    idle = [*found["idle"], *found["idle again"]]
    document = {}
    for name, waits in found.items():
        p50, p95 = (percentile(waits, s) for s in (0.5, 0.95))
        document[name] = {"n": len(waits), "p50": round(p50, 3), "p95": round(p95, 3)}
        print(f"{name:<12} n {len(waits):>3}   p50 {p50:6.2f} s   p95 {p95:6.2f} s")
    asleep = [w for name, waits in found.items() if "idle" not in name for w in waits]
    ratio = percentile(asleep, 0.95) / percentile(idle, 0.95)
    print(json.dumps(document | {"ratio_p95": round(ratio, 3)}))
    return int(ratio > AIM)


if __name__ == "__main__":
    sys.exit(main())
