"""The engine beside its peers and the machine's limits, all in one run on the same weights and threads.

    somnus bench speed [--runs N] [--night MINUTES]

A whole night of `thirty` comes last, with what it recalls; none with `--night 0`. Peers that aren't installed are left
out: `pip install -e ".[bench]"` brings llama.cpp and TRL. Tokens count once, as generated or trained on; padding
doesn't. The last line of stdout is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import peers
import recall
import torch
from limits import limits, machine, rate, weights

from agent import engine, prompt
from agent.decoding import bare_inside
from agent.local_model import LocalModel
from agent.packing import chunks, pack
from agent.scoring import scored
from memory.chroma_store import ChromaStore
from memory.episode import DreamKind, Episode, EpisodeId
from memory.store import Embedder
from sleep import lora, training
from sleep.hearing import Hearing, depth
from sleep.instincts.talk import Talk
from sleep.lesson import Lesson, hard
from tui.root import Options, Root
from tui.say import Say

REPLY = 48  # tokens decoded a row
LESSONS = 32  # lessons of a training measurement
Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="medians of so many")
    parser.add_argument(
        "--night", type=float, default=15.0, help="minutes of a whole night; 0: none"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="somnus-speed-") as home:
        root = Root(Options(home=Path(home)), progress=Say().progress)
        model, checkpoint = root.model, root.checkpoint
        root.close()
        figures: dict[str, Figures] = {"limits": limits(model)}
        figures |= {"decoding": decoding(model, checkpoint.name, args.runs)}
        figures |= {"reading": reading(model, args.runs)}
        figures |= {"training": learning(model, checkpoint.path, args.runs)}
        figures |= {"start": starting()}
        figures |= {"retrieval": retrieval(Path(home))}
        del root, model  # as a night of its own would find the machine
        if args.night:
            figures |= {"night": night(args.night, Path(home) / "night")}
    table(figures)
    d, t = figures["decoding"], figures["training"]
    ratios = {
        "decode_vs_generate": ratio(d, "alone", "generate, alone"),
        "decode_vs_llamacpp": ratio(d, "alone", "llama.cpp, alone"),
        "sampling_vs_generate": ratio(d, "best batch", "generate, 16 rows"),
        "training_vs_trl": ratio(t, "ours", "TRL SFTTrainer"),
        "training_vs_roofline": ratio(t, "ours", "roofline"),
    }
    document = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "figures": figures,
        "ratios": ratios,
    }
    print(json.dumps(document, ensure_ascii=False))


def ratio(figures: Figures, ours: str, peer: str) -> float | None:
    return round(figures[ours] / figures[peer], 2) if figures.get(peer) else None


def dream_prompts(model: LocalModel, count: int) -> list[list[int]]:
    """What a night asks: several dreams about each of a few statements."""
    told = Talk(99).tell(max(1, count // 8))
    kinds = [DreamKind.FACT, DreamKind.REVERSE, DreamKind.INDIRECT, DreamKind.FACT] * 2
    asked = [model.encode(prompt.dreaming([t.memory()], k)) for t in told for k in kinds]
    return (asked * count)[:count]


def decoding(model: LocalModel, name: str, runs: int) -> Figures:
    """Tokens/s, of greedy replies of a fixed length and of dreams sampled as a night samples them."""
    out: Figures = {}
    inner = bare_inside(model.network)
    question = model.encode(prompt.chat("Tell me about the sea."))

    def ours(prompts: Sequence[Sequence[int]], rows: int) -> int:
        choose, end = engine.chooser(_sampling(rows), model.device), model.end_id

        def on_and_on(logits: torch.Tensor, whose: Sequence[int]) -> torch.Tensor:
            logits[:, end] = -torch.inf  # as the peers are told: all replies are of one length
            return choose(logits, whose)

        with torch.inference_mode():
            made = engine.generate(inner, prompts, on_and_on, most=REPLY, end=end, rows=rows)
            return sum(1 for _ in made)

    def plain(prompts: Sequence[Sequence[int]], sample: bool) -> int:
        return peers.generate(inner, prompts, model.end_id, REPLY, sample=sample)

    ours([question], 1)
    out["alone"] = rate(lambda: ours([question], 1), runs)
    out["generate, alone"] = rate(lambda: plain([question], sample=False), runs)
    with peers.llama_cpp(name) as llama:
        if llama is not None:
            out["llama.cpp, alone"] = rate(lambda: llama(question, REPLY), runs)
    for rows in (4, 16, 48, 64, engine.ROWS):
        prompts = dream_prompts(model, 2 * rows)
        out[f"{rows} rows"] = rate(lambda p=prompts, r=rows: ours(p, r), runs)  # type: ignore[misc]
    out["best batch"] = max(v for k, v in out.items() if k.endswith("rows"))
    out["generate, 16 rows"] = rate(lambda: plain(dream_prompts(model, 16), sample=True), runs)
    return out


def _sampling(rows: int) -> Any:
    from agent.model import Sampling

    return Sampling(temperature=0.0 if rows == 1 else 0.75, top_p=0.95, seed=1)


def reading(model: LocalModel, runs: int) -> Figures:
    """Tokens/s of reading a long prompt, and of scoring given answers (log-probabilities)."""
    long = [list(model.encode_reply("The sea was calm that morning. " * 70))[:512]]
    packed = pack(long, model.end_id, model.device)

    def prefill() -> int:
        with model.worn() as network, torch.inference_mode():
            model.hidden(network, packed)
        return len(long[0])

    pairs = [(x.ids[: x.start], x.ids[x.start :]) for x in lessons(model, 48)]

    def score() -> int:
        scored(model, pairs, adapter=False)
        return sum(len(p) + len(a) for p, a in pairs)

    prefill()
    return {"prefill of 512": rate(prefill, runs), "scoring": rate(score, runs)}


def lessons(model: LocalModel, count: int) -> list[Lesson]:
    """Lessons as a night has them: a bare question and its answer."""
    talk, out = Talk(98), []
    for told in talk.tell(count):
        q, a, _ = talk.question(told.asks()[0], told)
        out.append(hard(model.encode(prompt.chat(q)), model.encode_reply(a)))
    return out


def learning(model: LocalModel, where: Path, runs: int) -> Figures:
    """Tokens/s of lessons in steps of eight, each lesson visited as often as in a night; and the most that matrix
    products of that height allow, where a prompt is gone through at the first visit alone.
    """
    items = lessons(model, LESSONS)
    config = training.TrainingConfig(rehearsal_rows=0, rows=8)
    tokens, said = sum(len(x.ids) for x in items), sum(x.answers for x in items)
    visits = round(config.passes)
    out: Figures = {}
    for name, above in (("ours", 0), ("ours, upper layers", round(0.4 * depth(model)))):
        moving = lora.expand(model, rank=16, targets=lora.MLP, seed=0, above=above)

        def ours(moving: Any = moving, above: int = above) -> int:
            steps, hearing = visits * list(chunks(items, config.rows)), Hearing(model, above)
            for _ in training.train(model, moving, steps, [], config, seed=0, hearing=hearing):
                pass
            return visits * tokens

        ours()
        out[name] = rate(ours, runs)
    x, w = torch.randn(config.rows * said // len(items), 576), torch.randn(1536, 576)

    def product() -> int:
        for _ in range(200):
            torch.nn.functional.linear(x, w)
        return 200

    flops = rate(product, 5) * 2 * x.shape[0] * 576 * 1536
    # a frozen base: 2 operations a weight forwards and 2 backwards, with the vocabulary, wherever a token is said; and
    # once 2 for each token of a prompt
    heard = pack([x.ids[: x.start - 1] for x in items], 0, "cpu").ids.numel()
    vocabulary = bare_inside(model.network).lm_head.weight.numel()
    needed = visits * 4 * (weights(model) + vocabulary) * said + 2 * weights(model) * heard
    out["roofline"] = round(visits * tokens * flops / needed, 1)
    model.wear(None)
    for name, peer in (("TRL SFTTrainer", peers.sft), ("TRL GKDTrainer", peers.gkd)):
        if (tokens_per_second := peer(where, items, rank=16, runs=runs)) is not None:
            out[name] = tokens_per_second
    return out


def night(minutes: float, home: Path) -> Figures:
    """Seconds of each phase of one night on thirty statements, and what is recalled of them afterwards."""
    told = recall.measure("thirty", minutes, Options(home=home))
    weights_arm, dreams = told["after"]["weights"], told["dreams"]
    return {
        **{f"{phase}, s": seconds for phase, seconds in told["seconds"].items()},
        "dreams": dreams["sampled"], "learnt from": dreams["used"],
        "right from the weights": weights_arm["right"], "of": weights_arm["asked"], "peak MB": told["peak_mb"],
    }  # fmt: skip


def starting() -> Figures:
    """Seconds until the command line has said something."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from tui.cli import main; main(['--help'])"],
            capture_output=True,
            check=True,
        )
        took.append(time.perf_counter() - began)
    return {"--help in ms": round(1000 * statistics.median(took))}


