"""`somnus bench`: the benchmarks, from a source tree."""

from __future__ import annotations

import argparse
import runpy
import sys
from importlib.resources import files
from pathlib import Path

from memory.errors import UsageError
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed on to the benchmarks")


def run(args: argparse.Namespace, say: Say) -> int:
    script = Path(str(files("data"))).parent / "tests" / "benchmarks" / "recall.py"
    if not script.exists():
        raise UsageError("The benchmarks are in the source tree; run `make bench` there.")
    sys.argv = [str(script), *args.arguments]
    runpy.run_path(str(script), run_name="__main__")
    return 0
