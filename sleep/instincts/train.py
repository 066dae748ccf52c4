"""Train the instincts: plain LoRA on made-up talk; every step aligns questions and rehearses the base's texts.

Run by `somnus instincts train`. It can be stopped and goes on where it was: the factors and the optimiser's state are
written every few minutes, and the exercises follow from the seed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Subset

from agent.local_model import LocalModel
from memory.errors import InputError
from memory.paths import cache_path, private_dir, write_atomic
from sleep import lora, rehearsal
from sleep.instincts.alignment import AlignmentConfig, align
from sleep.instincts.families import families
from sleep.instincts.feed import Feed, FeedConfig, Portion
from sleep.instincts.nearness import Embed, nearness
from sleep.lesson import answer_logits
from sleep.loss import divergence
from sleep.optimiser import Optimiser
from sleep.words import normal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstinctsConfig:
    """How the instincts are trained."""

    steps: int = 1400
    """Optimiser steps; every exercise is seen once."""
    feed: FeedConfig = field(default_factory=FeedConfig)
    rank: int = 32
    lr: float = 8e-4
    """Peak learning rate: it rises over the first steps, and then falls to nothing."""
    warm_up: float = 0.03
    texts: int = 600
    """Texts of the base to rehearse."""
    rehearsal_weight: float = 1.5
    """Weight of their divergence beside the exercises'."""

    @classmethod
    def large(cls, seed: int) -> InstinctsConfig:
        """For a GPU: steps of some 55,000 tokens, half a second each on an H200.

        Aligned at weight 0.5, thrice this learning rate diverged, and what an empty prompt is answered with was spoilt
        (LAB.md); at 0.1 it has not been tried.
        """
        alignment = AlignmentConfig(memories=256, questions=4, weight=0.1)
        feed = FeedConfig(seed=seed, scenes=96, texts=32, alignment=alignment)
        return cls(steps=3000, feed=feed, lr=5e-4, texts=2000)


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


def is_evaluated(text: str) -> bool:
    """Whether an evaluation set has this question or statement."""
    return normal(text) in evaluated()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did; losses in nats."""

    done: int
    total: int
    loss: float
    drift: float
    likeness: float
    seconds_left: float


def train_instincts(
    model: LocalModel,
    folder: Path,
    config: InstinctsConfig,
    *,
    near: Mapping[str, Sequence[str]],
    texts_cache: Path | None = None,
    onwards: Path | None = None,
    workers: int = 0,
    deadline: float = math.inf,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Step]:
    """Yield every step; at the end, unless stopped, `folder` holds a plain LoRA in float16.

    `near` is what `nearness` found. `onwards` is the folder of earlier instincts, from which training goes on at their
    rank; past `deadline` (monotonic) it ends early. So many `workers` prepare the steps beside this process; none:
    it does so itself.
    """
    seed = config.feed.seed
    folder.mkdir(parents=True, exist_ok=True)
    with model.hastened():
        texts = rehearsal.base_texts(
            model, config.texts, texts_cache, seed=seed + 7, progress=progress
        )
        texts = rehearsal.base_lessons(model, texts, progress)
    if onwards is None:
        moving = lora.expand(model, rank=config.rank, targets=lora.ALL_LINEAR, seed=seed)
    else:
        moving = lora.reload(model, onwards, past=None, rank=lora.rank_of(onwards))
    resume = folder / "unfinished.safetensors"
    feed = Feed(model.tokenizer, texts, config.feed, near, is_evaluated)
    with model.hastened(), closing(Optimiser(model, moving, config.lr)) as optimiser:
        portions: Iterator[Portion] | None = None
        for pace in optimiser.paced(
            config.steps, warm_up=config.warm_up, stop=stop, deadline=deadline, resume=resume
        ):
            if portions is None:  # only now is it known with which step the run goes on
                numbers = range(pace.number, config.steps)
                portions = iter(_loader(Subset(feed, numbers), workers))
            loss, drift, likeness = _backward(model, next(portions), config)
            optimiser.step()
            yield Step(
                done=pace.number + 1, total=config.steps, loss=loss, drift=drift, likeness=likeness,
                seconds_left=pace.seconds_left(),
            )  # fmt: skip
    if stop():
        return
    lora.save(model, folder, dtype=torch.float16)
    resume.unlink(missing_ok=True)


def _loader(portions: Subset[Portion], workers: int) -> DataLoader[Portion]:
    ahead = {"prefetch_factor": 4} if workers else {}
    return DataLoader(portions, batch_size=None, num_workers=workers, **ahead)  # type: ignore[arg-type]


def _backward(
    model: LocalModel, portion: Portion, config: InstinctsConfig
) -> tuple[float, float, float]:
    """Accumulate the gradient of a step's three losses, and return them."""
    said, weights = portion.said.to(model.device), portion.weights.to(model.device)
    count = len(weights)
    with model.worn() as network:
        logits = answer_logits(model, network, said)  # (N + N', V)
        each = torch.nn.functional.cross_entropy(
            logits[:count], said.targets[:count], reduction="none"
        )  # (N,)
        loss = (weights * each).sum() / weights.sum()
        own = torch.log_softmax(logits[count:], dim=-1)  # (N', V)
        ids, logp = portion.top_ids.to(own.device), portion.top_logp.to(own)
        drift = divergence(logp, own, ids).mean()
        (loss + config.rehearsal_weight * drift).backward()
    del logits, own, each
    likeness = align(model, portion.asked, config.feed.alignment)
    return float(loss.detach()), float(drift.detach()), likeness


