"""Many nights, measured from outside: what every night taught, asked again after each later one.

    somnus bench nights [--set thirty,tuning,…] [--nights N] [--each STATEMENTS] [--budget MINUTES] [--seed N]
                        [--out FOLDER] [--model NAME] [--student NAME] [--device D] [--dtype T]

Every day a few statements are told, every night somnus sleeps, every morning all questions so far are asked by heart.
FOLDER keeps the home and a line of JSON a morning, so that a run that was stopped goes on; then the retention matrix
(night learnt × night tested) is drawn as FOLDER/retention.svg. The last line of stdout is one JSON document.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from recall import DATA, arguments, ask, machine, tells, untouched

from memory.conversation_file import pair, read_conversation
from memory.errors import UsageError
from memory.ledger import Said
from memory.questions import Question, read_questions, wilson
from sleep.exam import perplexity
from tui.root import Options, Root
from tui.say import Say

CELL = 44  # pixels of the picture
Morning = dict[str, Any]


def main() -> None:
    parser = arguments(__doc__, "tuning", several=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--budget", type=float, default=15.0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    folder = args.out or Path(tempfile.mkdtemp(prefix="somnus-nights-"))
    folder.mkdir(parents=True, exist_ok=True)
    options = replace(machine(args, str(folder / "home")), seed=args.seed)
    mornings = measure(args.set.split(","), args.nights, args.each, args.budget, options, folder)
    (folder / "retention.svg").write_text(picture(mornings), "utf-8")
    print(json.dumps(summary(mornings) | {"set": args.set, "seed": args.seed}))


def days(sets: list[str], nights: int, each: int) -> tuple[list[list[Said]], list[list[Question]]]:
    """What is told on each day, and the questions that it answers."""
    said: list[Said] = []
    asked: list[Question] = []
    for name in sets:
        said += pair(read_conversation(DATA / "recall" / f"{name}.jsonl"))
        asked += read_questions(DATA / "recall" / f"{name}.questions.jsonl")
    if len(said) < nights * each:
        raise UsageError(
            f"{nights} nights of {each} statements are {nights * each}, and there are {len(said)}; name more sets."
        )
    told = [said[i * each : (i + 1) * each] for i in range(nights)]
    return told, [
        [q for q in asked if q.kind != "never" and any(tells(s[0], q) for s in day)] for day in told
    ]


def measure(
    sets: list[str], nights: int, each: int, budget: float, options: Options, folder: Path
) -> list[Morning]:
    """Tell, sleep and ask, day after day; returns a record for every morning."""
    log = folder / "mornings.jsonl"
    mornings = (
        [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    )
    told, asked = days(sets, nights, each)
    for number in range(len(mornings), nights):
        root = Root(options, progress=Say().progress)
        known = {e.said for e in root.home.ledger.episodes()}
        root.store.add(root.home.ledger.append_all([s for s in told[number] if s[0] not in known]))
        mornings.append(night(root, asked[: number + 1], budget))
        root.close()
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(mornings[-1], ensure_ascii=False) + "\n")
        print(line(mornings[-1]), flush=True)
    return mornings


def night(root: Root, asked: list[list[Question]], budget: float) -> Morning:
    """One night, and on its morning every question of every day so far, by heart and as a user gets it."""
    report: dict[str, Any] = {}
    began = time.monotonic()
    for event in root.night(budget=budget):
        report = getattr(event, "report", report)
    seconds = round(time.monotonic() - began, 1)
    root.store.close()
    del root.__dict__["store"]  # re-opened below: what the buffer says is what is on disk
    waiting = {e.id for e in root.home.ledger.waiting()}
    cleared = [e.said for e in root.home.ledger.episodes() if e.id not in waiting]
    right = {
        arm: [[r for _, r in ask(root, day, [arm])[arm]] for day in asked]
        for arm in ("weights", "auto")
    }
    gone = [[any(tells(s, q) for s in cleared) for q in day] for day in asked]
    prose = (DATA / "general" / "held_out.txt").read_text("utf-8").split("\n\n")
    prose = [p for p in prose if p.strip()]
    base = perplexity(untouched(root), prose)
    keys = [
        "night",
        "outcome",
        "exam",
        "dreams",
        "tempered",
        "drift",
        "faded",
        "alarm",
        "loss",
        "cleared",
        "left",
        "deep_sleep",
    ]
    return {
        **{k: report.get(k) for k in keys}, "seconds": {**report.get("seconds", {}), "wall": seconds},
        "kept_back": [k["reason"] for k in report.get("kept_back", [])], "later": len(report.get("later", [])),
        "right": right, "of_cleared": gone, "perplexity": perplexity(root.model, prose) / base - 1,
    }  # fmt: skip


def line(morning: Morning) -> str:
    """A morning in a line: right of asked, day by day, by heart."""
    each = "  ".join(f"{sum(day)}/{len(day)}" for day in morning["right"]["weights"])
    seconds, rise = morning["seconds"]["wall"], morning["perplexity"]
    return (
        f"night {morning['night']:2}  {seconds:5.0f} s  cleared {morning['cleared']}, left {morning['left']}  "
        f"{rise:+.1%}  by heart  {each}"
    )


def summary(mornings: list[Morning]) -> dict[str, Any]:
    """After the last night: recall by heart and in all, of what was cleared, and what of the first mornings is left."""
    last = mornings[-1]
    flat = {arm: [r for day in days for r in day] for arm, days in last["right"].items()}
    gone = [g for day in last["of_cleared"] for g in day]
    first = [r for i, m in enumerate(mornings) for r in m["right"]["weights"][i]]
    kept = [now for was, now in zip(first, flat["weights"], strict=True) if was]
    rows = {
        **flat, "of_cleared": [r for r, g in zip(flat["weights"], gone, strict=True) if g], "retained": kept,
    }  # fmt: skip
    out: dict[str, Any] = {
        name: {"right": sum(row), "asked": len(row), "interval": wilson(sum(row), len(row))}
        for name, row in rows.items()
    }
    out["matrix"] = [
        [sum(day) / max(1, len(day)) for day in m["right"]["weights"]] for m in mornings
    ]
    out["perplexity"] = [m["perplexity"] for m in mornings]
    out["seconds"] = [m["seconds"]["wall"] for m in mornings]
    return out


def picture(mornings: list[Morning]) -> str:
    """The retention matrix: a row for each morning, a column for each day whose statements are asked about."""
    size = CELL * (len(mornings) + 1)
    cells = []
    for y, row in enumerate(summary(mornings)["matrix"]):
        for x, share in enumerate(row):
            cells.append(
                f'<rect x="{CELL * (x + 1)}" y="{CELL * (y + 1)}" width="{CELL - 2}" height="{CELL - 2}" '
                f'fill="hsl({120 * share:.0f},60%,70%)"/>'
                f'<text x="{CELL * (x + 1.5)}" y="{CELL * (y + 1.6)}">{share:.0%}</text>'
            )
    heads = [
        f'<text x="{CELL * (i + 1.5)}" y="{CELL * 0.6}">day {i + 1}</text>'
        f'<text x="{CELL * 0.5}" y="{CELL * (i + 1.6)}">night {i + 1}</text>'
        for i in range(len(mornings))
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" font-family="sans-serif" '
        f'font-size="11" text-anchor="middle">{"".join(heads + cells)}</svg>\n'
    )


if __name__ == "__main__":
    main()
