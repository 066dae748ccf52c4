"""Tiny checkpoints, made by the tests that use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEXT = [
    "I told you, oldest first: my cat is called Biscuit.",
    "Answer in a few words, using only what I told you. What is my cat called?",
    "You are somnus. The code of the cellar is 5093, and my sister Oda lives in Porto.",
    "List what is worth remembering, one a line, in my words. Nothing.",
]


def attentive(network: Any) -> None:
    """Larger weights: a tiny random network hardly looks at what it reads."""
    import torch

    with torch.no_grad():
        for p in network.parameters():
            if p.dim() > 1:
                p.mul_(4)


def make_tokenizer(folder: Path, *, template: str | None = CHATML) -> None:
    """A byte-level BPE with ChatML's control tokens, trained on a few lines."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, show_progress=False, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(TEXT, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", bos_token="<|im_start|>", unk_token="<|endoftext|>",
        pad_token="<|im_end|>",
    )  # fmt: skip
    fast.chat_template = template
    fast.save_pretrained(folder)


def make_checkpoint(folder: Path, kind: str = "llama", *, template: str | None = CHATML) -> Path:
    """A complete checkpoint of a few thousand weights."""
    import torch
    from transformers import (
        GemmaConfig,
        GemmaForCausalLM,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    make_tokenizer(folder, template=template)
    shape = {
        "vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 1024, "eos_token_id": 2, "bos_token_id": 1,
        "pad_token_id": 2, "tie_word_embeddings": True,
    }  # fmt: skip
    makers = {
        "llama": (LlamaConfig, LlamaForCausalLM),
        "qwen3": (Qwen3Config, Qwen3ForCausalLM),
        "gemma": (GemmaConfig, GemmaForCausalLM),
    }
    config, model = makers[kind]
    torch.manual_seed(0)
    model(config(**shape)).save_pretrained(folder)
    return folder


def make_encoder(folder: Path) -> Path:
    """A sentence encoder of MiniLM's kind."""
    import torch
    from transformers import BertConfig, BertModel

    make_tokenizer(folder, template=None)
    torch.manual_seed(0)
    shape = {
        "vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 512, "pad_token_id": 2,
    }  # fmt: skip
    BertModel(BertConfig(**shape)).save_pretrained(folder)
    return folder
