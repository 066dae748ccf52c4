"""`somnus bench [recall|nights|shapes|speed] …`: the benchmarks, from a source tree."""

from __future__ import annotations

import argparse
import io
import json
import runpy
import sys
from contextlib import redirect_stdout
from importlib.resources import files
from pathlib import Path

from memory.errors import UsageError
from tui.say import Say

FOLDER = Path(str(files("data"))).parent / "tests" / "benchmarks"
# A home isn't among them: each benchmark makes its own, and throws it away.
MACHINE = ("model", "device", "dtype")
OPTIONS = {  # what is handed on to which
    "recall": ("set", "seed", "budget", "student", *MACHINE),
    "nights": ("set", "seed", "budget", "nights", "each", "out", "student", *MACHINE),
    "shapes": ("set", *MACHINE),
    "speed": ("runs", "night"),
}
SETS = ["thirty", "messy", "peer", "tuning"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=list(OPTIONS), default="recall", help="recall unless said"
    )
    add = parser.add_argument
    add(
        "--set",
        metavar="SET",
        help="recall, nights, shapes: what is told: thirty, messy, peer, tuning",
    )
    add("--budget", type=float, metavar="MINUTES", help="recall, nights: for a night (15)")
    add("--nights", type=int, help="nights: how many (10)")
    add("--each", type=int, metavar="STATEMENTS", help="nights: told a day (10)")
    add("--out", metavar="FOLDER", help="nights: where a run that was stopped goes on")
    add("--runs", type=int, help="speed: medians of so many (3)")
    add("--night", type=float, metavar="MINUTES", help="speed: of its whole night (15); 0: none")


def run(args: argparse.Namespace, say: Say) -> int:
    names = ("set", "budget", "nights", "each", "out", "runs", "night", "seed", "student", *MACHINE)
    given = {n: v for n in names if (v := getattr(args, n)) is not None}
    if strange := given.keys() - set(OPTIONS[args.what]):
        raise UsageError(f"The benchmark {args.what} has no --{min(strange)}; leave it out.")
    sets = str(given.get("set", SETS[0])).split(",")
    odd = [s for s in sets if s not in SETS] or (sets[1:] if args.what != "nights" else [])
    if odd:
        raise UsageError(f"There is no set {odd[0]!r} for it; known are: {', '.join(SETS)}.")
    script = FOLDER / f"{args.what}.py"
    if not script.exists():
        raise UsageError("The benchmarks are in the source tree; run `make bench` there.")
    sys.argv = [str(script), *(f"--{name}={value}" for name, value in given.items())]
    sys.path.insert(0, str(FOLDER))  # as for a script that is run by its name
    printed = io.StringIO()
    with redirect_stdout(printed if say.as_json else sys.stdout):
        runpy.run_path(str(script), run_name="__main__")
    if say.as_json:  # a benchmark's document is its last line, below the tables for people
        say.document(json.loads(printed.getvalue().splitlines()[-1]))
    return 0
