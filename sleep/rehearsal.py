"""General ability: what the base itself says, with its own top log-probabilities.

The texts are sampled from the base once (a quarter what a user might say, a quarter its replies, half prose), and
cached beside the model: nothing external is needed (SSR, arXiv 2403.01244). A part is held out: it measures drift.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import torch

from agent.local_model import LocalModel
from agent.model import Sampling
from memory.episode import Role, Turn
from memory.paths import write_atomic
from sleep.lesson import Lesson, scored

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
    """`count` lessons whose teacher is the model as it is now with its adapter off.

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
    total = 2 * count
    done = 0

    def more(n: int) -> None:
        nonlocal done
        done += n
        progress(min(done, total), total)

    def complete(prompts: list[list[int]], seed: int) -> list[list[int]]:
        before = done
        sampling = Sampling(max_tokens=TEXT_TOKENS, temperature=1.0, top_p=0.95, seed=seed)
        return model.decode(
            prompts, sampling, adapter=False, progress=lambda n: more(before + n - done)
        )

    # 1. a quarter each: what a user might say, and what the base replies to it; and half prose
    opened = _user_turn(model)
    said = complete([opened] * (count // 4), seed)
    turns = [Turn(role=Role.USER, content=model.text(row)) for row in said]
    asked = [model.encode([t]) for t in turns if t.content]
    replied = [[*r, model.end_id] for r in complete(asked, seed + 1)]
    openings = _openings(model, count - len(said) - len(asked))
    prose = complete(openings, seed + 2)
    pairs = [(opened, row) for row in said] + list(zip(asked, replied, strict=True))
    pairs += [(p[:1], [*p[1:], *row]) for p, row in zip(openings, prose, strict=True)]
    pairs = [(p, r) for p, r in pairs if len(r) > 4]
    random.Random(seed).shuffle(pairs)
    # 2. what the base thinks of every token of them
    tops = scored(model, pairs, adapter=False, top_k=TOP_K, progress=more)
    lessons = [
        Lesson((*p, *a), len(p), ids, logp)
        for (p, a), (_, ids, logp) in zip(pairs, tops, strict=True)
    ]
    if cache is not None:
        write_atomic(cache, save(_pack(lessons) | {"asked": torch.tensor(count)}))
    return lessons


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
        "top_ids": torch.cat([x.top_ids for x in lessons]),
        "top_logp": torch.cat([x.top_logp for x in lessons]).half(),
    }


def _unpack(t: dict[str, torch.Tensor]) -> list[Lesson]:
    lengths, starts = t["lengths"].tolist(), t["starts"].tolist()
    answers = [n - s for n, s in zip(lengths, starts, strict=True)]
    parts = zip(
        t["ids"].split(lengths),
        starts,
        t["top_ids"].split(answers),
        t["top_logp"].float().split(answers),
        strict=True,
    )
    return [Lesson(tuple(i.tolist()), s, a, b) for i, s, a, b in parts]