def make(
    model: LocalModel,
    base_hash: str,
    folder: Path,
    config: InstinctsConfig,
    *,
    embed: Callable[[], Embed],
    onwards: Path | None = None,
    workers: int = 0,
    deadline: float = math.inf,
    stop: Callable[[], bool],
    progress: Callable[[str, float | None, float | None], None],
) -> dict[str, Any] | None:
    """Train into `folder` and write its card; None when stopped, and then the same call goes on where it was."""
    kept = private_dir(cache_path() / "rehearsal")
    texts = kept / f"base-{base_hash[:16]}-{config.feed.seed}.safetensors"
    progress("comparing the families", None, None)
    trained_on = [f for f in families() if not f.held_out]
    near = nearness(embed, trained_on, cache_path())
    for step in train_instincts(
        model, folder, config, near=near, texts_cache=texts, onwards=onwards, workers=workers,
        deadline=deadline, stop=stop,
        progress=lambda done, total: progress("sampling the base's own texts", done / total, None),
    ):  # fmt: skip
        note = (
            f"training, loss {step.loss:.2f}, drift {step.drift:.3f}, likeness {step.likeness:.2f}"
        )
        progress(note, step.done / step.total, step.seconds_left)
    if stop():
        return None
    card = describe(base_hash, config)
    if onwards is not None:
        card["command"] += " --onwards DIR"
        card["onwards"] = json.loads((onwards / "card.json").read_text("utf-8"))
    write_atomic(folder / "card.json", json.dumps(card, indent=1).encode())
    return card


def blend(parts: Sequence[lora.Part], folder: Path, *, rank: int = 32) -> dict[str, Any]:
    """Write the weighted sum of instincts into `folder`, with a card that holds theirs; returns the card.

    Raises InputError for a folder without instincts, and for instincts of different bases.
    """
    cards = []
    for part in parts:
        try:
            card = json.loads((part.folder / "card.json").read_text("utf-8"))
        except (OSError, ValueError):
            raise InputError(
                f"There are no instincts in {part.folder}; name the folder of their card.json."
            ) from None
        cards.append({"attention": part.attention, "mlp": part.mlp, "card": card})
    bases = {c["card"]["base_hash"] for c in cards}
    if len(bases) > 1:
        raise InputError(
            "These instincts belong to different base models; only those of one can be blended."
        )
    lora.blend(parts, folder, rank=rank)
    named = " ".join(f"DIR={part.attention:g},{part.mlp:g}" for part in parts)
    made = {
        "base_hash": bases.pop(),
        "command": f"somnus instincts blend {named}",
        "rank": rank,
        "parts": cards,
    }
    write_atomic(folder / "card.json", json.dumps(made, indent=1).encode())
    return made


def describe(base_hash: str, config: InstinctsConfig) -> dict[str, Any]:
    """The card: what the instincts were made of, and the command that makes them again."""
    feed = config.feed
    return {
        "base_hash": base_hash,
        "command": f"somnus --seed {feed.seed} instincts train --steps {config.steps} --lr {config.lr:g}"
        + ("" if feed == FeedConfig(seed=feed.seed) else " --large"),
        "seed": feed.seed,
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
