"""Packed batches give every sequence the log-probabilities that it gets alone."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import make_checkpoint

from agent.local_model import LocalModel
from agent.scoring import SLICE, batch, read, scored
from memory.ledger import Ledger
from sleep import exam, lora
from sleep.lesson import answer_logits, hard, surer


def sequences(seed: int, count: int) -> list[tuple[tuple[int, ...], int]]:
    """Random prompts with a common beginning, some in pairs with a longer one, and random answers."""
    draw = random.Random(seed)
    trunk = tuple(draw.randrange(3, 400) for _ in range(9))
    out = []
    for i in range(count):
        own = tuple(draw.randrange(3, 400) for _ in range(draw.randint(1, 12)))
        shared = trunk[: draw.choice([0, 4, 9])] if i % 3 else trunk + own[:1]
        ids = (*shared, *own, *(draw.randrange(3, 400) for _ in range(3)))
        out.append((ids, len(ids) - draw.randint(1, 3)))
    return [*out, out[0], (out[1][0], 1)]  # a repetition, and a sequence that is all answer


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma"])
@pytest.mark.parametrize("row", [16, 64, 4096])
def test_packing_changes_no_log_probability(tmp_path: Path, kind: str, row: int) -> None:
    model = LocalModel.load(make_checkpoint(tmp_path / kind, kind), name=kind, device="cpu")
    items = sequences(row, 14)
    with model.worn() as network, torch.inference_mode():
        packed = batch(items, model.end_id, "cpu", row=row)
        together = answer_logits(model, network, packed).log_softmax(-1)
        singly = [batch([x], model.end_id, "cpu") for x in items]
        alone = [answer_logits(model, network, b).log_softmax(-1) for b in singly]
    assert packed.targets.tolist() == [t for ids, start in items for t in ids[start:]]
    assert packed.packed.ids.numel() < sum(len(ids) for ids, _ in items) or row < 64
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=0)


def test_one_sequence_is_scored_as_the_plain_model_scores_it(tiny_checkpoint: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    ids = list(range(5, 25))
    with model.worn() as network, torch.inference_mode():
        ours = answer_logits(model, network, batch([(ids, 1)], model.end_id, "cpu")).log_softmax(-1)
        plain = model.network(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    torch.testing.assert_close(ours, plain, atol=1e-4, rtol=0)


def test_scores_come_back_in_the_order_asked(tiny_checkpoint: Path) -> None:
    model = LocalModel.load(tiny_checkpoint, name="tiny", device="cpu")
    pairs = [((1, 9, n), (n, 7)) for n in (90, 30, 60)] * 11
    forward = scored(model, pairs, adapter=False, top_k=3)
    backward = scored(model, pairs[::-1], adapter=False, top_k=3)[::-1]
    for one, other in zip(forward, backward, strict=True):
        torch.testing.assert_close(one[0], other[0], atol=1e-4, rtol=0)


def test_a_slice_at_a_time_says_the_same(tmp_path: Path) -> None:
    model = LocalModel.load(make_checkpoint(tmp_path / "llama", "llama"), name="x", device="cpu")
    with model.worn() as network, torch.inference_mode():
        items = [(range(3, 303), 1), *sequences(1, 4)]
        packed = batch(items, model.end_id, "cpu")
        assert len(packed.targets) > SLICE
        slices, lengths = read(model, network, items)
        logp, targets = (torch.cat(part) for part in zip(*slices, strict=True))
        whole = answer_logits(model, network, packed).log_softmax(-1)
    assert torch.allclose(logp, whole, atol=1e-5)
    assert torch.equal(targets, packed.targets) and lengths == packed.lengths


def test_certainty_is_lent_to_the_answer_and_nothing_else() -> None:
    lesson = hard([5, 6], [7, 8])
    unsure = torch.tensor([[7, 9], [3, 4]]), torch.tensor([[0.2, 0.6], [0.9, 0.05]]).log()
    taught = replace(lesson, top_ids=unsure[0], top_logp=unsure[1])
    out = surer(taught, torch.tensor([0.2, 0.04]).log(), 0.5)
    assert out.top_ids.tolist() == [[7, 9], [3, 8]]  # the answer takes the least likely one's place
    expected = torch.tensor([[0.6, 0.3], [0.45, 0.52]])
    assert torch.allclose(out.top_logp.exp(), expected, atol=1e-6)
    assert torch.allclose(
        surer(taught, torch.tensor([0.2, 0.04]).log(), 0.0).top_logp[0], unsure[1][0]
    )


def test_a_night_is_tempered_until_general_ability_is_back(tmp_path: Path) -> None:
    model = LocalModel.load(make_checkpoint(tmp_path / "llama", "llama"), name="x", device="cpu")
    lora.expand(model, rank=4, targets=lora.MLP, seed=0)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, factor in model.network.named_parameters():
            if "lora_B" in name:
                factor.copy_(torch.randn(factor.shape, generator=draw) * 0.3)
    with Ledger(tmp_path / "ledger.db") as ledger:
        untouched = exam.untouched(model, ledger, "hash")
        assert untouched == exam.perplexity(model, exam.probe_text(), adapter=False)
        assert ledger.meta("perplexity:hash") == str(untouched)
    before = exam.perplexity(model, exam.probe_text())
    ticks: list[tuple[int, int]] = []
    assert exam.temper(model, untouched, 1e9) == 1.0  # nothing to mend
    kept = lora.state(model)
    assert exam.temper(model, untouched, 0.0, progress=lambda *tick: ticks.append(tick)) == 0.7
    least = exam.perplexity(model, exam.probe_text())
    assert ticks[-1] == (2, 2) and untouched < least < before
    lora.restore(model, kept)
    between = (least + before) / 2
    assert 0.7 < exam.temper(model, untouched, between / untouched - 1.0) < 1.0
    assert least < exam.perplexity(model, exam.probe_text()) <= 1.01 * between
