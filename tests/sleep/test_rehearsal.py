"""What the base says is sampled once: the second night reads it, and a torn cache is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from agent.local_model import LocalModel
from sleep.lesson import Lesson
from sleep.rehearsal import TOP_K, base_lessons, base_texts


class Counting(LocalModel):
    """Counts how often it is asked to say something."""

    decoded = 0

    def decode(self, *arguments: Any, **options: Any) -> list[list[int]]:
        self.decoded += 1
        return super().decode(*arguments, **options)


@pytest.fixture
def model(tiny_checkpoint: Path) -> Counting:
    model = Counting.load(tiny_checkpoint, name="tiny", device="cpu")
    assert isinstance(model, Counting)
    return model


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "texts.safetensors"


def same(one: list[Lesson], other: list[Lesson]) -> bool:
    """Alike to the last token and number."""
    return len(one) == len(other) and all(
        (a.ids, a.start) == (b.ids, b.start)
        and torch.equal(a.top_ids, b.top_ids)
        and torch.equal(a.top_logp, b.top_logp)
        for a, b in zip(one, other, strict=True)
    )


def test_the_second_time_nothing_is_said_anew(model: Counting, cache: Path) -> None:
    first = base_texts(model, 12, cache)
    assert first and model.decoded
    model.decoded = 0
    assert same(base_texts(model, 12, cache), first) and model.decoded == 0
    assert same(base_texts(model, 4, cache), first[:4]) and model.decoded == 0
    assert base_texts(model, 16, cache) and model.decoded  # it holds too few for that


@pytest.mark.parametrize("left", [0, 4, 200, -1], ids=lambda n: f"{n} bytes")
def test_a_torn_cache_is_made_anew(model: Counting, cache: Path, left: int) -> None:
    first = base_texts(model, 12, cache)
    whole = cache.read_bytes()
    cache.write_bytes(whole[:left])
    model.decoded = 0
    assert same(base_texts(model, 12, cache), first) and model.decoded
    assert cache.read_bytes() == whole
    assert cache.stat().st_mode & 0o777 == 0o600


def test_what_is_gone_through_has_what_the_base_thinks_of_every_token(model: Counting) -> None:
    texts = base_texts(model, 8, None)
    ticks: list[tuple[int, int]] = []
    lessons = base_lessons(model, texts, lambda done, total: ticks.append((done, total)))
    assert ticks[-1] == (len(texts), len(texts))
    for text, lesson in zip(texts, lessons, strict=True):
        assert (lesson.ids, lesson.start) == (text.ids, text.start)
        assert lesson.top_ids.shape == (text.answers, TOP_K)
        with torch.inference_mode():
            logits = model.network(torch.tensor([text.ids])).logits[0, text.start - 1 : -1]
        logp = logits.log_softmax(-1).gather(1, lesson.top_ids.long())
        assert torch.allclose(lesson.top_logp, logp, atol=1e-4)
