"""`somnus bench [recall|speed] …`: the benchmarks, from a source tree."""

from __future__ import annotations

import argparse
import runpy
import sys
from importlib.resources import files
from pathlib import Path

from memory.errors import UsageError
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="recall|speed …",
        help="which one, recall unless said, and what is handed on to it",
    )


def run(args: argparse.Namespace, say: Say) -> int:
    given = [a for a in args.arguments if a != "--"]
    what = given.pop(0) if given and given[0] in ("recall", "speed") else "recall"
    folder = Path(str(files("data"))).parent / "tests" / "benchmarks"
    script = folder / f"{what}.py"
    if not script.exists():
        raise UsageError("The benchmarks are in the source tree; run `make bench` there.")
    sys.argv = [str(script), *given]
    sys.path.insert(0, str(folder))  # as for a script that is run by its name
    runpy.run_path(str(script), run_name="__main__")
    return 0
