"""Train the instincts: plain LoRA on made-up talk; every step aligns questions and rehearses the base's texts.

Run by `somnus instincts train`. It can be stopped and goes on where it was: the factors and the optimiser's state are
written every few minutes, and the examples follow from the seed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from agent.local_model import LocalModel
from memory.paths import cache_path, private_dir, write_atomic
from sleep import lora, rehearsal
from sleep.instincts.alignment import AlignmentConfig, align
from sleep.instincts.examples import Example, scenes
from sleep.instincts.talk import Talk
from sleep.lesson import Lesson, hard
from sleep.training import Step, TrainingConfig, train
from sleep.words import normal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstinctsConfig:
    """How the instincts are trained."""

    seed: int = 0
    steps: int = 1400
    """Optimiser steps; every exercise is seen once."""
    scenes: int = 2
    """Scenes a step, about ten exercises."""
    rank: int = 16
    texts: int = 600
    """Texts of the base to rehearse."""
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(
            lr=8e-4, rehearsal_rows=2, rehearsal_weight=1.5, warm_up=0.03, lead_weight=3.0
        )
    )


@cache
def evaluated() -> frozenset[str]:
    """The questions and statements of the evaluation sets, in lower case: nothing is trained on them."""
    used: set[str] = set()
    for folder in ("recall", "demo"):
        for file in files("data").joinpath(folder).iterdir():
            if file.name.endswith(".jsonl"):
                lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
                used |= {normal(x.get("question") or x.get("content", "")) for x in lines}
    return frozenset(used)


def apart(every: Iterator[list[Example]]) -> Iterator[list[Example]]:
    """The exercises that share no question and no statement with an evaluation set: people do ask alike."""
    used = evaluated()
    for scene in every:
        kept = []
        for example in scene:
            said = [*example.turns[-1].content.splitlines(), *example.reply.splitlines()]
            if not any(normal(line) in used for line in said):
                kept.append(example)
        if kept:
            yield kept


def to_lesson(model: LocalModel, example: Example) -> Lesson:
    """Tokenise an exercise; its reply is taken as certain."""
    return hard(model.encode(example.turns), model.encode_reply(example.reply))


def train_instincts(
    model: LocalModel,
    folder: Path,
    config: InstinctsConfig,
    *,
    texts_cache: Path | None = None,
    onwards: Path | None = None,
    deadline: float = math.inf,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Step]:
    """Yield every step; at the end, unless stopped, `folder` holds a plain LoRA in float16.

    `onwards` is the folder of earlier instincts of the same rank, from which training goes on; past `deadline`
    (monotonic) it ends early.
    """
    with model.hastened():
        texts = rehearsal.base_texts(
            model, config.texts, texts_cache, seed=config.seed + 7, progress=progress
        )
    drawn = apart(scenes(Talk(config.seed)))
    steps = [
        [to_lesson(model, e) for _ in range(config.scenes) for e in next(drawn)]
        for _ in range(config.steps)
    ]
    if onwards is None:
        moving = lora.expand(model, rank=config.rank, targets=lora.ALL_LINEAR, seed=config.seed)
    else:
        moving = lora.reload(model, onwards, past=None, rank=config.rank)
    resume = folder / "unfinished.safetensors"
    asked = Talk(config.seed + 1)

    def aligned() -> None:
        align(model, asked, config.alignment, lambda question: normal(question) in evaluated())

    with model.hastened():
        yield from train(
            model, moving, steps, texts, config.training, seed=config.seed, stop=stop, deadline=deadline,
            resume=resume, beside=aligned,
        )  # fmt: skip
    if stop():
        return
    lora.save(model, folder, dtype=torch.float16)
    resume.unlink(missing_ok=True)


def make(
    model: LocalModel,
    base_hash: str,
    folder: Path,
    config: InstinctsConfig,
    *,
    onwards: Path | None = None,
    deadline: float = math.inf,
    stop: Callable[[], bool],
    progress: Callable[[str, float | None, float | None], None],
) -> dict[str, Any] | None:
    """Train into `folder` and write its card; None when stopped, and then the same call goes on where it was."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = private_dir(cache_path() / "rehearsal")
    texts = kept / f"base-{base_hash[:16]}-{config.seed}.safetensors"
    for step in train_instincts(
        model, folder, config, texts_cache=texts, onwards=onwards, deadline=deadline, stop=stop,
        progress=lambda done, total: progress("sampling the base's own texts", done / total, None),
    ):  # fmt: skip
        note = f"training, loss {step.loss:.2f}, drift {step.rehearsal_loss:.3f}"
        progress(note, step.done / step.total, step.seconds_left)
    if stop():
        return None
    card = describe(base_hash, config)
    if onwards is not None:
        card["command"] += " --onwards DIR"
        card["onwards"] = json.loads((onwards / "card.json").read_text("utf-8"))
    write_atomic(folder / "card.json", json.dumps(card, indent=1).encode())
    return card


def describe(base_hash: str, config: InstinctsConfig) -> dict[str, Any]:
    """The card: what the instincts were made of, and the command that makes them again."""
    return {
        "base_hash": base_hash,
        "command": f"somnus instincts train --seed {config.seed} --steps {config.steps} --lr {config.training.lr:g}",
        "seed": config.seed,
        "data_hash": data_hash(),
        "config": asdict(config),
    }


def data_hash() -> str:
    """SHA-256 over the families and vocabulary that exercises are made of."""
    digest = hashlib.sha256()
    for folder in ("families", "vocab"):
        for file in sorted(
            files("data").joinpath("instincts", folder).iterdir(), key=lambda f: f.name
        ):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
