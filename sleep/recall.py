"""Recall: every question under every arm, greedily, and what came of it. Nothing is logged.

none     the model with its instincts, no adapter, nothing retrieved
buffer   the same, with retrieval
weights  the night's adapter, nothing retrieved
auto     what a user gets: both
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.model import LanguageModel, Sampling
from agent.recalling import Arm, Recall, answered, approaches
from memory.questions import Question, mark, wilson
from memory.store import BufferStore

TOKENS = 48
ROWS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer. `done` of `total` questions × arms."""

    done: int
    total: int
    arm: Arm
    question: Question
    prompt: str
    prompt_tokens: int
    answer: str
    right: bool


def ask_all(
    model: LanguageModel,
    store: BufferStore,
    questions: Sequence[Question],
    arms: Sequence[Arm],
    recall: Recall,
) -> Iterator[Answered]:
    """Ask every question under every arm."""
    total, done = len(questions) * len(arms), 0
    for arm in arms:
        for begin in range(0, len(questions), ROWS):
            some = questions[begin : begin + ROWS]
            how = approaches([q.question for q in some], arm, store, model, recall)
            replies = answered(model, how, Sampling(max_tokens=TOKENS))
            for question, turns, reply in zip(some, (h.turns for h in how), replies, strict=True):
                done += 1
                yield Answered(
                    done=done, total=total, arm=arm, question=question, prompt=model.prompt(turns),
                    prompt_tokens=model.count_tokens(turns), answer=reply, right=mark(question, reply),
                )  # fmt: skip


def document(answers: Sequence[Answered], *, model: str, adapter: str | None) -> dict[str, Any]:
    """What `recall --json` prints. "right" and "asked" count told questions; those of kind never stand apart."""
    arms: dict[str, Any] = {}
    for arm in dict.fromkeys(a.arm for a in answers):
        mine = [a for a in answers if a.arm == arm]
        told = [a for a in mine if a.question.kind != "never"]
        never = [a for a in mine if a.question.kind == "never"]
        right = sum(a.right for a in told)
        kinds = dict.fromkeys(a.question.kind for a in told)
        arms[arm] = {
            "right": right,
            "asked": len(told),
            "interval": [round(x, 4) for x in wilson(right, len(told))],
            "never": {"right": sum(a.right for a in never), "asked": len(never)},
            "kinds": {
                k: {
                    "right": sum(a.right for a in told if a.question.kind == k),
                    "asked": sum(a.question.kind == k for a in told),
                }
                for k in kinds
            },
            "prompt_tokens": round(sum(a.prompt_tokens for a in mine) / max(1, len(mine)), 1),
        }
    return {
        "model": model,
        "adapter": adapter,
        "questions": len({id(a.question) for a in answers}),
        "arms": arms,
        "answers": [
            {
                "question": a.question.question, "kind": a.question.kind, "arm": a.arm, "prompt": a.prompt,
                "answer": a.answer, "right": a.right,
            }
            for a in answers
        ],
    }  # fmt: skip
