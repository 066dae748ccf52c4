"""A checkpoint folder becomes a network and a tokenizer, or one sentence says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from agent.decoding import pick_dtype
from agent.encoding import template_error
from memory.errors import WeightsError, in_short


def loaded(path: Path, name: str, where: torch.device, dtype: str) -> tuple[Any, Any]:
    """The frozen network on the device `where`, and its tokenizer.

    Raises:
        WeightsError: the folder can't be loaded, or its tokenizer has no chat template that works.
    """
    (network, found), tokenizer = _read(
        path,
        dtype=pick_dtype(dtype, where),
        attn_implementation="sdpa",
        use_safetensors=True,
        output_loading_info=True,
    )
    if missing := sorted(found["missing_keys"]):  # they would be made up at random
        raise WeightsError(
            f"The model at {path} lacks {len(missing)} of its weights ({missing[0]} …); copy or pull it again."
        )
    if not tokenizer.chat_template:
        raise WeightsError(
            f"The model {name} has no chat template, so it can't hold a conversation; use a chat model."
        )
    if wrong := template_error(tokenizer):
        raise WeightsError(
            f"The chat template of {name} can't be used ({in_short(wrong)}); mend it or use another model."
        )
    return network.to(where).eval().requires_grad_(False), tokenizer


def remake(path: Path, to: Path, change: Callable[[Any], Any]) -> None:
    """Write into `to` the checkpoint that `change` makes of the network in `path`, in float32. Raises WeightsError."""
    network, tokenizer = _read(path, dtype=torch.float32)
    change(network).save_pretrained(to, max_shard_size="100GB")
    tokenizer.save_pretrained(to)


def _read(path: Path, **options: Any) -> tuple[Any, Any]:
    """(what transformers gives for the network, tokenizer)"""
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
        return AutoModelForCausalLM.from_pretrained(path, **options), tokenizer
    except Exception as error:  # readers of foreign files raise anything
        raise WeightsError(
            f"The model at {path} can't be loaded ({in_short(error)}); copy or pull it again."
        ) from error
