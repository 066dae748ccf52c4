"""What came to mind and answers something else is not said: the model admits that it wasn't told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tiny import attentive, make_checkpoint

from agent import doubt
from agent.doubt import ADMITS, LEAST, certainty
from agent.local_model import LocalModel
from agent.prompt import DREAM_WORDS, chat, dreaming, reading
from agent.scoring import scored
from agent.scripted_model import ScriptedModel
from memory.episode import DreamKind, Turn
from sleep import lora

QUESTION, REPLY = "How old is my cat?", "Your cat is Biscuit."


class Knowing(ScriptedModel):
    """Finds the dreams of each kind, and the reader's abstaining, so likely."""

    def __init__(self, logp: dict[str, float]) -> None:
        super().__init__()
        self.logp = logp

    def log_likelihood(
        self, prompts: Sequence[Sequence[Turn]], beginnings: Sequence[str]
    ) -> list[float]:
        return [
            next(v for k, v in self.logp.items() if k in f"{p[-1].content} {b}")
            for p, b in zip(prompts, beginnings, strict=True)
        ]


def knowing(fact: float, never: float, abstaining: float) -> Knowing:
    words = {kind: DREAM_WORDS[kind] for kind in doubt.ANSWERED}
    return Knowing(
        {
            ADMITS: abstaining, words[DreamKind.FACT]: fact, words[DreamKind.REVERSE]: -90.0,
            words[DreamKind.INDIRECT]: -80.0, DREAM_WORDS[DreamKind.NEVER]: never,
        }
    )  # fmt: skip


def in_doubt(model: ScriptedModel, reply: str = REPLY) -> bool:
    return doubt.doubts(model, [QUESTION], [reply])[0]


def test_it_is_sure_of_what_it_would_dream_of_and_a_reader_would_answer() -> None:
    assert certainty(knowing(-20.0, -23.0, -4.0), [QUESTION], [REPLY]) == [pytest.approx(7.0)]
    assert certainty(ScriptedModel(), [], []) == []


def test_what_is_no_answer_is_doubted() -> None:
    assert not in_doubt(knowing(-20.0, -23.0, -4.0))
    assert in_doubt(knowing(-20.0, -18.0, -0.5))


def test_what_abstains_or_says_nothing_is_not_doubted() -> None:
    for reply in ("You haven't told me that, sorry.", ""):
        assert not in_doubt(knowing(-20.0, -10.0, 0.0), reply)


def test_a_model_without_instincts_does_not_doubt() -> None:
    model = knowing(-20.0, -10.0, 0.0)
    model.has_instincts = False
    assert not in_doubt(model)


@pytest.fixture
def real(tmp_path: Path) -> LocalModel:
    made = LocalModel.load(
        make_checkpoint(tmp_path / "m", "llama"), name="x", has_instincts=True, device="cpu"
    )
    attentive(made.network)
    return made


def test_likelihoods_are_those_of_the_model_without_its_night(real: LocalModel) -> None:
    prompts = [reading(QUESTION, [REPLY]), dreaming([REPLY], DreamKind.NEVER), chat("Hello.")]
    begins = [ADMITS, f"{QUESTION}\n", "Good day to you."]
    bare = real.log_likelihood(prompts, begins)
    with torch.no_grad():
        for tensor in lora.expand(real, rank=2, targets=lora.ALL_LINEAR, seed=0):
            tensor.normal_(0.0, 0.3)
    pairs = [
        (real.encode(p), real.encode_reply(b, end=False))
        for p, b in zip(prompts, begins, strict=True)
    ]
    alone = [float(own.sum()) for own, _, _ in scored(real, pairs, adapter=False)]
    assert real.log_likelihood(prompts, begins) == pytest.approx(alone, abs=1e-3)
    assert bare == pytest.approx(alone, abs=1e-3)


def test_only_what_says_something_is_weighed(real: LocalModel) -> None:
    replies = ["", REPLY, "You haven't told me that.", REPLY]
    (sure,) = certainty(real, [QUESTION], [REPLY])
    said = doubt.doubts(real, [QUESTION] * 4, replies)
    assert said == [False, sure < LEAST, False, sure < LEAST]
