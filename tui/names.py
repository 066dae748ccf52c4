"""Names for the files that people ask for: what stands there already isn't ours to write over."""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path

from memory.errors import UsageError


def free_name(name: str) -> Path:
    """For a file that nobody named: the name in the working folder, with a number behind it where it is taken."""
    path = Path(name).absolute()
    for i in count(2):
        if not path.exists():
            break
        path = path.with_name(f"{Path(name).stem}-{i}{path.suffix}")
    return path


def unused(path: Path, *, but: str = "") -> Path:
    """A chosen name, absolute. Raises UsageError where there is such a file with something in it."""
    path = path.expanduser().absolute()
    if path.is_file() and path.stat().st_size:
        raise UsageError(f"{path} is there already and stays as it is; choose another name{but}.")
    return path


def forceable(parser: argparse.ArgumentParser) -> None:
    """Let a command that writes a file write over any."""
    parser.add_argument("--force", action="store_true", help="write over whatever file is there")


def chosen(path: Path, args: argparse.Namespace, *, begins: bytes) -> Path:
    """The same on the command line, where a file that begins so is an earlier one of its kind, made to be renewed."""
    path = path.expanduser().absolute()
    if args.force or (path.is_file() and _begins(path, begins)):
        return path
    return unused(path, but=", or say --force")


def _begins(path: Path, wanted: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(wanted)) == wanted
    except OSError:
        return False
