"""The real language model: a transformers checkpoint, with PEFT adapters that can be taken off.

One model serves the chat, the dreamer, the teacher (adapter off) and the student (adapter on); a lock keeps them apart.
Knows nothing of memories. Axes: B rows, T tokens, N answer tokens, D hidden, V vocabulary.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer

from agent.decoding import (
    Cancelled,
    Nucleus,
    bare,
    bare_inside,
    pad_left,
    pick_device,
    pick_dtype,
    seed_torch,
    until_stop,
)
from agent.encoding import Encoder
from agent.model import Sampling
from memory.episode import Turn
from memory.errors import WeightsError

# Rows decoded together. On two cores 48 rows give 3–4 × the tokens/s of 16, and 64 no more.
DECODE_ROWS = 48


class LocalModel(Encoder):
    """A `LanguageModel` over transformers. `network` is the bare model or a PeftModel around it."""

    def __init__(
        self, network: Any, tokenizer: Any, *, name: str, has_instincts: bool = False
    ) -> None:
        super().__init__(tokenizer)
        self.network = network
        self.name = name
        self.has_instincts = has_instincts
        self.lock = threading.RLock()

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        name: str,
        has_instincts: bool = False,
        adapter: Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
    ) -> LocalModel:
        """Load a complete checkpoint folder and, if given, a plain LoRA folder over it.

        Raises:
            WeightsError: the folder can't be loaded, or its tokenizer has no chat template.
        """
        where = pick_device(device)
        try:
            tokenizer = AutoTokenizer.from_pretrained(path)
            network = AutoModelForCausalLM.from_pretrained(
                path, dtype=pick_dtype(dtype, where), attn_implementation="sdpa"
            )
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(
                f"The model at {path} can't be loaded ({error}); pull it again."
            ) from error
        if not tokenizer.chat_template:
            raise WeightsError(
                f"The model {name} has no chat template, so it can't hold a conversation; use a chat model."
            )
        network.to(where).eval().requires_grad_(False)
        model = cls(network, tokenizer, name=name, has_instincts=has_instincts)
        if adapter is not None:
            model.wear(adapter)
        return model

    def wear(self, adapter: Path | None) -> None:
        """Put on the adapter in this folder instead of the present one; None takes it off."""
        from peft import PeftModel

        with self.lock:
            self.network = bare(self.network)
            if adapter is not None:
                self.network = PeftModel.from_pretrained(
                    self.network, adapter, low_cpu_mem_usage=False
                )
                self.network.eval().requires_grad_(False)

    @contextmanager
    def worn(self, on: bool = True) -> Iterator[Any]:
        """The network with its adapter on or off, held against other threads."""
        from peft import PeftModel

        with self.lock:
            peft = isinstance(self.network, PeftModel)
            with self.network.disable_adapter() if peft and not on else nullcontext():
                yield self.network

    @property
    def device(self) -> torch.device:
        where: torch.device = next(self.network.parameters()).device
        return where

    @property
    def context_tokens(self) -> int:
        return int(getattr(self.network.config, "max_position_embeddings", 2048))

    # --------------------------------------------------------------- decoding

    def stream(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        *,
        adapter: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[str]:
        """The reply piece by piece; stops at the next token once `cancelled()` is true."""
        streamer = TextIteratorStreamer(
            self.tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=120.0
        )
        ids = torch.tensor([self.encode(turns)], device=self.device)
        failure: list[BaseException] = []

        def work() -> None:
            try:
                with self.worn(adapter) as network, torch.inference_mode():
                    seed_torch(sampling.seed)
                    network.generate(
                        input_ids=ids,
                        attention_mask=torch.ones_like(ids),
                        streamer=streamer,
                        stopping_criteria=[Cancelled(cancelled)],
                        **self._options(sampling),
                    )
            except Exception as error:  # noqa: BLE001  # handed to the reading thread below
                failure.append(error)
            finally:
                streamer.end()  # an exception in this thread would leave the reader waiting

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield from until_stop(streamer, sampling.stop)
        thread.join()
        if failure:
            raise failure[0]

    def answer(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling, *, adapter: bool = True
    ) -> list[str]:
        """One reply a prompt, decoded in batches sorted by length."""
        rows = self.decode([self.encode(p) for p in prompts], sampling, adapter=adapter)
        return [self.text(row, sampling.stop) for row in rows]

    def decode(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        adapter: bool = True,
        progress: Callable[[int], None] = lambda done: None,
    ) -> list[list[int]]:
        """Reply token ids for each prompt's ids; `progress` hears how many are done after every batch."""
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        replies: list[list[int]] = [[] for _ in prompts]
        with self.worn(adapter) as network, torch.inference_mode():
            seed_torch(sampling.seed)
            for begin in range(0, len(order), DECODE_ROWS):
                batch = order[begin : begin + DECODE_ROWS]
                rows = [prompts[i] for i in batch]
                ids, mask = pad_left(rows, self.end_id, self.device)  # (B, T)
                options = self._options(sampling)
                if len(distinct := dict.fromkeys(map(tuple, rows))) < len(rows):
                    options["past_key_values"] = self._prefilled(network, list(distinct), rows)
                out = network.generate(input_ids=ids, attention_mask=mask, **options)
                for i, row in zip(batch, out[:, ids.shape[1] :].tolist(), strict=True):
                    replies[i] = row[: row.index(self.end_id)] if self.end_id in row else row
                progress(begin + len(batch))
        return replies

    def _prefilled(
        self, network: Any, distinct: Sequence[Sequence[int]], rows: Sequence[Sequence[int]]
    ) -> Any:
        """The cache of all but the prompts' last tokens: prompts that occur several times are read once."""
        ids, mask = pad_left(distinct, self.end_id, self.device)  # (U, T)
        positions = (mask.cumsum(-1) - 1).clamp_min(0)
        cache = (
            bare_inside(network)
            .model(
                input_ids=ids[:, :-1],
                attention_mask=mask[:, :-1],
                position_ids=positions[:, :-1],
                use_cache=True,
            )
            .past_key_values
        )
        place = {tuple(p): i for i, p in enumerate(distinct)}
        cache.batch_select_indices(
            torch.tensor([place[tuple(r)] for r in rows], device=self.device)
        )
        return cache

    def _options(self, sampling: Sampling) -> dict[str, Any]:
        options: dict[str, Any] = {
            "max_new_tokens": sampling.max_tokens,
            "do_sample": sampling.temperature > 0,
            "pad_token_id": self.end_id,
            "eos_token_id": self.end_id,
        }
        if sampling.temperature > 0:
            nucleus = [Nucleus(sampling.temperature, sampling.top_p)]
            options |= {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "logits_processor": nucleus}
        return options

    # ---------------------------------------------------------------- scoring

    def hidden(self, network: Any, ids: Tensor, seen: Tensor, positions: Tensor) -> Tensor:
        """Last hidden states (B, T, D), adapters included, without logits.

        `seen` (B, 1, T, T) says which token sees which, `positions` (B, T) where each stands in its sequence.
        """
        inner = bare_inside(network)
        out: Tensor = inner.model(
            input_ids=ids, attention_mask=seen, position_ids=positions, use_cache=False
        ).last_hidden_state
        return out

    def logits(self, network: Any, hidden: Tensor) -> Tensor:
        """Logits (N, V) in float32 for chosen hidden states (N, D)."""
        out: Tensor = bare_inside(network).lm_head(hidden).float()
        return out
