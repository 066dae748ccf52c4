"""Before and around a night: what it will do, where an interrupted one goes on, and how nights are undone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agent.local_model import LocalModel
from memory.adapters import digest
from memory.config import LEAST_MINUTES, Config
from memory.episode import Phase
from memory.errors import HomeError, NothingToLearn, UsageError
from memory.paths import cache_path, private_dir
from memory.secrets import masked
from memory.store import BufferStore, Embedder
from memory.undoing import undo
from sleep.plan import estimate, pace
from sleep.room import Room, SleepConfig
from sleep.schedule import keep_date, local_now

USUAL_ADAPTER = 12_000_000  # bytes of a first night's on the default model
MARGIN = 30_000_000  # ledger, dreams, and the buffer that is made anew
GIVEN_UP = "given_up"  # a note in the ledger: the number of such a night
NOTHING = "There is nothing to learn: the buffer holds no statement of yours. Tell somnus something first."


def settings(config: Config, budget_minutes: float | None) -> SleepConfig:
    """The night's settings from the home's. Raises UsageError for a budget that fits no memory."""
    budget = config.budget_minutes if budget_minutes is None else budget_minutes
    if not budget >= LEAST_MINUTES:
        raise UsageError(
            f"A budget of {budget:g} minutes is too small for one memory; give the night at least {LEAST_MINUTES:g}."
        )
    own = SleepConfig(budget_minutes=budget, seed=config.seed, texts=config.rehearsal_texts)
    return replace(own, dreams=replace(own.dreams, samples=config.dreams_per_memory))


def plan(home: Any, config: Config, budget_minutes: float | None) -> dict[str, Any]:
    """What a night would do now, without a model: `sleep --dry-run`. Raises NothingToLearn for an empty buffer."""
    own = settings(config, budget_minutes)
    waiting = home.ledger.waiting()
    if not waiting:
        raise NothingToLearn(NOTHING)
    seconds = pace(_reports(home.ledger)) * estimate(len(waiting), own)
    return {
        "outcome": "dry_run",
        "episodes": len(waiting),
        "budget_minutes": own.budget_minutes,
        "estimated_seconds": round(min(seconds, 60 * own.budget_minutes)),
        "fits": seconds <= 60 * own.budget_minutes,
        "said": [masked(e.said)[:120] for e in waiting],
    }


def enter(
    home: Any,
    model: LocalModel,
    checkpoint: Any,
    store: BufferStore,
    embedder: Embedder,
    config: Config,
    budget_minutes: float | None,
    stop: Callable[[], bool],
    *,
    teacher: LocalModel | None = None,
) -> tuple[Room, bool]:
    """The room of a new night, or of the one that was interrupted (then True)."""
    own = settings(config, budget_minutes)
    ledger = home.ledger
    night = ledger.unfinished()
    current = home.adapters.current()
    worn = current.name if current else None
    if night is not None and worn not in (night.parent, f"night-{night.number:04}"):
        # It grew on an adapter that is damaged since, or rolled back: nothing of it can be used.
        ledger.advance(night.number, Phase.ROLLED_BACK, finished=datetime.now(UTC))
        night = None
    resumed = night is not None
    check_disk(home)
    if night is None:
        waiting = ledger.waiting()
        if not waiting:
            raise NothingToLearn(NOTHING)
        night = ledger.begin_night([e.id for e in waiting], worn)
    keep_date(ledger, config.sleep_at, local_now())
    known = checkpoint.base_hash + (checkpoint.instincts_hash or "")
    texts = private_dir(cache_path() / "rehearsal") / f"{known[:12]}{known[-12:]}.safetensors"
    room = Room(
        home=home, model=model, teacher=teacher or model, store=store, embedder=embedder, config=own, cache=texts,
        number=night.number,
        past=home.adapters.path(night.parent) if night.parent else None, base_hash=checkpoint.stamp, stop=stop,
        pace=pace(_reports(ledger), hastened=model.hastens),
        keep=(config.keep_adapters, config.keep_adapters_mb), phase=night.phase,
        episodes=ledger.episodes(list(night.episodes)), report=dict(night.report or {}),
    )  # fmt: skip
    wanted = room.report.get("deep_sleep", {}).get("sha256")
    if wanted and room.deep.exists() and digest(room.deep) == wanted:
        room.past = room.deep  # earlier nights were compressed before the interruption
    elif wanted:  # it is gone or torn: it is made again, and what grew on it too
        del room.report["deep_sleep"]
        home.adapters.discard(room.deep)
        home.adapters.discard(room.staging)
        if room.phase in (Phase.SEEDED, Phase.EXAMINED):
            room.phase = Phase.DREAMT
    model.wear(room.past)
    return room, resumed


def _reports(ledger: Any) -> list[dict[str, Any]]:
    """What the nights before have reported."""
    return [n.report for n in ledger.nights() if n.report and n.finished]


def check_disk(home: Any) -> None:
    """A night on a full disk is not begun. Raises HomeError."""
    sizes = [home.adapters.size(card.name) for card in home.adapters.cards()[-1:]]
    needed = 3 * max([USUAL_ADAPTER, *sizes]) + MARGIN
    free = shutil.disk_usage(home.path).free
    if free < needed:
        raise HomeError(
            f"A night needs {needed / 1e6:.0f} MB of disk and {home.path} has {free / 1e6:.0f} MB left; free some, "
            "and sleep again: nothing was begun."
        )


def recover(home: Any) -> str | None:
    """After opening a home: say, in one sentence, what an interrupted night left; half-made files are swept away.

    The night itself is finished by the next `sleep`; until then nothing of it is worn and the buffer is whole.
    """
    night = home.ledger.unfinished()
    if night is not None and home.ledger.meta(GIVEN_UP) == str(night.number):
        give_up(home)
        return f"Night {night.number} is given up, as you asked; nothing was lost."
    if night is None:
        home.adapters.sweep()
        return None
    return f"Night {night.number} was interrupted while it was {night.phase}; the next sleep goes on there."


def note_giving_up(home: Any) -> None:
    """The night that goes on is not to be gone on with, even if it dies before it can be undone."""
    if (night := home.ledger.unfinished()) is not None:
        home.ledger.set_meta(GIVEN_UP, str(night.number))


def give_up(home: Any) -> list[int]:
    """Undo the night that was interrupted, if there is one, so that it doesn't go on; returns the nights undone."""
    night = home.ledger.unfinished()
    if night is None:
        return []
    undone = undo(home.ledger, home.adapters, night.number)
    home.ledger.advance(night.number, Phase.ROLLED_BACK, finished=datetime.now(UTC))
    home.adapters.sweep()
    return undone
