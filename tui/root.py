"""The composition root: opens home, models and buffer when they are first needed, and puts them together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.errors import WeightsError
from memory.home import Home, usable
from memory.paths import home_path

if TYPE_CHECKING:
    from agent.conversation import Conversation
    from agent.local_model import LocalModel
    from agent.recalling import Recall
    from agent.weights import Checkpoint
    from memory.config import Config
    from memory.store import BufferStore, Embedder
    from sleep.events import NightEvent

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The global options of the command line; None leaves the choice to the home's settings."""

    home: Path | None = None
    model: str | None = None
    device: str | None = None
    dtype: str | None = None
    seed: int | None = None
    student: str | None = None


class Root:
    """Everything a command may ask for. Close it to give the home back."""

    def __init__(self, options: Options, *, progress: Progress = lambda what, share: None) -> None:
        self.options = options
        self.progress = progress
        self._read_only = False
        self._lent = False
        self.polite = True  # a night that nobody watches is asked for the home
        os.umask(0o077)  # whatever is written is the user's alone
        quieten()

    @property
    def path(self) -> Path:
        return home_path(self.options.home).absolute()

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever told here."""
        return not (self.path / "ledger.db").exists()

    @cached_property
    def home(self) -> Home:
        """The home, owned by this process (or only read, after `reading`)."""
        if self._lent:
            return Home.lent(self.path)
        if self._read_only or not self.polite:
            opened = Home.open(self.path, read_only=self._read_only)
        else:
            from tui.doorbell import opened_politely

            opened = opened_politely(self.path)
        if not self._read_only:
            from sleep.prepare import recover

            if said := recover(opened):
                self.progress(said, None)
        for note in opened.notes:
            self.progress(note, None)
        return opened

    def reading(self) -> Root:
        """From now on open the home without owning it: for commands that only look. Raises HomeError."""
        usable(self.path)
        self._read_only = True
        return self

    def lent(self) -> Root:
        """From now on work in a home that another process owns, and lends for a night: see `tui/apart.py`."""
        self._lent = True
        return self

    @cached_property
    def config(self) -> Config:
        from memory.config import load_config

        o = self.options
        return load_config(
            self.path, model=o.model, device=o.device, dtype=o.dtype, seed=o.seed, student=o.student
        )

    @cached_property
    def embedder(self) -> Embedder:
        from agent.weights import fetch_embedder

        folder = fetch_embedder(self.progress)
        from agent.embedding import MiniLm

        return MiniLm(folder)

    @cached_property
    def store(self) -> BufferStore:
        if (
            self._lent
        ):  # Chroma is for one process; the owner does to it afterwards what the night did
            from memory.ram_store import RamStore

            return RamStore(self.embedder)
        from memory.buffer import open_buffer

        return open_buffer(self.home, self.embedder)

    @cached_property
    def smaller(self) -> Checkpoint:
        """The model that reads, dreams and teaches; without a student it learns too."""
        from agent.weights import resolve

        return resolve(self.config.model, progress=self.progress)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The model that talks, and learns at night: the student where there is one."""
        from agent.growth import WIDER, wider
        from agent.weights import resolve

        match self.config.student:
            case None:
                return self.smaller
            case student if student == WIDER:
                return wider(self.smaller, self.progress)
            case student:
                return resolve(student, progress=self.progress)

    def known(self) -> Checkpoint | None:
        """The same if it is on disk already: nothing is downloaded or made for it."""
        from agent.growth import WIDER, wider
        from agent.weights import known

        student = self.config.student
        if student != WIDER:
            return known(student or self.config.model)
        try:
            smaller = known(self.config.model)
            return wider(smaller, self.progress, make=False) if smaller else None
        except WeightsError:
            return None

    def _load(self, checkpoint: Checkpoint) -> LocalModel:
        from agent.local_model import LocalModel

        return LocalModel.load(
            checkpoint.path, name=checkpoint.name, has_instincts=checkpoint.instincts_hash is not None,
            device=self.config.device, dtype=self.config.dtype,
        )  # fmt: skip

    @cached_property
    def model(self) -> Any:
        """The language model, wearing the home's adapter."""
        self.home  # noqa: B018  # one that can't be had is refused before anything is fetched
        checkpoint = self.checkpoint
        self.progress("loading the model", None)
        model = self._load(checkpoint)
        # Only now: a model that can't be loaded costs nothing of what was learnt on the one before.
        self.pin(checkpoint)
        model.wear(self.adapter_path)
        return model

    @property
    def adapter_path(self) -> Path | None:
        """The folder of the adapter in use."""
        card = self.home.adapters.current()
        if self.home.adapters.warning:
            self.progress(self.home.adapters.warning, None)
        return self.home.adapters.path(card.name) if card else None

    def pin(self, checkpoint: Checkpoint) -> None:
        """Adapters belong to what they were learnt on, and how they were worn; else everything is learnt again."""
        from memory.episode import MemoryState

        stamp = checkpoint.stamp
        ledger = self.home.ledger
        before, worn = ledger.meta("base"), self.home.adapters.current()
        # A roll-back reaches behind a change of model, to an adapter of the old one.
        is_strange = worn is not None and worn.base_hash != stamp
        if self._read_only or (before == stamp and not is_strange):
            return
        if before is not None and ledger.unfinished() is not None:
            from sleep.prepare import give_up

            self.progress(
                "The model has changed: the night that was interrupted begins anew.", None
            )
            give_up(self.home)
        if is_strange:
            self.progress(
                "The model has changed, or how it learns: what was learnt before is in the buffer again.",
                None,
            )
            self.home.adapters.point(None)
            with ledger.transaction():
                for memory in ledger.memories(state=MemoryState.CONSOLIDATED):
                    ledger.set_memory(memory.id, state=MemoryState.BUFFER, night=None)
                    ledger.mark_waiting([memory.episode])
            self.store.rebuild(ledger.waiting())
        ledger.set_meta("base", stamp)

    @property
    def recall(self) -> Recall:
        from agent.recalling import Recall

        c = self.config
        return Recall(
            slept=self.home.ledger.learnt_until(),
            recollections=c.recollections, min_similarity=c.min_similarity,
            min_similarity_worn=c.min_similarity_worn, context_tokens=c.context_tokens, reply_tokens=c.reply_tokens,
        )  # fmt: skip

    def conversation(self, session: str, *, private: bool = False) -> Conversation:
        from agent.conversation import Conversation

        return Conversation(
            self.home.ledger, self.store, self.model, self.recall, session=session, private=private
        )

    def night(
        self, *, budget: float | None = None, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[NightEvent]:
        """Sleep once: the events of `sleep.night.sleep`."""
        from sleep.night import sleep

        model = self.model
        teacher = self._load(self.smaller) if self.config.student else None
        return sleep(
            self.home, model, self.checkpoint, self.store, self.embedder, self.config,
            teacher=teacher, budget_minutes=budget, stop=stop,
        )  # fmt: skip

    def night_apart(
        self, *, budget: float | None = None, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[NightEvent]:
        """The same in a process of its own; `wake` afterwards."""
        from tui.apart import sleep_apart

        return sleep_apart(self, budget=budget, stop=stop)

    def wake(self) -> None:
        """After a night apart: wear what it learnt, and let the buffer hold what the ledger says."""
        if "checkpoint" in self.__dict__:
            self.pin(self.checkpoint)
        if "model" in self.__dict__:
            self.model.wear(self.adapter_path)
        self.store.rebuild(self.home.ledger.waiting())

    def close(self) -> None:
        """Close what was opened."""
        opened = self.__dict__
        if "store" in opened:
            opened["store"].close()
        if "home" in opened:
            opened["home"].close()


def quieten() -> None:
    """No telemetry, no chatter of libraries on our streams."""
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")
