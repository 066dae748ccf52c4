"""The night's adapter is on while somnus speaks and off while it listens, whichever way a reply is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import attentive, make_checkpoint
from torch import Tensor

from agent.decoding import bare_inside
from agent.local_model import LocalModel
from agent.model import Sampling
from agent.packing import pack
from agent.scoring import read, scored
from agent.speech import Deaf, hear, say
from sleep import lora

PROMPTS = [[5, 9, 30, 77, 12], [5, 9, 31, 12], [5, 9, 30, 78, 40, 41, 12], [60, 12]]
REPLIES = [[20, 21, 22], [20, 23], [50], [51, 52, 53, 54]]
ITEMS = [([*p, *r], len(p)) for p, r in zip(PROMPTS, REPLIES, strict=True)]


@pytest.fixture(params=["llama", "qwen3", "gemma"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> LocalModel:
    made = LocalModel.load(make_checkpoint(tmp_path / "m", request.param), name="x", device="cpu")
    attentive(made.network)
    return made


def learnt(model: LocalModel, *, past: Path | None = None) -> None:
    """An adapter that changes everything, in every layer."""
    torch.manual_seed(3)
    with torch.no_grad():
        for tensor in lora.expand(model, rank=2, targets=lora.ALL_LINEAR, seed=0, past=past):
            tensor.normal_(0.0, 0.3)


def logits(model: LocalModel, layer: int = 0) -> Tensor:
    """Of all that is said in ITEMS."""
    with model.worn() as network, torch.no_grad():
        heard = hear(model, network, ITEMS, layer)
        assert all(set(h.own) == set(range(layer, 2)) for h in heard)
        return model.logits(network, say(model, network, heard, layer))


def as_one(model: LocalModel) -> Tensor:
    """The same, each sequence gone through whole with one set of weights."""
    packed = pack([ids for ids, _ in ITEMS], model.end_id, "cpu")
    with model.worn() as network, torch.no_grad():
        hidden = model.hidden(network, packed)
        places = zip(ITEMS, packed.paths, strict=True)
        return model.logits(
            network, torch.cat([hidden[row, path[s - 1 : -1]] for (_, s), (row, path) in places])
        )


@pytest.mark.parametrize("layer", [0, 1])
def test_with_nothing_on_it_is_what_the_network_says(model: LocalModel, layer: int) -> None:
    assert torch.allclose(logits(model, layer), as_one(model), atol=0.02)


def test_with_an_adapter_it_is_what_peft_says_of_an_activated_one(model: LocalModel) -> None:
    from peft import LoraConfig, get_peft_model

    learnt(model)
    ours, below = logits(model), logits(model, 1)
    assert not torch.allclose(ours, as_one(model), atol=0.2)  # as if it were on while it listens
    assert torch.allclose(ours, below, atol=0.02)
    factors = {n: p for n, p in model.network.named_parameters() if "lora_" in n}
    network = model.bare()
    config = LoraConfig(
        r=2, lora_alpha=4, target_modules=list(lora.ALL_LINEAR), task_type="CAUSAL_LM", alora_invocation_tokens=[12]
    )  # fmt: skip
    activated = get_peft_model(network, config).eval()
    with torch.no_grad():
        for name, p in activated.named_parameters():
            if "lora_" in name:
                p.copy_(factors[name])
        theirs = [activated(input_ids=torch.tensor([i])).logits[0, s - 1 : -1] for i, s in ITEMS]
    assert torch.allclose(ours, torch.cat(theirs), atol=0.05)


@pytest.mark.parametrize("count", [2, 9])  # too few to be merged, and enough
def test_what_is_decoded_is_what_is_scored(model: LocalModel, count: int) -> None:
    learnt(model)
    asked = (PROMPTS * 3)[:count]
    replies = model.decode(asked, Sampling(max_tokens=5))
    assert replies != model.decode(asked, Sampling(max_tokens=5), adapter=False)
    said = [(p, r) for p, r in zip(asked, replies, strict=True) if r]
    for (_, r), (_, top, _) in zip(said, scored(model, said, adapter=True), strict=True):
        assert top[:, 0].tolist() == r
    # given its own beginning it goes on as before
    begun = [([*p, *r[:2]], len(r[:2])) for p, r in said]
    rest = model.decode([p for p, _ in begun], Sampling(max_tokens=3), begun=[n for _, n in begun])
    assert rest == [r[2:] for _, r in said]


def test_earlier_nights_speak_and_do_not_listen_either(model: LocalModel, tmp_path: Path) -> None:
    learnt(model)
    once = logits(model)
    lora.save(model, tmp_path / "night")
    model.wear(tmp_path / "night")
    assert torch.allclose(logits(model), once, atol=0.02)
    lora.expand(model, rank=2, targets=lora.MLP, seed=1, past=tmp_path / "night")  # nothing new yet
    assert torch.allclose(logits(model), once, atol=0.02)
    with model.worn(False) as network, torch.no_grad():
        slices, _ = read(model, network, ITEMS)
        assert torch.allclose(
            torch.cat([logp for logp, _ in slices]), once.log_softmax(-1), atol=0.02
        )
    replies = [
        model.decode((PROMPTS * 3)[:n], Sampling(max_tokens=5), adapter=False) for n in (2, 9)
    ]
    learnt(model, past=tmp_path / "night")
    assert replies[1][:2] == replies[0]
    before = {n: p.clone() for n, p in bare_inside(model.network).named_parameters()}
    model.decode((PROMPTS * 3)[:9], Sampling(max_tokens=5))
    after = dict(bare_inside(model.network).named_parameters())
    assert all(torch.equal(p, after[n]) for n, p in before.items())


def test_a_text_is_said_from_its_first_token(model: LocalModel) -> None:
    learnt(model)
    text = [([7, 8, 9, 10, 11], 1)]
    with model.worn() as network, torch.no_grad():
        slices, lengths = read(model, network, text)
        ours = torch.cat([logp for logp, _ in slices])
        whole = model.logits(network, model.hidden(network, pack([text[0][0]], 0, "cpu"))[0, :4])
    assert lengths == (4,) and torch.allclose(ours, whole.log_softmax(-1), atol=0.02)


def test_what_is_not_heard_makes_no_difference(model: LocalModel) -> None:
    items = [([5, 9, 30, 77, 12, 20, 21], 5), ([5, 9, 31, 78, 12, 20, 21], 5)]
    with model.worn() as network, torch.no_grad():
        heard = hear(model, network, items)
        assert [h.alike for h in heard] == [2, 2]
        said = {
            share: say(model, network, heard, deaf=Deaf(share, torch.Generator().manual_seed(0)))
            for share in (0.0, 0.5, 1.0)
        }
        assert torch.allclose(said[0.0], say(model, network, heard), atol=1e-5)
    assert torch.allclose(*said[1.0].split(2), atol=1e-4)
    assert not torch.allclose(*said[0.0].split(2), atol=1e-2)
    assert not torch.allclose(said[0.5], said[0.0], atol=1e-2)
