"""What comes to mind: the likeliest beginnings, gone on with greedily; the nearest of them to the question is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tiny import attentive, make_checkpoint

from agent.by_heart import NEARNESS, by_heart
from agent.local_model import LocalModel
from agent.model import Sampling, Thought
from agent.prompt import chat
from agent.scoring import scored
from agent.scripted_model import ScriptedModel
from agent.thoughts import THOUGHTS, come_to_mind
from memory.episode import Turn
from sleep import lora


@pytest.fixture(params=["llama", "qwen3", "gemma"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> LocalModel:
    made = LocalModel.load(make_checkpoint(tmp_path / "m", request.param), name="x", device="cpu")
    attentive(made.network)
    return made


@pytest.mark.parametrize("adapter", [False, True])
def test_thoughts_are_greedy_from_their_third_token_on_and_their_price_is_right(
    model: LocalModel, adapter: bool
) -> None:
    if adapter:
        torch.manual_seed(3)
        with torch.no_grad():
            for tensor in lora.expand(model, rank=2, targets=lora.ALL_LINEAR, seed=0):
                tensor.normal_(0.0, 0.3)
    prompts = [model.encode(chat(q)) for q in ("What is my cat called?", "Where do I live?")]
    for prompt, thoughts in zip(prompts, come_to_mind(model, prompts, 8), strict=True):
        assert 1 <= len(thoughts) <= THOUGHTS
        assert len({tuple(t.reply[:2]) for t in thoughts}) == len(thoughts)
        greedy = model.decode([prompt], Sampling(max_tokens=8))[0]
        if len(greedy) > 1:
            assert greedy in [t.reply for t in thoughts]
        for t in thoughts:
            ((own, top, _),) = scored(model, [(prompt, t.reply)], adapter=True)
            assert t.logp == pytest.approx(float(own.mean()), abs=1e-3)
            assert top[2:, 0].tolist() == t.reply[2:]
            assert t.ended is (len(t.reply) < 8)


class Torn(ScriptedModel):
    def __init__(self) -> None:
        super().__init__()
        self.has_instincts = False  # to doubt by

    def thoughts(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling
    ) -> list[list[Thought]]:
        some = [
            ("Your dog is Rex.", -0.1),
            ("Your cat is Biscuit.", -0.5),
            ("You like cats.", -9.0),
        ]
        return [[Thought(text=text, logp=logp) for text, logp in some] for _ in prompts]


def test_the_nearest_of_the_likely_is_said() -> None:
    near = {
        "Your dog is Rex.": 0.2,
        "Your cat is Biscuit.": 0.2 + 0.5 / NEARNESS,
        "You like cats.": 0.9,
    }
    (own,) = by_heart(
        Torn(), ["q"], [chat("q")], lambda _, texts: [near[t] for t in texts], Sampling()
    )
    assert own.text == "Your cat is Biscuit." and own.likeness == near[own.text]
    (own,) = by_heart(Torn(), ["q"], [chat("q")], lambda _, texts: [0.5] * len(texts), Sampling())
    assert own.text == "Your dog is Rex."
