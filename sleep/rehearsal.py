"""General ability: what the base itself says.

The texts are sampled from the base once (a quarter what a user might say, a quarter its replies, half prose), and
cached beside the model: nothing external is needed (SSR, arXiv 2403.01244). A part is held out: it measures drift.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from agent.local_model import LocalModel
from agent.model import Sampling
from agent.scoring import scored
from memory.episode import Role, Turn
from memory.paths import write_atomic
from sleep.lesson import Lesson, hard

TOP_K = 64
TEXT_TOKENS = 72
OPENERS = (
    "",
    "The",
    "In",
    "When",
    "There is",
    "A",
    "How to",
    "She",
    "def ",
    "Most people",
    "It was",
    "To",
)


def base_texts(
    model: LocalModel,
    count: int,
    cache: Path | None,
    *,
    seed: int = 7,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Lesson]:
    """`count` texts that the model says with its adapter off, as lessons that are certain of what was said.

    `cache` is a safetensors file that is read if it holds enough, and written otherwise.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load, save

    if cache is not None and cache.exists():
        try:
            tensors = load(cache.read_bytes())
        except SafetensorError:  # torn: sampled anew below
            tensors = {}
        # What was asked for counts: a few were too short, and left out.
        if int(tensors.get("asked", torch.tensor(0))) >= count:
            return _unpack(tensors)[:count]
    done = 0

    def more(n: int) -> None:
        nonlocal done
        done += n
        progress(min(done, count), count)

    def complete(prompts: list[list[int]], seed: int) -> list[list[int]]:
        before = done
        sampling = Sampling(max_tokens=TEXT_TOKENS, temperature=1.0, top_p=0.95, seed=seed)
        return model.decode(
            prompts, sampling, adapter=False, progress=lambda n: more(before + n - done)
        )

    # 1. half prose and a quarter what a user might say; then a quarter what the base replies to that
    opened, quarter = _user_turn(model), count // 4
    openings = _openings(model, count - 2 * quarter)
    begun = complete([opened] * quarter + openings, seed)
    said, prose = begun[:quarter], begun[quarter:]
    turns = [Turn(role=Role.USER, content=model.text(row)) for row in said]
    asked = [model.encode([t]) for t in turns if t.content]
    replied = [[*r, model.end_id] for r in complete(asked, seed + 1)]
    # 2. what is long enough, shuffled
    pairs = [(opened, row) for row in said] + list(zip(asked, replied, strict=True))
    pairs += [(p[:1], [*p[1:], *row]) for p, row in zip(openings, prose, strict=True)]
    lessons = [hard(p, r) for p, r in pairs if len(r) > 4]
    random.Random(seed).shuffle(lessons)
    if cache is not None:
        write_atomic(cache, save(_pack(lessons) | {"asked": torch.tensor(count)}))
    return lessons


def base_lessons(
    model: LocalModel,
    texts: Sequence[Lesson],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Lesson]:
    """The texts as lessons whose teacher is the model with its adapter off: its `TOP_K` log-probabilities."""
    done = 0

    def more(n: int) -> None:
        nonlocal done
        done += n
        progress(done, len(texts))

    parts = [x.parted() for x in texts]
    tops = scored(model, parts, adapter=False, top_k=TOP_K, progress=more)
    return [
        replace(x, top_ids=ids, top_logp=logp)
        for x, (_, ids, logp) in zip(texts, tops, strict=True)
    ]


def _user_turn(model: LocalModel) -> list[int]:
    """An open user turn, for the base to fill."""
    opened = model.prompt([Turn(role=Role.USER, content="\uf8ff")]).split("\uf8ff")[0]
    return list(model.tokenizer(opened, add_special_tokens=False).input_ids)


def _openings(model: LocalModel, count: int) -> list[list[int]]:
    """The first word of some prose."""
    out = []
    for i in range(count):
        word = OPENERS[i % len(OPENERS)]
        text = model.tokenizer(word, add_special_tokens=False).input_ids if word else []
        out.append([_start(model), *text])
    return out


def _start(model: LocalModel) -> int:
    """The token before a document."""
    tokenizer = model.tokenizer
    known = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    if isinstance(known, int) and known != tokenizer.unk_token_id:
        return known
    unknown_is_it = tokenizer.unk_token == "<|endoftext|>"
    return int(
        tokenizer.unk_token_id if unknown_is_it else (tokenizer.bos_token_id or model.end_id)
    )


def _pack(lessons: list[Lesson]) -> dict[str, torch.Tensor]:
    return {
        "ids": torch.cat([torch.tensor(x.ids) for x in lessons]),
        "lengths": torch.tensor([len(x.ids) for x in lessons]),
        "starts": torch.tensor([x.start for x in lessons]),
    }


def _unpack(t: dict[str, torch.Tensor]) -> list[Lesson]:
    texts = [ids.tolist() for ids in t["ids"].split(t["lengths"].tolist())]
    return [hard(x[:s], x[s:]) for x, s in zip(texts, t["starts"].tolist(), strict=True)]
