"""`somnus status`: where this home stands. Works while another process owns it."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from memory.errors import HomeError
from tui.commands.shared import opened
from tui.root import Root
from tui.say import Say


def arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(args: argparse.Namespace, say: Say) -> int:
    with opened(args, say, read_only=True) as root:
        report = document(root)
    adapter = report["adapter"]
    say.line(f"home      {report['home']}")
    say.line(f"model     {report['model']['name']}")
    say.line(f"adapter   {adapter['name'] if adapter else 'none yet'}")
    say.line(f"buffer    {report['buffer']['episodes']} episodes")
    memories = report["memories"]
    say.line(
        f"memories  {memories['consolidated']} in the weights, {memories['kept_back']} kept back"
    )
    say.line(f"nights    {report['nights']}")
    say.line(f"next      {report['next_sleep']}   (pressure {report['pressure']:.0%})")
    say.document(report)
    return 0


def document(root: Root) -> dict[str, Any]:
    """The document of `status --json`; nothing is downloaded or loaded for it."""
    from memory.episode import MemoryState
    from sleep.pressure import pressure, unlearnt
    from sleep.schedule import next_sleep

    now = datetime.now().astimezone()
    checkpoint = root.known()
    model = {
        "name": checkpoint.name
        if checkpoint
        else root.config.student or root.config.model or "smollm2-135m",
        "path": str(checkpoint.path) if checkpoint else None,
        "base_path": str(checkpoint.base_path) if checkpoint else None,
    }
    try:
        home = root.home
    except HomeError:
        if (root.path / "ledger.db").exists():
            raise
        waiting, new, nights, memories, adapter = [], [], [], [], None  # nothing told yet
    else:
        waiting, new = home.ledger.waiting(), unlearnt(home.ledger)
        nights, memories = home.ledger.nights(), home.ledger.memories()
        card = home.adapters.current()
        adapter = {"name": card.name, "path": str(home.adapters.path(card.name))} if card else None
    return {
        "home": str(root.path),
        "model": model,
        "adapter": adapter,
        "buffer": {"episodes": len(waiting)},
        "memories": {
            "consolidated": sum(m.state is MemoryState.CONSOLIDATED for m in memories),
            "kept_back": sum(m.state is MemoryState.KEPT_BACK for m in memories),
        },
        "nights": len(nights),
        "next_sleep": next_sleep(root.config.sleep_at, now).isoformat(),
        "pressure": round(pressure(new, now), 3),
    }
