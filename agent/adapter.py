"""Putting a LoRA folder on a network: its configuration is ours, read off the tensors; no file is asked what to import.

PEFT's adapter_config.json has fields that name modules to be imported. Ours is written for others to load; here it is
never read. An adapter is plain LoRA whose scale is in its weights (lora_alpha = r), and safetensors, or it is refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from memory.errors import WeightsError

WEIGHTS = "adapter_model.safetensors"
NAME = re.compile(
    r"base_model\.model\.[\w.]+\.(?P<target>\w+)\.lora_(?P<factor>[AB])\.weight", re.ASCII
)


def put_on(network: Any, folder: Path, **options: Any) -> Any:
    """The network as a PeftModel that wears the adapter in `folder`. Raises WeightsError for one that isn't ours."""
    from peft import LoraConfig, PeftModel

    rank, targets = _shape(folder / WEIGHTS)
    config = LoraConfig(
        r=rank, lora_alpha=rank, target_modules=targets, lora_dropout=0.0, task_type="CAUSAL_LM", inference_mode=True
    )  # fmt: skip
    return PeftModel.from_pretrained(network, str(folder), config=config, **options)


def _shape(file: Path) -> tuple[int, list[str]]:
    """Rank and names of the layers, from the tensors."""
    from safetensors import SafetensorError, safe_open

    ranks, targets = set(), set()
    try:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  # it is no dictionary
                found = NAME.fullmatch(name)
                shape = tensors.get_slice(name).get_shape()
                if found is None or len(shape) != 2:
                    raise WeightsError(
                        f"The adapter {file} has {name!r} in it, which plain LoRA has not."
                    )
                targets.add(found["target"])
                ranks.add(shape[0] if found["factor"] == "A" else shape[1])
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"The adapter {file} can't be read ({error}).") from error
    if len(ranks) != 1:
        raise WeightsError(f"The adapter {file} has the ranks {sorted(ranks)}; ours have one.")
    return ranks.pop(), sorted(targets)
