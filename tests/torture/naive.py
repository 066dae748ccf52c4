"""The obvious agent, for comparison: Chroma alone, no ledger, nothing synced. `campaign.py --naive` kills it as often.

What was said goes into a collection. At night it is learnt, the adapter saved in place, and what was learnt deleted
from the collection. The adapter here is as large as a real one, and what it learnt can be read from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import HashEmbedder
from life import DEEDS, FORGOT, SECRET, WORD, things, told_file
from safetensors import safe_open
from safetensors.numpy import save

SIZE = 3_000_000  # numbers of an adapter


class Agent:
    """A collection of what was said, and an adapter that has learnt some of it."""

    def __init__(self, path: Path) -> None:
        import chromadb
        from chromadb.config import Settings

        path.mkdir(exist_ok=True)
        self.adapter, self.told_file = path / "adapter_model.safetensors", told_file(path)
        quiet = Settings(anonymized_telemetry=False)
        self.client = chromadb.PersistentClient(str(path / "chroma"), settings=quiet)
        self.memories = self.client.get_or_create_collection("memories", embedding_function=None)

    def learnt(self) -> list[str]:
        """What the weights know."""
        if not self.adapter.exists():
            return []
        with safe_open(self.adapter, "numpy") as file:
            known: list[str] = json.loads(file.metadata()["learnt"])
            return known

    def known(self) -> set[str]:
        """What the agent could say."""
        return {*self.memories.get(include=[])["ids"], *self.learnt()}

    def told(self) -> list[str]:
        return self.told_file.read_text().splitlines() if self.told_file.exists() else []

    def acknowledge(self, line: str) -> None:
        if line not in self.told():
            with self.told_file.open("a") as file:
                file.write(line + "\n")

    def tell(self, text: str) -> None:
        if text not in self.known():
            vectors = HashEmbedder().embed([text])
            self.memories.add(ids=[text], embeddings=vectors, documents=[text])
        self.acknowledge(text)

    def sleep(self) -> None:
        """Learn, save, delete."""
        if texts := self.memories.get(include=[])["ids"]:
            self.save([*self.learnt(), *texts])
            self.memories.delete(ids=texts)

    def save(self, learnt: list[str]) -> None:
        weights = np.random.default_rng(len(learnt)).normal(size=SIZE).astype(np.float32)
        self.adapter.write_bytes(save({"w": weights}, metadata={"learnt": json.dumps(learnt)}))

    def forget(self, text: str) -> None:
        """Out of the collection; and trained anew without it."""
        if FORGOT not in self.told():
            self.memories.delete(ids=[text])
            self.save([t for t in self.learnt() if t != text])
            self.acknowledge(FORGOT)

    def close(self) -> None:
        self.client.close()


def live(path: Path, seed: int) -> None:
    """The same life: a day, a night, a thing forgotten, an evening, a night."""
    day, evening = things(seed)
    agent = Agent(path)
    for text in day:
        agent.tell(text)
    if FORGOT not in agent.told():
        agent.memories.upsert(
            ids=[SECRET], embeddings=HashEmbedder().embed([SECRET]), documents=[SECRET]
        )
    agent.close()
    agent = Agent(path)
    agent.sleep()
    agent.forget(SECRET)
    for text in evening:
        agent.tell(text)
    agent.sleep()
    agent.close()


def wounds(path: Path, listen: Callable[[str], None]) -> list[str]:
    """What was acknowledged and isn't so."""
    del listen  # it says nothing
    agent = Agent(path)
    try:
        known = agent.known()
    except Exception as error:  # noqa: BLE001  # a torn adapter, whoever reads it
        return [f"could not start: {error}"]
    finally:
        agent.close()
    told = agent.told()
    wrong = [f"lost: {text}" for text in told if text not in DEEDS and text not in known]
    if FORGOT in told:
        files = [p for p in path.rglob("*") if p.is_file()]
        wrong += [f"forgotten and still in {p.name}" for p in files if WORD in p.read_bytes()]
    return wrong
