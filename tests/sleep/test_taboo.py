"""Questions that may not use the words of what they ask about."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from agent import engine
from agent.local_model import LocalModel
from agent.model import Sampling
from sleep import taboo
from sleep.words import stem

PIECES = ["<s>", " cat", "cats", " Cat", "ca", " purr", " purring", "7715", " x"]
STATEMENT = "My cat Rex purrs at 7715."


def test_a_stem_has_every_token_that_spells_it_whole() -> None:
    stems = taboo.by_stem(PIECES)
    assert list(stems["cat"]) == [1, 3] and "ca" not in stems and "7715" not in stems
    assert set(stems) == {stem(p.strip().lower()) for p in PIECES[1:7] if p != "ca"}


def test_names_are_barred_only_where_they_are_not_asked_from() -> None:
    stems = taboo.by_stem(["rex", "cat"])
    every = [taboo.barred(STATEMENT, stems, random.Random(i), names=True) for i in range(40)]
    some = [taboo.barred(STATEMENT, stems, random.Random(i), names=False) for i in range(40)]
    assert any(0 in b for b in every) and not any(0 in b for b in some)
    assert any(1 in b for b in some)
    assert not all(1 in b for b in every), "now and then a word of the statement is allowed"


def test_a_barred_token_is_never_chosen() -> None:
    logits = torch.tensor([[5.0, 1.0, 0.0], [5.0, 1.0, 0.0]])
    barred = [[0], [], [0, 1]]
    greedy = engine.chooser(Sampling(), torch.device("cpu"), barred)
    assert greedy(logits.clone(), [1, 2]).tolist() == [0, 2]
    drawn = engine.chooser(Sampling(temperature=1.0, seed=0), torch.device("cpu"), barred)
    assert all(drawn(logits.clone(), [0, 2]).tolist()[1] == 2 for _ in range(20))


@pytest.fixture
def model(tiny_checkpoint: Path) -> LocalModel:
    return LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")


def test_each_prompt_has_its_own_taboo(model: LocalModel) -> None:
    prompt = [1, 2, 3, 4]
    free = model.decode([prompt], Sampling(max_tokens=3))[0]
    one, other = model.decode([prompt, prompt], Sampling(max_tokens=3), barred=[free[:1], []])
    assert other == free and free[0] not in one
