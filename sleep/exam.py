"""The exam: closed-book questions that were never trained on, each asked twice: with tonight's adapter, and without.

Nothing is in the prompt but the question. The answer without the adapter is the control: what the smaller self could
not answer is what the night has taught.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

import torch

from agent import prompt
from agent.by_heart import ByHeart, by_heart
from agent.doubt import doubts
from agent.local_model import LocalModel
from agent.model import Sampling
from agent.packing import chunks
from agent.scoring import SLICE, read
from agent.telling import abstains
from memory.episode import Dream, DreamKind, ExamAnswer, MemoryId
from memory.store import Embedder, likeness
from sleep import lora
from sleep.lesson import Lesson
from sleep.loss import divergence
from sleep.words import agrees

ANSWER_TOKENS = 40
ROWS = 16  # questions that are thought about together
LEAST_LEFT = 0.7  # of what a night learnt, when it is tempered
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far the student's general ability went from what it was with no night's adapter at all."""

    perplexity_before: float
    perplexity_after: float
    kl: float  # nats a token, base ‖ student, on texts of the base that were not rehearsed

    @property
    def rise(self) -> float:
        """0.02 is two per cent more perplexity."""
        return self.perplexity_after / self.perplexity_before - 1.0


def ask(
    model: LocalModel,
    dreams: Sequence[Dream],
    told: Mapping[MemoryId, Sequence[str]],
    *,
    night: int,
    embedder: Embedder,
    progress: Progress = lambda done, total: None,
) -> list[ExamAnswer]:
    """Ask every dream's cue with tonight's adapter, as a user is answered by heart, and without; and mark both."""
    asked = [prompt.chat(d.cue) for d in dreams]
    sampling = Sampling(max_tokens=ANSWER_TOKENS)
    total = 2 * len(asked)
    with_it: list[ByHeart] = []
    for some in chunks(list(range(len(asked))), ROWS):
        with_it += by_heart(
            model, [dreams[i].cue for i in some], [asked[i] for i in some],
            partial(likeness, embedder), sampling,
        )  # fmt: skip
        progress(len(with_it), total)
    without = model.decode(
        [model.encode(turns) for turns in asked], sampling, adapter=False,
        progress=lambda done: progress(len(asked) + done, total),
    )  # fmt: skip
    # What was dreamt of a memory is asked about it: only where nothing was told there is something to doubt.
    untold = [i for i, d in enumerate(dreams) if d.kind is DreamKind.NEVER]
    unsure = doubts(model, [dreams[i].cue for i in untold], [with_it[i].text for i in untold])
    doubted = dict(zip(untold, unsure, strict=True))
    out = []
    for i, (dream, own, control_row) in enumerate(zip(dreams, with_it, without, strict=True)):
        text = " ".join(t for m in dream.memories for t in told[m])
        control = model.text(control_row)
        answer = control if doubted.get(i) else own.text
        never = dream.kind is DreamKind.NEVER
        out.append(
            ExamAnswer(
                night=night,
                memory=None if never else dream.memories[0],
                kind=dream.kind,
                question=dream.cue,
                expected=dream.reply,
                answer=answer,
                right=abstains(answer) if never else agrees(answer, dream.cue, dream.reply, text),
                control_answer=control,
                control_right=abstains(control)
                if never
                else agrees(control, dream.cue, dream.reply, text),
            )
        )
    return out


def probe_text() -> list[str]:
    """General prose that is never trained on or rehearsed, for measuring drift."""
    text = files("data").joinpath("general", "probe.txt").read_text("utf-8")
    return [p.strip() for p in text.split("\n\n") if p.strip()]


def perplexity(model: LocalModel, texts: Sequence[str], *, adapter: bool = True) -> float:
    """exp of the mean NLL a token over all texts, each on its own."""
    total, count = 0.0, 0
    with model.worn(adapter) as network, torch.inference_mode():
        for some in chunks(texts, 8):
            items = [(model.encode_reply(t, end=False), 1) for t in some]
            slices, lengths = read(model, network, [(i, s) for i, s in items if len(i) > 1])
            for logp, target in slices:
                total -= float(logp.gather(1, target.unsqueeze(1)).sum())
            count += sum(lengths)
    return math.exp(total / count)


def kl_to_base(model: LocalModel, texts: Sequence[Lesson]) -> float:
    """Mean forward KL a token on texts of the base that were not rehearsed (RL's Razor, arXiv 2509.04259)."""
    total, count = 0.0, 0
    with model.worn() as network, torch.inference_mode():
        for some in chunks(texts, 8):
            slices, lengths = read(model, network, [(x.ids, x.start) for x in some])
            ids, logp = (torch.cat([getattr(x, f) for x in some]) for f in ("top_ids", "top_logp"))
            for (q, _), i, p in zip(slices, ids.split(SLICE), logp.split(SLICE), strict=True):
                total += float(divergence(p.to(q), q, i.to(q.device)).sum())
            count += sum(lengths)
    return total / max(1, count)


def drift(
    model: LocalModel,
    ledger: Any,
    texts: Sequence[Lesson],
    base_hash: str,
    *,
    progress: Progress = lambda done, total: None,
) -> Drift:
    """Perplexity on the probe text against the model without any night's adapter, measured at the first night."""
    before = untouched(model, ledger, base_hash)
    progress(1, 3)
    after = perplexity(model, probe_text())
    progress(2, 3)
    kl = kl_to_base(model, texts)
    progress(3, 3)
    return Drift(perplexity_before=before, perplexity_after=after, kl=kl)


def temper(
    model: LocalModel,
    before: float,
    most: float,
    *,
    progress: Progress = lambda done, total: None,
) -> float:
    """Shrink tonight's rank until perplexity on the probe text is about `most` over `before`; the share that is left.

    What was learnt survives a little less of it; general ability, which falls with the square, need not be thrown away
    with the night. Two measurements: as learnt, and at the least that may be left. What a share between costs lies
    below the line between them, since it grows faster than the share.
    """
    limit = before * (1.0 + most)
    whole = perplexity(model, probe_text())
    progress(1, 2)
    if whole <= limit:
        return 1.0
    lora.shrink(model, LEAST_LEFT)
    least = perplexity(model, probe_text())
    progress(2, 2)
    if not least < limit:  # not a number, too
        return LEAST_LEFT
    left = LEAST_LEFT + (1.0 - LEAST_LEFT) * (limit - least) / (whole - least)
    lora.shrink(model, left / LEAST_LEFT)
    return round(left, 2)


def untouched(model: LocalModel, ledger: Any, base_hash: str) -> float:
    """Perplexity on the probe text before any night: measured with tonight's rank off at the first, then noted."""
    key = f"perplexity:{base_hash}"
    before = ledger.meta(key)
    if before is None:
        before = str(perplexity(model, probe_text(), adapter=False))
        ledger.set_meta(key, before)
    return float(before)
