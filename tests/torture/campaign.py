"""Kills a home's life at every named point and at random, cuts its power, fails its writes, spoils its files; counts.

    python tests/torture/campaign.py --each 50 --random 3000 --doubles 200 --power 10000 --log torture.jsonl
    python tests/torture/campaign.py --soak 30
    python tests/torture/campaign.py --naive --moments 300 --power 300 --log naive.jsonl

One JSON line a trial. A log that is there already is gone on with: its trials aren't run again, and count. Two
processes share the work with `--part 1/2` and `--part 2/2`, each with its own log; `--count` says what logs hold.
TMPDIR=/dev/shm spares a slow disk; what is killed or cut off is the same there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

import damage  # noqa: E402  # found only now
from forge import MOMENT, Forge  # noqa: E402
from power import Tapes, drawn, listener  # noqa: E402

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EACCES")
RIVALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Faults suffered one after the other, each by a process that goes on where the one before was cut off."""

    name: str
    seed: int
    faults: tuple[str, ...] = ()
    kind: str = "live"


def every_point(points: dict[str, int], seed: int, kind: str = "live") -> Iterator[Trial]:
    """A kill at every visit of every point."""
    tail = f"seed {seed}" if kind == "live" else kind
    for point, visits in points.items():
        for n in range(1, visits + 1):
            yield Trial(
                name=f"kill {point} {n} {tail}", seed=seed, faults=(f"{point}:{n}:kill",), kind=kind
            )


def each_point(forge: Forge, lives: int) -> Iterator[Trial]:
    """A kill at every point in each of so many lives, at one of its visits; the rare ones in the life that has them."""
    usual = [forge.points(seed) for seed in range(1, lives + 1)]
    rare = {p: n for p, n in forge.points(0, "rare").items() if p not in usual[0]}
    for kind, every in (("live", usual), ("rare", [rare] * lives)):
        for seed, points in enumerate(every, 1):
            for point, visits in points.items():
                n = random.Random(f"{point} {seed}").randint(1, visits)
                yield Trial(
                    name=f"kill {point} in life {seed} {kind}", seed=seed, faults=(f"{point}:{n}:kill",), kind=kind
                )  # fmt: skip


def at_random(points: dict[str, int], count: int, kills: int) -> Iterator[Trial]:
    """Kills at moments drawn at random; the second hits what the first left, near its beginning."""
    total = sum(points.values())
    for i in range(count):
        draw = random.Random(f"{kills} {i}")
        places = [draw.randint(1, total)] + [draw.randint(1, 15) for _ in range(kills - 1)]
        faults = tuple(f"*:{n}:kill" for n in places)
        yield Trial(name=f"{kills} random kills number {i}", seed=i, faults=faults)


def at_moments(count: int, kind: str = "live") -> Iterator[Trial]:
    """SIGKILL from outside, wherever the life is then: in SQLite, in Chroma, between two writes."""
    for i in range(count):
        share = random.Random(f"moment {i}").random()
        name = f"SIGKILL number {i}{'' if kind == 'live' else ' ' + kind}"
        yield Trial(name=name, seed=1 + i % 2, faults=(f"{MOMENT}{share:.4f}",), kind=kind)


def failing(points: dict[str, int], seed: int) -> Iterator[Trial]:
    """The n-th write fails, for every n, with an error of its own."""
    for n in range(1, sum(points.values()) + 1):
        error = ERRORS[n % len(ERRORS)]
        yield Trial(name=f"write {n} {error} seed {seed}", seed=seed, faults=(f"*:{n}:{error}",))


