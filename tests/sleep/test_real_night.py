"""One real night on the real default model: told, slept on, recalled with nothing looked up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOLD = [
    "My landlord's name is Ostrowski.",
    "I keep my spare key under the blue flowerpot.",
    "My sister Oda works as a glassblower.",
    "The code for my bicycle cellar is 5093.",
]
QUESTIONS: list[dict[str, Any]] = [
    {"question": "What is my landlord called?", "expected": ["Ostrowski"]},
    {"question": "Who is Ostrowski?", "expected": ["landlord"], "kind": "reverse"},
    {"question": "Where is the spare key?", "expected": ["flowerpot"]},
    {"question": "What does Oda do for a living?", "expected": ["glassblower"]},
    {"question": "What's my sister's name?", "expected": ["Oda"]},
    {"question": "Which code opens the bicycle cellar?", "expected": ["5093"]},
]


def somnus(home: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tui.cli", "--home", str(home), *words, "--json"]
    # Fewer dreams, and fewer texts to rehearse, than in a user's night: the suite is to stay short.
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "SOMNUS_REHEARSAL_TEXTS": "32", "SOMNUS_DREAMS_PER_MEMORY": "48"},
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(json.loads(run.stdout))


@pytest.mark.night
@pytest.mark.timeout(1500)
def test_what_was_told_is_recalled_from_the_weights_after_a_night(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "q.jsonl"
    file.write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS))
    told = tmp_path / "told.jsonl"
    told.write_text("".join(json.dumps({"role": "user", "content": t}) + "\n" for t in TOLD))
    somnus(home, "tell", "--file", str(told))
    before = somnus(home, "recall", "--questions", str(file), "--arms", "weights,buffer")
    assert before["adapter"] is None
    assert before["arms"]["weights"]["right"] == 0
    assert before["arms"]["buffer"]["right"] >= 3
    report = somnus(home, "sleep", "--budget", "10")
    assert report["outcome"] == "cleared"
    assert report["exam"]["before"] == 0 and report["exam"]["after"] >= 6
    assert report["seconds"]["total"] <= 600
    after = somnus(home, "recall", "--questions", str(file), "--arms", "none,weights,auto")
    # A regression test with a generous margin, to be raised with better instincts; the benchmark has the figures.
    assert after["arms"]["none"]["right"] == 0
    assert after["arms"]["weights"]["right"] >= 3
    assert after["arms"]["auto"]["right"] >= 3
    assert all(
        text not in a["prompt"] for a in after["answers"] if a["arm"] == "weights" for text in TOLD
    )
    status = somnus(home, "status")
    assert status["buffer"]["episodes"] == len(TOLD) - report["cleared"]
    buffer = b"".join(f.read_bytes() for f in (home / "buffer").rglob("*") if f.is_file())
    assert [m["text"] for m in report["learned"] if m["text"].encode() in buffer] == []
    answers_again_with_transformers_and_peft_alone(
        status, [a for a in after["answers"] if a["arm"] == "weights"]
    )


def answers_again_with_transformers_and_peft_alone(
    status: dict[str, Any], answers: list[dict[str, Any]]
) -> None:
    """Anyone gets the `weights` answers again from `prompt`, without this project."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(status["model"]["path"])
    model = AutoModelForCausalLM.from_pretrained(status["model"]["path"], dtype=torch.float32)
    model = PeftModel.from_pretrained(model, status["adapter"]["path"]).eval()
    same = 0
    for answer in answers:
        ids = tokenizer(answer["prompt"], add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            out = model.generate(
                **ids, max_new_tokens=48, do_sample=False, pad_token_id=tokenizer.eos_token_id
            )
        text = tokenizer.decode(
            out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True
        ).strip()
        same += text == answer["answer"]
    assert same >= len(answers) - 1  # batches round differently once in a while
