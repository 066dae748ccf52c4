"""The engine says what plain generation says, whatever stands beside it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from tiny import attentive, make_checkpoint

from agent import engine
from agent.local_model import LocalModel
from agent.model import Sampling
from sleep import lora


@pytest.fixture(scope="module", params=["llama", "qwen3", "gemma"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder = make_checkpoint(tmp_path_factory.mktemp("m") / "m", request.param)
    made = LocalModel.load(folder, name="tiny", device="cpu")
    attentive(made.network)
    return made


def prompts(count: int) -> list[list[int]]:
    """Of many lengths, some beginning alike, one twice."""
    draw = random.Random(3)
    trunk = [draw.randrange(3, 400) for _ in range(12)]
    out = [
        trunk[: draw.randint(0, 12)] + [draw.randrange(3, 400)] * draw.randint(1, 9)
        for _ in range(count)
    ]
    return [*out, out[0]]


def plain(model: LocalModel, prompt: list[int], most: int) -> list[int]:
    out = model.network.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=most,
        do_sample=False,
        pad_token_id=model.end_id,
        eos_token_id=model.end_id,
    )[0, len(prompt) :].tolist()
    return out[: out.index(model.end_id)] if model.end_id in out else out


@pytest.mark.parametrize("rows", [1, 3, 48])
def test_replies_are_those_of_plain_generation(model: LocalModel, rows: int) -> None:
    asked = prompts(11)
    replies: list[list[int]] = [[] for _ in asked]
    greedy = engine.chooser(Sampling(), model.device)
    with torch.inference_mode():
        for i, token in engine.generate(
            model.network, asked, greedy, most=14, end=model.end_id, rows=rows
        ):
            if token != model.end_id:
                replies[i].append(token)
        wanted = [plain(model, p, 14) for p in asked]
    assert replies == wanted


def test_sampling_follows_its_seed(model: LocalModel) -> None:
    asked = prompts(5) * 4
    warm = Sampling(max_tokens=9, temperature=1.0, top_p=0.95, seed=4)
    first = model.decode(asked, warm)
    assert first == model.decode(asked, warm)
    assert first != model.decode(asked, Sampling(max_tokens=9, temperature=1.0, seed=5))


def test_nothing_asked_is_nothing_said(model: LocalModel) -> None:
    assert model.decode([], Sampling()) == []


def test_progress_counts_every_reply_once(model: LocalModel) -> None:
    heard: list[int] = []
    model.decode(prompts(9), Sampling(max_tokens=4), progress=heard.append)
    assert heard == list(range(1, 11))


def test_weights_are_bit_for_bit_the_same_after_decoding_with_an_adapter(tmp_path: Path) -> None:
    model = LocalModel.load(make_checkpoint(tmp_path / "m"), name="tiny", device="cpu")
    before = {n: p.clone() for n, p in model.network.named_parameters()}
    with torch.no_grad():
        for tensor in lora.expand(model, rank=4, targets=lora.ALL_LINEAR, seed=0):
            tensor.normal_()
    asked = prompts(7)
    together = model.decode(asked, Sampling(max_tokens=6))  # enough of them to be merged
    assert together[:2] == model.decode(asked[:2], Sampling(max_tokens=6))  # too few
    assert together != model.decode(asked, Sampling(max_tokens=6), adapter=False)
    model.wear(None)
    assert all(torch.equal(p, before[n]) for n, p in model.network.named_parameters())