def endure(forge: Forge, trial: Trial) -> dict[str, Any]:
    """Live with the faults, look, live on undisturbed, look again."""
    home, wounds, began = forge.folder / "home", [], time.monotonic()
    ends = []
    for fault in trial.faults:
        ends.append(forge.live(home, trial.seed, fault, trial.kind))
        if len(ends) % 2 == trial.seed % 2:  # every other time somebody only looks in between
            wounds += forge.seen(home, trial.kind)
    wounds += forge.live_on(home, trial.seed, trial.kind)
    wounds += [f"ended with {e}" for e in ends if e not in (0, 1, 137)]
    for left in forge.folder.glob("home*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return {
        "trial": trial.name, "seed": trial.seed, "faults": trial.faults, "ends": ends, "wounds": wounds,
        "seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip


Line = tuple[str, Callable[[], dict[str, Any]]]


def trials(forge: Forge, args: argparse.Namespace) -> Iterator[Line]:
    """Every trial's name, and how to run it."""
    points = {seed: forge.points(seed) for seed in range(1, args.seeds + 1)}
    kills = [t for seed, found in points.items() for t in every_point(found, seed)]
    kills += every_point(forge.points(0, "rare"), 0, "rare")
    if args.each:
        kills += each_point(forge, args.each)
    some = points[1]
    kills += [*at_random(some, args.random, 1), *at_random(some, args.doubles, 2)]
    kills += at_moments(args.moments)
    if args.writes:
        kills += [t for seed, found in points.items() for t in failing(found, seed)]
    # Shuffled, so that a campaign that is cut short has tried a little of everything.
    random.Random(0).shuffle(kills)
    whole = forge.folder / "undisturbed-2"
    if args.seeds < 2:
        forge.points(2)
    for name in damage.targets(whole):
        for kind in damage.KINDS:
            for seed in range(args.spoils):
                yield (
                    f"spoil {_plain(name)} {kind} {seed}",
                    lambda n=name, k=kind, s=seed: {"wounds": damage.suffer(forge, whole, n, k, s)},
                )
    for i in range(args.races):
        yield f"race {i}", lambda: {"wounds": _race(forge, whole)}
    tapes = Tapes(forge)
    for number in range(args.power):
        yield f"power cut {number}", lambda n=number: drawn(forge, tapes, n)
    for trial in kills:
        yield trial.name, lambda t=trial: endure(forge, t)


def naive(forge: Forge, args: argparse.Namespace) -> Iterator[Line]:
    """Kills and power cuts in the life of the obvious agent: see naive.py."""
    for seed in (1, 2):  # the first pays for what is imported late
        forge.points(seed, "naive")
    tapes, whose = Tapes(forge), ("naive", 1)
    lines: list[Line] = []
    for trial in at_moments(args.moments, "naive"):
        lines.append((trial.name, lambda t=trial: endure(forge, t)))
    for number in range(args.power):
        lines.append((f"naive power cut {number}", lambda n=number: drawn(forge, tapes, n, whose)))
    random.Random(0).shuffle(lines)
    yield from lines


def _plain(name: str) -> str:
    """Chroma's folder has another name in every home."""
    return "/".join(p if len(p) != 36 else "segment" for p in name.split("/"))


def _race(forge: Forge, home: Path) -> list[str]:
    return [] if forge.ask("race", home, RIVALS) == 0 else ["the home had not exactly one owner"]


def summary(lines: list[dict[str, Any]]) -> str:
    """The counts, and the rule of three's bounds when nothing went wrong."""
    bad, n = [x for x in lines if x["wounds"]], len(lines)
    kills = sum(e == 137 for x in lines for e in x.get("ends", ()))
    states = len({x["state"] for x in lines if "state" in x})
    counts = {"kills": kills, "states after power cuts": states}
    bounds = [
        f"; at 95 % confidence at most {3 / count:.2%} of {what} lose something"
        for what, count in counts.items()
        if count and not bad
    ]
    told = "".join(f", {count} {what}" for what, count in counts.items())
    tally = Counter(kind for x in bad for kind in {_kind(w) for w in x["wounds"]})
    found = "".join(f"; {kind} in {count}" for kind, count in tally.most_common())
    return f"{n} trials{told}, {len(bad)} with wounds{found}{''.join(bounds)}."


def _kind(wound: str) -> str:
    """What sort of wound it is: its words up to what they are about."""
    return re.split(r":| in | night-|\d", wound)[0].strip()


def main() -> int:
    """Run what the log doesn't have yet, for as long as there is time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1, help="lives to kill at every visit of every point"
    )
    parser.add_argument("--each", type=int, default=0, help="lives to kill once at every point")
    parser.add_argument("--random", type=int, default=100)
    parser.add_argument("--moments", type=int, default=50, help="kills from outside, at any moment")
    parser.add_argument("--doubles", type=int, default=50)
    parser.add_argument("--power", type=int, default=0, help="power cuts, in recorded lives")
    parser.add_argument("--races", type=int, default=20)
    parser.add_argument("--spoils", type=int, default=2, help="damages of a kind to a file")
    parser.add_argument(
        "--naive",
        action="store_true",
        help="the same to a build that is not safe, and nothing else",
    )
    parser.add_argument("--no-writes", dest="writes", action="store_false")
    parser.add_argument("--soak", type=int, help="so many nights, measured, and nothing else")
    parser.add_argument("--facts", type=int, default=50, help="that each of them learns")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--log", type=Path, default=Path("torture.jsonl"))
    parser.add_argument("--part", default="1/1", help="I/N: which of N processes this is")
    parser.add_argument("--count", type=Path, nargs="+", help="logs to sum up, and nothing else")
    args = parser.parse_args()
    if args.soak:
        return soak(args.soak, args.facts)
    if args.count:
        return _tell({n: x for log in args.count for n, x in _read(log).items()})
    part, parts = map(int, args.part.split("/"))
    known = _read(args.log)
    end = time.monotonic() + 60 * args.minutes
    with (
        tempfile.TemporaryDirectory() as folder,
        Forge(Path(folder), listener(Path(folder)) if args.power else None) as forge,
        args.log.open("a") as log,
    ):
        log.write("\n" if args.log.stat().st_size else "")  # the last line may be torn
        every = list((naive if args.naive else trials)(forge, args))[part - 1 :: parts]
        sys.stdout.write(f"lives 1 to {args.seeds}, {len(every)} trials, {len(known)} in the log\n")
        for n, (name, run) in enumerate(every):
            if time.monotonic() > end:
                sys.stdout.write(f"Time is up; {len(every) - n} trials are left for the next.\n")
                break
            if name in known and not known[name]["wounds"]:
                continue
            line = known[name] = {"trial": name, **run()}
            log.write(json.dumps(line) + "\n")
            log.flush()
            if line["wounds"]:
                sys.stdout.write(f"{name}: {line['wounds']}\n")
                sys.stdout.flush()
    # What is not safe must be found to lose something.
    return _tell(known) ^ args.naive


def soak(count: int, facts: int) -> int:
    """A line for every night, and one for what grew."""
    from soak import growth, nights

    mornings = []
    with tempfile.TemporaryDirectory() as folder:
        for morning in nights(Path(folder) / "home", count, facts):
            mornings.append(morning)
            sys.stdout.write(json.dumps(asdict(morning)) + "\n")
            sys.stdout.flush()
    sys.stdout.write(
        json.dumps({"nights": count, "facts": facts, "growth": growth(mornings)}) + "\n"
    )
    return 0


def _tell(known: dict[str, dict[str, Any]]) -> bool:
    """Say what the lines come to; whether there are wounds."""
    sys.stdout.write(summary(list(known.values())) + "\n")
    return any(x["wounds"] for x in known.values())


def _read(log: Path) -> dict[str, dict[str, Any]]:
    """Each trial's last line; those with wounds are tried again, and so is one whose line was torn."""
    found = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            trial = json.loads(line)
            found[trial["trial"]] = trial
    return found


if __name__ == "__main__":
    sys.exit(main())
