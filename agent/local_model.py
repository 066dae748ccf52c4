"""The real language model: a transformers checkpoint, with PEFT adapters that can be taken off.

One model serves the chat, the dreamer, the teacher (adapter off) and the student (adapter on); a lock keeps them apart.
Knows nothing of memories. Axes: B rows, T tokens, N answer tokens, D hidden, V vocabulary.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import TextIteratorStreamer

from agent import engine
from agent.decoding import bare_inside, merged, only, pick_device, until_stop
from agent.encoding import Encoder
from agent.loading import loaded
from agent.model import Sampling, Thought, check_room
from agent.packing import Packed
from agent.scoring import scored
from agent.thoughts import come_to_mind
from agent.wardrobe import Wardrobe
from memory.episode import Turn


class LocalModel(Wardrobe, Encoder):
    """A `LanguageModel` over transformers. `network` is the bare model or a PeftModel around it."""

    def __init__(
        self, network: Any, tokenizer: Any, *, name: str, has_instincts: bool = False
    ) -> None:
        Wardrobe.__init__(self, network)
        Encoder.__init__(self, tokenizer)
        self.name = name
        self.has_instincts = has_instincts

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

    def thoughts(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling
    ) -> list[list[Thought]]:
        """What comes to mind, with the adapter on; see `agent/thoughts.py`."""
        found = come_to_mind(self, [self.encode(p) for p in prompts], sampling.max_tokens)
        return [
            [
                Thought(text=self.text(s.reply, sampling.stop), logp=s.logp, ended=s.ended)
                for s in some
            ]
            for some in found
        ]

    def decode(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        adapter: bool = True,
        barred: Sequence[Sequence[int]] = (),
        begun: Sequence[int] = (),
        progress: Callable[[int], None] = lambda done: None,
    ) -> list[list[int]]:
        """Reply token ids for each prompt's ids, without the end; `progress` hears how many are done.

        `barred` names, for each prompt, tokens that its reply may not have; `begun` how many tokens at its end are the
        beginning of its reply already.
        """
        replies: list[list[int]] = [[] for _ in prompts]
        ends = {self.end_id, *self._stops(sampling)}
        done = 0
        for i, token in self._generate(prompts, sampling, adapter, barred, begun):
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
        begun: Sequence[int] = (),
    ) -> Iterator[tuple[int, int]]:
        with self.worn(adapter) as network, merged(network, len(prompts)) as kept:
            tokens = engine.generate(
                bare_inside(network),
                prompts,
                engine.chooser(sampling, self.device, barred),
                most=sampling.max_tokens,
                end=self.end_id,
                stops=self._stops(sampling),
                listening=lambda: self.listening(network, kept),
                begun=begun,
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

    def log_likelihood(
        self, prompts: Sequence[Sequence[Turn]], beginnings: Sequence[str]
    ) -> list[float]:
        """In nats, with the night's adapter off: how likely the reply to each prompt begins with these words."""
        pairs = [
            (self.encode(p), self.encode_reply(b, end=False))
            for p, b in zip(prompts, beginnings, strict=True)
        ]
        return [float(own.sum()) for own, _, _ in scored(self, pairs, adapter=False, top_k=1)]

    def logits(self, network: Any, hidden: Tensor) -> Tensor:
        """Logits (N, V) in float32 for chosen hidden states (N, D)."""
        out: Tensor = bare_inside(network).lm_head(hidden).float()
        return out
