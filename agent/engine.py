"""Decoding: many replies at once, each row at its own length, the next prompt taken in as soon as rows are free.

Prompts are read as prefix trees, so that what they share is read once, and without logits; keys and values stand in one
fixed cache. Works with any causal attention network of transformers, adapters included. Axes: n rows at work, H
key–value heads, T tokens, D a head's width, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache

from agent.model import Sampling
from agent.packing import pack

ROWS = 144  # on two cores without AMX 144 rows give 1.5 × the tokens/s of 48, and 192 no more
CACHE_TOKENS = 20_480  # all slots together: 0.9 GB for the default model
LIKELY = 128  # sampling looks at so many: sorting a whole vocabulary costs more than the network

Choice = Callable[[Tensor, Sequence[int]], Tensor]
"""From logits (n, V), and which prompt each row answers, to tokens (n,)."""


class Slots(Cache):  # type: ignore[misc]
    """A fixed cache whose rows stand at different lengths; the first `count` of them are at work."""

    def __init__(self, slots: int, width: int, device: torch.device) -> None:
        super().__init__(layers=[])
        self.layers: list[Any] = []
        self.shape = (slots, width)
        self.rows = torch.arange(slots, device=device)
        self.count = 0
        self.lengths = torch.zeros(slots, dtype=torch.long, device=device)
        self.width = 0  # of the longest row at work, with the token that is being read

    def update(
        self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Put one token's keys and values (n, H, 1, D) at the end of each row; return all of the rows at work."""
        n, kept = self.count, self.layers[layer]
        at = self.lengths[:n]
        kept.keys[self.rows[:n], :, at] = keys[:, :, 0]
        kept.values[self.rows[:n], :, at] = values[:, :, 0]
        return kept.keys[:n, :, : self.width], kept.values[:n, :, : self.width]

    def admit(self, read: Cache, paths: Sequence[tuple[int, list[int]]]) -> None:
        """Copy prompts that were read as trees into the next free slots."""
        if not self.layers:
            self.layers = [_like(layer, *self.shape) for layer in read.layers]
        for slot, (row, path) in enumerate(paths, self.count):
            for kept, layer in zip(self.layers, read.layers, strict=True):
                kept.keys[slot, :, : len(path)] = layer.keys[row][:, path]
                kept.values[slot, :, : len(path)] = layer.values[row][:, path]
            self.lengths[slot] = len(path)
        self.count += len(paths)

    def leave(self, slot: int) -> None:
        """Free a slot: the last row at work moves there."""
        self.count -= 1
        last = self.count
        if slot != last:
            length = int(self.lengths[last])
            for kept in self.layers:
                kept.keys[slot, :, :length] = kept.keys[last, :, :length]
                kept.values[slot, :, :length] = kept.values[last, :, :length]
            self.lengths[slot] = length


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    """Storage alone; `Slots` does the rest."""

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None: ...

    def update(self, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return int(self.keys.shape[-2]), 0

    def get_seq_length(self) -> int:
        return int(self.keys.shape[-2])

    def get_max_length(self) -> int:
        return int(self.keys.shape[-2])


def _like(layer: Any, slots: int, width: int) -> _Layer:
    made = _Layer()
    _, heads, _, size = layer.keys.shape
    made.keys = layer.keys.new_zeros((slots, heads, width, size))
    made.values = layer.values.new_zeros((slots, heads, width, layer.values.shape[-1]))
    made.is_initialized = True
    return made


def generate(
    inner: Any,
    prompts: Sequence[Sequence[int]],
    choose: Choice,
    *,
    most: int,
    end: int,
    stops: Collection[int] = (),
    rows: int = ROWS,
    listening: Callable[[], AbstractContextManager[None]] = nullcontext,
    begun: Sequence[int] = (),
) -> Iterator[tuple[int, int]]:
    """Yield (index of the prompt, token) as replies grow; the last token is `end`, one of `stops`, or the `most`-th.

    Args:
        inner: a causal language model of transformers (`.model`, `.lm_head`), adapter layers in place.
        prompts: token ids, none empty.
        listening: within it prompts are read, but for their last token, which is read as what is said is.
        begun: how many tokens of each prompt's end are the beginning of its reply, read so too; none, if left out.
    """
    device = inner.lm_head.weight.device
    width = max(map(len, prompts), default=0) + most
    slots = Slots(max(1, min(rows, len(prompts), CACHE_TOKENS // max(1, width))), width, device)
    # In alphabetical order, prompts that begin alike are read together.
    waiting = deque(sorted(range(len(prompts)), key=lambda i: tuple(prompts[i])))
    own = begun or [0] * len(prompts)
    heard = [len(p) - 1 - n for p, n in zip(prompts, own, strict=True)]
    who: list[int] = []  # the prompt of each row at work
    token: list[int] = []  # what each row reads next
    said = [-n for n in own]
    while waiting or who:
        free = slots.shape[0] - len(who)
        if waiting and (free > slots.shape[0] // 3 or not who):
            taken = [waiting.popleft() for _ in range(min(free, len(waiting)))]
            with listening():
                _read(inner, slots, [prompts[i] for i in taken], [heard[i] for i in taken], end)
            who += taken
            token += [prompts[i][heard[i]] for i in taken]
        token = choose(_step(inner, slots, token), who).tolist()
        for slot in range(len(who) - 1, -1, -1):
            i = who[slot]
            said[i] += 1
            if said[i] <= 0:  # its beginning was given
                token[slot] = prompts[i][said[i] - 1]
                continue
            yield i, token[slot]
            if token[slot] == end or token[slot] in stops or said[i] >= most:
                slots.leave(slot)
                who[slot], token[slot] = who[-1], token[-1]
                who.pop()
                token.pop()


def _read(
    inner: Any, slots: Slots, prompts: Sequence[Sequence[int]], heard: Sequence[int], pad: int
) -> None:
    """Read the first `heard` tokens of each prompt into free slots."""
    # At least one of each, so that there is something to read; what is too much isn't kept.
    packed = pack(
        [p[: max(1, n)] for p, n in zip(prompts, heard, strict=True)], pad, slots.lengths.device
    )
    read = DynamicCache()
    inner.model(
        input_ids=packed.ids,
        attention_mask=packed.seen,
        position_ids=packed.positions,
        use_cache=True,
        **as_cache(inner, read),
    )
    slots.admit(read, [(row, path[:n]) for (row, path), n in zip(packed.paths, heard, strict=True)])


def _step(inner: Any, slots: Slots, token: Sequence[int]) -> Tensor:
    """Read one more token of every row at work; logits (n, V) after it."""
    at = slots.lengths[: slots.count].unsqueeze(1)  # (n, 1)
    slots.width = int(at.max()) + 1
    seen = torch.arange(slots.width, device=at.device) <= at  # (n, T)
    out = inner.model(
        input_ids=torch.tensor(token, device=at.device).unsqueeze(1),
        attention_mask=seen[:, None, None],
        position_ids=at,
        use_cache=True,
        **as_cache(inner, slots),
    )
    slots.lengths[: slots.count] += 1
    logits: Tensor = inner.lm_head(out.last_hidden_state[:, 0]).float()
    return logits


def as_cache(inner: Any, kept: Cache) -> dict[str, Cache]:
    """The cache under the name that the network knows it by: transformers renamed it in 5.24."""
    kind: Any = type(inner.model)
    return {_cache_name(kind): kept}


@cache
def _cache_name(kind: Any) -> str:
    known = inspect.signature(kind.forward).parameters
    return "cache" if "cache" in known else "past_key_values"


def chooser(
    sampling: Sampling, device: torch.device, barred: Sequence[Sequence[int]] = ()
) -> Choice:
    """Greedy at temperature 0; else temperature and top-p among the likeliest, repeatable when seeded.

    `barred` names, for each prompt, the tokens that its reply may not have.
    """
    if sampling.temperature <= 0:
        return lambda logits, who: _without(logits, barred, who).argmax(-1)
    generator = torch.Generator(device)
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)

    def choose(logits: Tensor, who: Sequence[int]) -> Tensor:
        logits = _without(logits, barred, who)
        top = logits.topk(min(LIKELY, logits.shape[-1]))  # (n, K), falling
        p = (top.values / sampling.temperature).softmax(-1)
        p = p.masked_fill(p.cumsum(-1) - p > sampling.top_p, 0.0)
        drawn = torch.multinomial(p, 1, generator=generator)  # (n, 1)
        return top.indices.gather(1, drawn).squeeze(1)

    return choose


def _without(logits: Tensor, barred: Sequence[Sequence[int]], who: Sequence[int]) -> Tensor:
    places = [(row, token) for row, i in enumerate(who) for token in barred[i]] if barred else []
    if places:
        rows, tokens = torch.tensor(places, device=logits.device).unbind(1)
        logits[rows, tokens] = -torch.inf
    return logits
