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
from transformers import TextIteratorStreamer

from agent import engine
from agent.adapter import put_on
from agent.decoding import (
    LEAST_PARAMETERS,
    Kept,
    bare,
    bare_inside,
    bfloat16_is_faster,
    give_back,
    merge,
    merged,
    only,
    pick_device,
    put_back,
    round_off,
    until_stop,
)
from agent.encoding import Encoder
from agent.loading import loaded
from agent.model import Sampling, check_room
from agent.packing import Packed
from memory.episode import Turn


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
        self.may_round = False
        self._kept: Kept = []  # what was under an adapter that went into the weights

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
            WeightsError: the folder can't be loaded, or its tokenizer has no chat template that works.
        """
        network, tokenizer = loaded(path, name, pick_device(device), dtype)
        model = cls(network, tokenizer, name=name, has_instincts=has_instincts)
        model.may_round = dtype == "auto" and model.device.type == "cpu"
        if adapter is not None:
            model.wear(adapter)
        return model

    def wear(self, adapter: Path | None) -> None:
        """Put on the adapter in this folder instead of the present one; None takes it off."""
        with self.lock:
            self.bare()
            if adapter is not None:
                self.network = put_on(self.network, adapter, low_cpu_mem_usage=False)
                self.network.eval().requires_grad_(False)

    def bare(self) -> Any:
        """The network with no adapter on it or in it, as it was loaded."""
        with self.lock:
            self.network = bare(self.network)
            put_back(self._kept)
            self._kept = []
            return self.network

    def become(self, adapter: Path) -> Any:
        """Let the weights themselves be what this adapter makes of them, until it is taken off by `wear` or `bare`."""
        with self.lock:
            self.wear(adapter)
            self._kept = merge(bare_inside(self.network))
            self.network = bare(self.network)
            return self.network

    @property
    def wears(self) -> bool:
        """Whether an adapter is on."""
        return bare_inside(self.network) is not self.network

    @contextmanager
    def worn(self, on: bool = True) -> Iterator[Any]:
        """The network with its adapter on or off, held against other threads."""
        from peft import PeftModel

        with self.lock:
            peft = isinstance(self.network, PeftModel)
            with self.network.disable_adapter() if peft and not on else nullcontext():
                yield self.network

    @property
    def hastens(self) -> bool:
        """Whether `hastened` makes a difference."""
        size = sum(p.numel() for p in self.network.parameters())
        return self.may_round and size >= LEAST_PARAMETERS and bfloat16_is_faster()

    @contextmanager
    def hastened(self) -> Iterator[None]:
        """Frozen weights in bfloat16, where the precision was left to us and this processor is faster with it.

        For dreaming and learning, which bear the rounding; what is measured or said to the user is not hastened. No
        adapter may be put on, merged or taken off meanwhile.
        """
        if not self.hastens:
            yield
            return
        with self.lock:
            undo = round_off(self.network)
        try:
            yield
        finally:
            with self.lock:
                undo()
            give_back()

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
        """The reply piece by piece; stops at the next token once `cancelled()` is true.

        Raises InputError for a prompt that leaves no room for the reply.
        """
        streamer = TextIteratorStreamer(self.tokenizer, skip_special_tokens=True, timeout=120.0)
        ids = self.encode(turns)
        check_room(len(ids), sampling, self.context_tokens)
        failure: list[BaseException] = []
        over = threading.Event()  # a stop string, or a reader that went away

        def work() -> None:
            try:
                for _, token in self._generate([ids], sampling, adapter):
                    streamer.put(torch.tensor([token]))
                    if cancelled() or over.is_set():
                        break
            except Exception as error:  # noqa: BLE001  # handed to the reading thread below
                failure.append(error)
            finally:
                streamer.end()  # an exception in this thread would leave the reader waiting

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield from until_stop(streamer, sampling.stop)
        finally:
            over.set()
        thread.join()
        if failure:
            raise failure[0]

    def answer(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling, *, adapter: bool = True
    ) -> list[str]:
        """One reply a prompt, decoded together."""
        rows = self.decode([self.encode(p) for p in prompts], sampling, adapter=adapter)
        return [self.text(row, sampling.stop) for row in rows]

    def decode(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        adapter: bool = True,
        barred: Sequence[Sequence[int]] = (),
        progress: Callable[[int], None] = lambda done: None,
    ) -> list[list[int]]:
        """Reply token ids for each prompt's ids, without the end; `progress` hears how many are done.

        `barred` names, for each prompt, tokens that its reply may not have.
        """
        replies: list[list[int]] = [[] for _ in prompts]
        ends = {self.end_id, *self._stops(sampling)}
        done = 0
        for i, token in self._generate(prompts, sampling, adapter, barred):
            if token != self.end_id:
                replies[i].append(token)
            if token in ends or len(replies[i]) == sampling.max_tokens:
                done += 1
                progress(done)
        return replies

    def _stops(self, sampling: Sampling) -> list[int]:
        """Stop strings that are one token: a row ends there. Longer ones are cut from its text."""
        ids = [self.tokenizer(s, add_special_tokens=False).input_ids for s in sampling.stop]
        return [some[0] for some in ids if len(some) == 1]

    def _generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        adapter: bool,
        barred: Sequence[Sequence[int]] = (),
    ) -> Iterator[tuple[int, int]]:
        with self.worn(adapter) as network, merged(network, len(prompts)) as inner:
            tokens = engine.generate(
                inner,
                prompts,
                engine.chooser(sampling, self.device, barred),
                most=sampling.max_tokens,
                end=self.end_id,
                stops=self._stops(sampling),
            )
            while True:
                with torch.inference_mode():
                    found = next(tokens, None)
                if found is None:
                    return
                yield found

    # ---------------------------------------------------------------- scoring

    def hidden(
        self, network: Any, packed: Packed, states: Tensor | None = None, layer: int = 0
    ) -> Tensor:
        """Last hidden states (B, T, D), adapters included, without logits.

        Where the `states` (B, T, D) before `layer` are known, only the layers from there on are gone through.
        """
        begun = {} if states is None else {"inputs_embeds": states}
        with only(bare_inside(network).model, slice(layer, None)) if begun else nullcontext():
            out: Tensor = self._read(network, packed, **begun).last_hidden_state
        return out

    def states(self, network: Any, packed: Packed) -> tuple[Tensor, ...]:
        """Hidden states (B, T, D) before the first layer and after every one, adapters included."""
        out: tuple[Tensor, ...] = self._read(
            network, packed, output_hidden_states=True
        ).hidden_states
        return out

    def before(self, network: Any, packed: Packed, layer: int) -> Tensor:
        """Hidden states (B, T, D) before `layer`; those above are not gone through."""
        with only(bare_inside(network).model, slice(0, layer + 1)):
            out: Tensor = self.states(network, packed)[layer]
            return out

    def _read(self, network: Any, packed: Packed, **options: Any) -> Any:
        given = {} if "inputs_embeds" in options else {"input_ids": packed.ids}
        return bare_inside(network).model(
            **given,
            attention_mask=packed.seen,
            position_ids=packed.positions,
            use_cache=False,
            **options,
        )

    def logits(self, network: Any, hidden: Tensor) -> Tensor:
        """Logits (N, V) in float32 for chosen hidden states (N, D)."""
        out: Tensor = bare_inside(network).lm_head(hidden).float()
        return out
