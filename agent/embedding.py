"""Sentence embeddings: MiniLM through plain transformers, mean-pooled and normalised."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

from agent.cache import unstamp
from memory.errors import WeightsError, in_short

LONGEST = 256  # tokens, what the model was trained on
ROWS = 32


class MiniLm:
    """An `Embedder` over a local folder (384 dimensions). Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Load it. Raises WeightsError for a folder that can't be loaded, and has it fetched again next time."""
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder)
            self._model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        except Exception as error:  # readers of foreign files raise anything
            unstamp(folder)
            raise WeightsError(
                f"The embedding model in {folder} is damaged ({in_short(error)}); start again, and it is fetched anew."
            ) from error
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        return int(self._model.config.hidden_size)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors, one a text."""
        out: list[list[float]] = []
        for begin in range(0, len(texts), ROWS):
            # A megabyte of text would be tokenised whole only to be cut: its beginning is enough.
            some = [t[: LONGEST * 20] or " " for t in texts[begin : begin + ROWS]]
            with self._lock:
                tokens = self._tokenizer(
                    some, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
                )
                hidden = self._model(**tokens).last_hidden_state  # (B, T, D)
            mask = tokens["attention_mask"].unsqueeze(-1)  # (B, T, 1)
            mean = (hidden * mask).sum(1) / mask.sum(1)
            out += torch.nn.functional.normalize(mean, dim=-1).tolist()
        return out
