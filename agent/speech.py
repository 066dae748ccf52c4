"""Listening and speaking: a night's adapter is on while somnus speaks, and off while it listens.

An activated adapter (aLoRA, Greenewald et al. 2025, arXiv 2504.12397): the network as it was loaded reads a prompt, and
with the adapter on it says the reply, from the prompt's last token on, looking back at the keys and values of what was
heard. So what was learnt by heart doesn't change how a prompt is read; and what was heard of a lesson is computed once,
however often its reply is learnt.

Axes: P tokens heard, A tokens said, H key–value heads, D a head's width, E hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache

from agent.decoding import bare_inside, only
from agent.engine import as_cache
from agent.packing import chunks, pack

if TYPE_CHECKING:
    from agent.local_model import LocalModel

TOGETHER = 16  # replies said at once: each looks at what was heard of all, and past the others'

Pair = tuple[Tensor, Tensor]
"""Keys and values (H, P, D) of one layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A prompt as it was heard, up to its last token, and what is to be said after it."""

    shared: dict[int, Pair]
    """By layer, of the tokens that it begins with as others do: they are kept once."""
    own: dict[int, Pair]
    """Of the rest."""
    states: Tensor
    """(A, E), before the first of those layers, of the tokens from the prompt's last on."""

    @property
    def alike(self) -> int:
        """How many tokens are shared."""
        return next(iter(self.shared.values()))[0].shape[1]

    @property
    def tokens(self) -> int:
        """P."""
        return self.alike + next(iter(self.own.values()))[0].shape[1]

    @property
    def bytes(self) -> int:
        """What it takes in memory, but for what others share."""
        return sum(t.nbytes for pair in self.own.values() for t in pair) + self.states.nbytes


class _Ears(Cache):  # type: ignore[misc]
    """Keys and values of what was heard, before those of what is said; keeps nothing."""

    def __init__(self, some: Sequence[Heard]) -> None:
        super().__init__(layers=[])
        self.some = some

    def update(
        self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Of one layer, for all replies in a row: (1, H, all that was heard and is said, D)."""
        heard = [part[layer] for h in self.some for part in (h.shared, h.own)]
        k, v = (torch.cat(part, 1).to(keys).unsqueeze(0) for part in zip(*heard, strict=True))
        return torch.cat([k, keys], 2), torch.cat([v, values], 2)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


def hear(
    model: LocalModel,
    network: Any,
    items: Sequence[tuple[Sequence[int], int]],
    layer: int = 0,
    *,
    dtype: torch.dtype | None = None,
) -> list[Heard]:
    """Listen to (ids, start) pairs, whose replies begin at `start`: the reply and the token before it are to be said.

    Below `layer`, where nothing is going to change, that is done already. Keys and values are kept in `dtype`, if it is
    given.
    """
    with torch.no_grad():
        listened = _listened(model, network, [ids[: start - 1] for ids, start in items], dtype)
        embed = bare_inside(network).get_input_embeddings()
        some = [
            Heard(shared, own, embed(torch.tensor(ids[start - 1 : -1], device=model.device)))
            for (shared, own), (ids, start) in zip(listened, items, strict=True)
        ]
        if layer == 0:
            return some
        states = torch.cat(
            [_passed(model, network, s, below=layer) for s in chunks(some, TOGETHER)]
        )
    above = [
        [{i: pair for i, pair in part.items() if i >= layer} for part in (h.shared, h.own)]
        for h in some
    ]
    kept = {id(h.shared): shared for h, (shared, _) in zip(some, above, strict=True)}
    parts = states.split([len(h.states) for h in some])
    return [
        Heard(kept[id(h.shared)], own, part.clone())
        for h, (_, own), part in zip(some, above, parts, strict=True)
    ]


def _listened(
    model: LocalModel, network: Any, prompts: Sequence[Sequence[int]], dtype: torch.dtype | None
) -> list[tuple[dict[int, Pair], dict[int, Pair]]]:
    """Keys and values of prompts, of what they all begin with and of the rest; by layer."""
    inner = bare_inside(network)
    # At least one token of each, so that there is something to read; what is too much isn't kept.
    packed = pack([p or [model.end_id] for p in prompts], model.end_id, model.device)
    read = DynamicCache()
    with model.listening(network):
        inner.model(
            input_ids=packed.ids, attention_mask=packed.seen, position_ids=packed.positions, use_cache=True,
            **as_cache(inner, read),
        )  # fmt: skip
    alike, kept = _common(prompts), dtype or read.layers[0].keys.dtype
    shared: dict[int, Pair] = {}
    out = []
    for prompt, (row, path) in zip(prompts, packed.paths, strict=True):
        parts = path[:alike], path[alike : len(prompt)]
        begun, own = (
            {
                i: (layer.keys[row][:, at].to(kept), layer.values[row][:, at].to(kept))
                for i, layer in enumerate(read.layers)
            }
            for at in parts
        )
        shared = shared or begun
        out.append((shared, own))
    return out


def _common(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all of them begin with."""
    first, last = min(prompts, key=tuple), max(prompts, key=tuple)
    pairs = zip(first, last, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(last)))


@dataclass(frozen=True, slots=True)
class Deaf:
    """Some of what was heard is not seen, drawn anew whenever a reply is said; never what all prompts begin with."""

    share: float
    draw: torch.Generator

    def __call__(self, tokens: int) -> Tensor:
        """Which of so many are seen."""
        return torch.rand(tokens, generator=self.draw) >= self.share


def say(
    model: LocalModel, network: Any, some: Sequence[Heard], layer: int = 0, deaf: Deaf | None = None
) -> Tensor:
    """Last hidden states (all A, E) of what is said, in order, gone through from `layer` on with what is worn."""
    return torch.cat(
        [_passed(model, network, few, above=layer, deaf=deaf) for few in chunks(some, TOGETHER)]
    )


def _passed(
    model: LocalModel,
    network: Any,
    some: Sequence[Heard],
    *,
    above: int = 0,
    below: int | None = None,
    deaf: Deaf | None = None,
) -> Tensor:
    """States (all A, E) of what is said, in one row, at the end of the network or before layer `below`."""
    inner = bare_inside(network).model
    seen, positions = _sight(some, model.device, deaf)
    layers = slice(above, None if below is None else below + 1)
    with only(inner, layers):
        out = inner(
            inputs_embeds=torch.cat([h.states for h in some]).unsqueeze(0),
            attention_mask=seen, position_ids=positions, use_cache=True, output_hidden_states=below is not None,
            **as_cache(bare_inside(network), _Ears(some)),
        )  # fmt: skip
    states: Tensor = out.last_hidden_state if below is None else out.hidden_states[below]
    return states[0]


def _sight(some: Sequence[Heard], device: Any, deaf: Deaf | None = None) -> tuple[Tensor, Tensor]:
    """(1, 1, all A, all P and A) bool, what each token sees; and positions (1, all A)."""
    heard, said = sum(h.tokens for h in some), sum(len(h.states) for h in some)
    seen = torch.zeros(said, heard + said, dtype=torch.bool)
    places, before, at = [], 0, 0
    for h in some:
        count = len(h.states)
        own = slice(at, at + count)
        seen[own, before : before + h.tokens] = True
        if deaf is not None:
            seen[own, before + h.alike : before + h.tokens] = deaf(h.tokens - h.alike)
        seen[own, heard + at : heard + at + count] = torch.ones(
            count, count, dtype=torch.bool
        ).tril()
        places.append(torch.arange(h.tokens, h.tokens + count))
        before, at = before + h.tokens, at + count
    return seen[None, None].to(device), torch.cat(places)[None].to(device)
