"""`somnus instincts train|eval|blend`: teach a base model to read, dream and abstain."""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from memory.errors import UsageError
from memory.paths import cache_path, private_dir
from tui.commands.shared import opened
from tui.commands.sleep import Stopper
from tui.say import Say

if TYPE_CHECKING:
    from sleep.lora import Part


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["train", "eval", "blend"])
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="DIR=WEIGHT[,WEIGHT]",
        help="instincts to blend, and how much of each: of its attention, and of the rest",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to write the adapter (the cache, for this base)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="how long to train: about fifteen seconds a step on two cores; with --large half a second on a large GPU",
    )
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="end after so many, with fewer steps if need be"
    )
    parser.add_argument(
        "--onwards", type=Path, metavar="DIR", help="earlier instincts, from which training goes on"
    )
    parser.add_argument("--lr", type=float, metavar="RATE", help="peak learning rate")
    parser.add_argument(
        "--large", action="store_true", help="fifty times as much a step, for a large GPU"
    )
    parser.add_argument("--examples", type=int, metavar="N", help="exercises to evaluate with")


def run(args: argparse.Namespace, say: Say) -> int:
    if args.action == "blend":
        return _blend(args, say)
    if args.parts:
        raise UsageError(
            f"{args.parts[0]} is more than {args.action} can use; only blend takes folders."
        )
    from agent.local_model import LocalModel

    with opened(args, say) as root:
        checkpoint = root.checkpoint
        where = checkpoint.base_path if args.action == "train" else checkpoint.path
        model = LocalModel.load(
            where,
            name=checkpoint.name,
            has_instincts=True,
            device=root.config.device,
            dtype=root.config.dtype,
        )
        if args.action == "eval":
            from sleep.instincts.evaluate import evaluate, measured
            from sleep.instincts.nearness import nearness

            report = evaluate(
                model,
                count=args.examples or 240,
                seed=10_000 + root.config.seed,
                near=nearness(lambda: root.embedder.embed, measured(), cache_path()),
                progress=say.progress,
            )
            for skill, row in report["skills"].items():
                say.line(
                    f"{skill:<8} {row['right']:>4}/{row['asked']:<4} {row['right'] / max(1, row['asked']):.0%}"
                )
            say.document(report)
            return 0
        from sleep.instincts.feed import FeedConfig
        from sleep.instincts.train import InstinctsConfig, make

        folder = args.out or private_dir(cache_path() / "instincts") / checkpoint.base_hash[:16]
        seed = root.config.seed
        large = InstinctsConfig.large(seed)
        own = large if args.large else InstinctsConfig(feed=FeedConfig(seed=seed))
        own = replace(own, steps=args.steps or own.steps, lr=args.lr or own.lr)
        deadline = time.monotonic() + 60 * args.minutes if args.minutes else math.inf
        with Stopper() as stop:
            card = make(
                model, checkpoint.base_hash, folder, own, embed=lambda: root.embedder.embed,
                onwards=args.onwards, deadline=deadline, stop=stop, progress=say.progress,
                workers=max(0, (os.cpu_count() or 1) - 2) if args.large else 0,
            )  # fmt: skip
        if card is None:
            say.line("Stopped; the same command goes on where it was.")
            return 130
        say.line(f"The instincts are in {folder}.")
        say.document(card)
    return 0


def _blend(args: argparse.Namespace, say: Say) -> int:
    from sleep.instincts.train import blend

    if args.out is None or len(args.parts) < 2:
        raise UsageError(
            "Blending needs two folders or more and a place: instincts blend ONE=0.5 OTHER=0.5 --out DIR."
        )
    card = blend([_part(text) for text in args.parts], args.out)
    say.line(f"The instincts are in {args.out}.")
    say.document(card)
    return 0


def _part(text: str) -> Part:
    """A folder, and its weights."""
    from sleep.lora import Part

    folder, _, weights = text.rpartition("=")
    try:
        each = [float(w) for w in weights.split(",")]
        if not folder or len(each) > 2:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"{text} is no DIR=WEIGHT; write, for example, one=0.5, or one=0.5,1 for attention and the rest."
        ) from None
    return Part(Path(folder), each[0], each[-1])
