"""One night, measured from outside: recall under every arm before and after, of what was cleared, drift, time, memory.

    somnus bench [--set thirty|messy|peer|tuning] [--seed N] [--budget MINUTES] [--model NAME]
                 [--student NAME] [--device D] [--dtype T]

Uses a home of its own that is thrown away. The last line of stdout is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from agent.local_model import LocalModel
from agent.recalling import ARMS
from memory.conversation_file import pair, read_conversation
from memory.questions import Question, mark, read_questions, wilson
from sleep.exam import perplexity
from sleep.recall import ask_all
from tui.root import Options, Root
from tui.say import Say

DATA = Path(str(files("data")))
SETS = ("thirty", "messy", "peer", "tuning")


def main() -> None:
    parser = arguments(__doc__, "thirty")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=15.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="somnus-bench-") as home:
        options = replace(machine(args, home), seed=args.seed)
        print(json.dumps(measure(args.set, args.budget, options), ensure_ascii=False))


def arguments(
    description: str | None, chosen: str, *, several: bool = False
) -> argparse.ArgumentParser:
    """What every benchmark of recall takes: a set (or several, with commas), and the model and machine to measure."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--set", default=chosen, choices=None if several else SETS)
    for name in ("--model", "--student", "--device", "--dtype"):
        parser.add_argument(name)
    return parser


def machine(args: argparse.Namespace, home: str) -> Options:
    """The options of a home that is thrown away."""
    return Options(
        home=Path(home),
        model=args.model,
        student=args.student,
        device=args.device,
        dtype=args.dtype,
    )


def untouched(root: Root) -> LocalModel:
    """The base without instincts, on the same device in the same precision."""
    dtype = str(root.model.network.dtype).removeprefix("torch.")
    return LocalModel.load(
        root.checkpoint.base_path, name="base", device=str(root.model.device), dtype=dtype
    )


def measure(name: str, budget: float, options: Options) -> dict[str, Any]:
    """Tell a set, ask, sleep, ask again."""
    root = Root(options, progress=Say().progress)
    questions = read_questions(DATA / "recall" / f"{name}.questions.jsonl")
    told = root.home.ledger.append_all(pair(read_conversation(DATA / "recall" / f"{name}.jsonl")))
    root.store.add(told)
    before = ask(root, questions, ["none", "buffer"])
    began = time.monotonic()
    report: dict[str, Any] = {}
    for event in root.night(budget=budget):
        report = getattr(event, "report", report)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    root.store.close()
    del root.__dict__["store"]  # re-opened below: what the buffer says is what is on disk
    after = ask(root, questions, list(ARMS))
    waiting = {e.id for e in root.home.ledger.waiting()}
    cleared = [e.said for e in told if e.id not in waiting]
    of_cleared = [
        a
        for a, q in zip(after["weights"], questions, strict=True)
        if q.kind != "never" and any(tells(s, q) for s in cleared)
    ]
    held_out = [
        p for p in (DATA / "general" / "held_out.txt").read_text("utf-8").split("\n\n") if p.strip()
    ]
    worn = perplexity(root.model, held_out)
    instincts = perplexity(root.model, held_out, adapter=False)
    base = perplexity(untouched(root), held_out)
    result = {
        "set": name, "seed": options.seed, "model": root.model.name, "statements": len(told),
        "before": {arm: figures(questions, rows) for arm, rows in before.items()},
        "after": {arm: figures(questions, rows) for arm, rows in after.items()},
        "cleared": {"episodes": len(cleared), "right": sum(r for _, r in of_cleared), "asked": len(of_cleared)},
        "exam": report.get("exam"), "dreams": report.get("dreams"), "outcome": report.get("outcome"),
        "learned": len(report.get("learned", [])), "kept_back": len(report.get("kept_back", [])),
        "perplexity": {"base": base, "instincts": instincts / base - 1, "after": worn / base - 1},
        "seconds": {**report.get("seconds", {}), "wall": round(seconds, 1)},
        "peak_mb": peak,
        "wrong": [
            {"question": q.question, "answer": a}
            for (a, right), q in zip(after["weights"], questions, strict=True)
            if not right
        ],
    }  # fmt: skip
    root.close()
    return result


def ask(
    root: Root, questions: list[Question], arms: list[Any]
) -> dict[str, list[tuple[str, bool]]]:
    """(answer, right) for every question, arm by arm."""
    out: dict[str, list[tuple[str, bool]]] = {arm: [] for arm in arms}
    for answered in ask_all(root.model, root.store, questions, arms, root.recall):
        out[answered.arm].append((answered.answer, answered.right))
    return out


def figures(questions: list[Question], rows: list[tuple[str, bool]]) -> dict[str, Any]:
    """Told questions with their interval, and never-told ones."""
    told = [right for (_, right), q in zip(rows, questions, strict=True) if q.kind != "never"]
    never = [right for (_, right), q in zip(rows, questions, strict=True) if q.kind == "never"]
    low, high = wilson(sum(told), len(told))
    return {
        "right": sum(told), "asked": len(told), "interval": [round(low, 3), round(high, 3)],
        "never": [sum(never), len(never)],
    }  # fmt: skip


def tells(statement: str, question: Question) -> bool:
    """Whether a statement is the one that answers a question: it has all that is expected, in at most 40 words."""
    return mark(question, " ".join(statement.split()[:40]))


if __name__ == "__main__":
    main()
