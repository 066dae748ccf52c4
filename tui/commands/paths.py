"""`somnus paths`: where everything lives."""

from __future__ import annotations

import argparse

from memory.paths import LOG, cache_path
from tui.commands.shared import options
from tui.root import Root
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(args: argparse.Namespace, say: Say) -> int:
    home = Root(options(args)).path
    places = {
        "home": home, "config": home / "config.toml", "ledger": home / "ledger.db", "buffer": home / "buffer",
        "adapters": home / "adapters", "log": home / LOG, "cache": cache_path(),
        "models": cache_path() / "models",
    }  # fmt: skip
    for name, path in places.items():
        say.line(f"{name:<9} {path}")
    say.document({name: str(path) for name, path in places.items()})
    return 0
