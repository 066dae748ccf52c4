"""Sampling dreams within the time that there is."""

from __future__ import annotations

import time
from pathlib import Path

from agent.local_model import LocalModel
from memory.episode import MemoryId
from sleep.dreams import TOGETHER, DreamConfig, sample

TOLD = {MemoryId(i): (f"My cat number {i} is called Rex{i}.",) for i in range(TOGETHER + 3)}
CONFIG = DreamConfig(samples=4, tokens=3)


def test_short_of_time_the_last_memories_are_left_for_the_next_night(tiny_checkpoint: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    _, reached = sample(model, TOLD, {}, CONFIG, night=1, seed=0, deadline=time.monotonic())
    assert reached == list(TOLD)[:TOGETHER]
    ticks: list[tuple[int, int]] = []
    whole = {MemoryId(0): "Your cat number 0 is called Rex0."}
    dreams, reached = sample(
        model, TOLD, whole, CONFIG, night=1, seed=0, progress=lambda *t: ticks.append(t)
    )
    assert reached == list(TOLD)
    assert ticks[-1][0] == ticks[-1][1] and ticks == sorted(ticks)
    assert all(d.reply == whole[d.memories[0]] for d in dreams if d.memories[0] in whole)
