"""How good the instincts are: every skill on fresh scenes, marked by what the families know. Greedy, deterministic."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.local_model import LocalModel
from agent.model import Sampling
from agent.telling import abstains
from memory.episode import DreamKind
from sleep.dreams import is_true_to, parse
from sleep.instincts.examples import NO_MEASURE, SKILLS, Example, examples
from sleep.instincts.families import Family, families
from sleep.instincts.talk import Talk
from sleep.words import agrees, holds, normal, words


def evaluate(
    model: LocalModel,
    *,
    count: int,
    seed: int,
    near: Mapping[str, Sequence[str]],
    progress: Callable[[str, float | None], None] = lambda what, share: None,
) -> dict[str, Any]:
    """`count` exercises of scenes that training never drew; of families it never saw, where there are any.

    `near` is what `nearness` found for `measured()`.
    """
    held_out = measured()[0].held_out
    talk = Talk(seed, held_out=held_out, near=near)
    asked = list(
        itertools.islice(examples(talk, [s for s in SKILLS if s not in NO_MEASURE]), count)
    )
    ids = [model.encode(e.turns) for e in asked]
    rows = model.decode(
        ids,
        Sampling(max_tokens=80),
        adapter=False,
        progress=lambda n: progress("asking", n / len(ids)),
    )
    answers = [model.text(row) for row in rows]
    skills: dict[str, dict[str, int]] = defaultdict(lambda: {"asked": 0, "right": 0})
    failures = []
    for example, answer in zip(asked, answers, strict=True):
        fine = right(example, answer)
        skills[example.skill]["asked"] += 1
        skills[example.skill]["right"] += fine
        if not fine:
            failures.append(
                {
                    "skill": example.skill,
                    "prompt": example.turns[-1].content,
                    "wanted": example.reply,
                    "got": answer,
                }
            )
    return {
        "families": "held out" if held_out else "trained on, with other values",
        "skills": skills,
        "failures": failures,
    }


def measured() -> list[Family]:
    """The families that `evaluate` asks about."""
    every = families()
    return [f for f in every if f.held_out] or list(every)


def right(example: Example, answer: str) -> bool:
    """Whether an answer does what the exercise wants."""
    prompt = example.turns[-1].content
    if example.skill == "dream":
        parsed = parse(answer)
        statement = prompt.split('"')[1]
        kind = DreamKind.NEVER if abstains(example.reply) else DreamKind.FACT
        return parsed is not None and is_true_to(statement, kind, *parsed)
    if example.skill == "retell":
        return normal(answer) == normal(example.reply)
    if example.skill == "extract":
        return {normal(x) for x in answer.splitlines()} == {
            normal(x) for x in example.reply.splitlines()
        }
    if example.expected:
        return not abstains(answer) and all(holds(answer, value) for value in example.expected)
    first, said = (words(x)[:1] for x in (example.reply.lower(), answer.lower()))
    if first in (["yes"], ["no"]) and said != first:
        return False
    if first == ["yes"]:
        return True
    question = prompt.splitlines()[-1]
    return agrees(answer, question, example.reply, prompt.rsplit("\n", 1)[0] + " " + example.reply)
