"""What an installed somnus needs is in its wheel: every tracked file of the five folders, but those for readers."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("agent", "memory", "sleep", "tui", "data")
FOR_READERS = ("LAB.md", "data/screenshots/")  # ends or beginnings of names


def packed() -> set[str]:
    """The files that setuptools takes: the modules of each package, and what its globs match."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found: set[Path] = set()
    for package in tool["packages"]:
        folder = ROOT / package.replace(".", "/")
        for pattern in ("*.py", *tool["package-data"].get(package, [])):
            found |= {f for f in folder.glob(pattern) if f.is_file()}
    return {f.relative_to(ROOT).as_posix() for f in found}


def tracked() -> list[str]:
    """The files in git. Skips where there is no checkout."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *FOLDERS]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no git checkout here")
    return [f for f in listed.split("\0") if f and (ROOT / f).exists()]


def test_every_tracked_file_is_in_the_wheel() -> None:
    names, inside = tracked(), packed()
    assert len(names) > 200
    wanted = [n for n in names if not (n.endswith(FOR_READERS) or n.startswith(FOR_READERS))]
    assert [n for n in wanted if n not in inside] == []


def test_every_pattern_of_the_wheel_matches_something() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    for package, patterns in data["package-data"].items():
        for pattern in patterns:
            assert list((ROOT / package).glob(pattern)), f"{package}: {pattern}"
