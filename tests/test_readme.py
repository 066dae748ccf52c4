"""The README is the map and may not drift: its tree and its commands are real."""

from __future__ import annotations

import re
from pathlib import Path

from tui.cli import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_every_file_in_the_tree_exists() -> None:
    tree = README.split("## The map")[1].split("## ")[0]
    folder = ""
    seen = 0
    for line in tree.splitlines():
        if top := re.match(r"    (\w+)/ ", line):
            folder = top[1]
            assert (ROOT / folder).is_dir(), line
        elif inside := re.match(r"      (\S+) ", line):
            seen += 1
            assert (ROOT / folder / inside[1]).exists(), line
            assert len(line.split()[1:]) <= 8, line
    assert seen > 20


def test_every_command_named_is_one() -> None:
    block = README.split("## Commands")[1].split("Global options")[0]
    named: set[str] = set()
    for line in re.findall(r"^    somnus (\w.+)", block, re.M):
        parts = re.sub(r"\[.*?\]", "", line.split("   ")[0]).split(" | ")
        named |= {
            part.split()[0] for part in parts if part[0].isalpha() and part.split()[0].islower()
        }
    assert named - {"install", "uninstall", "status"} <= set(COMMANDS)
    assert set(COMMANDS) - named <= {"demo"}


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