def retrieval(home: Path) -> Figures:
    """Milliseconds for one question over a buffer of so many episodes: embedding it, and searching."""
    root = Root(Options(home=home / "retrieval"), progress=lambda what, share: None)
    out: Figures = {}
    draw = random.Random(0)
    for size in (1_000, 100_000):
        store = ChromaStore(home / f"buffer-{size}", Given(root.embedder), episode)
        for begin in range(0, size, 5_000):
            store.add([episode(EpisodeId(i)) for i in range(begin, min(size, begin + 5_000))])
        took = []
        for _ in range(20):
            began = time.perf_counter()
            store.search(f"What did I say about number {draw.randrange(size)}?", 5)
            took.append(time.perf_counter() - began)
        out[f"{size} episodes, ms"] = round(1000 * statistics.median(took), 1)
        store.close()
    root.close()
    return out


def episode(number: EpisodeId) -> Episode:
    return Episode(id=number, said=f"Number {number}.", replied=None, at=datetime.now(UTC))


class Given:
    """Questions are embedded as always, the many episodes at random: how long they take isn't the question here."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder, self.dimension = embedder, embedder.dimension
        self.draw = random.Random(1)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if len(texts) == 1:
            return self.embedder.embed(texts)
        return torch.nn.functional.normalize(torch.randn(len(texts), self.dimension)).tolist()


def table(figures: dict[str, Figures]) -> None:
    for group, rows in figures.items():
        print(f"\n{group}")
        for name, value in rows.items():
            print(f"  {name:<24} {value:>10,.1f}")
    print()


if __name__ == "__main__":
    main()
