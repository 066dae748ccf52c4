"""What a network wears: adapters on it, in its weights, or taken off; and how precisely it computes meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from agent.adapter import put_on
from agent.decoding import (
    LEAST_PARAMETERS,
    Kept,
    bare,
    bare_inside,
    bfloat16_is_faster,
    give_back,
    has_on,
    merge,
    put_back,
    round_off,
)


class Wardrobe:
    """A transformers network, or a PeftModel around it, and a lock that keeps threads from changing it at once."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.lock = threading.RLock()
        self.may_round = False
        self._kept: Kept = []  # what was under an adapter that went into the weights

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
        """Let the weights themselves be what this adapter makes of them, until it is taken off by `wear` or `bare`.

        Only while it speaks: it listens with those that were loaded.
        """
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

    @contextmanager
    def listening(self, network: Any, kept: Sequence[tuple[Any, Any]] = ()) -> Iterator[None]:
        """Meanwhile the network is what was loaded, with no night's adapter on it or in it; `kept` is what one that was
        merged into the weights replaced.
        """
        present = put_back([*kept, *self._kept])
        try:
            with network.disable_adapter() if has_on(network) else nullcontext():
                yield
        finally:
            put_back(present)

    def differs(self, network: Any) -> bool:
        """Whether the network speaks with other weights than it listens with."""
        return bool(self._kept) or has_on(network)

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
            loaded = [weight for _, weight in self._kept]  # under what earlier nights wrote
            undo = round_off([*self.network.parameters(), *loaded])
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
