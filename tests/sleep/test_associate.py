"""What was told about a memory includes what it took the place of."""

from __future__ import annotations

from pathlib import Path

from memory.episode import Memory, MemoryState
from memory.ledger import Ledger
from sleep.associate import histories


def tell(ledger: Ledger, *texts: str) -> list[Memory]:
    out = []
    for text in texts:
        episode = ledger.append(text)
        out += ledger.add_memories([(episode.id, text, episode.at)])
    return out


def test_a_memory_comes_with_those_whose_place_it_took_oldest_first(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        bern, bonn, brno, cat = tell(ledger, "I live in Bern.", "Bonn now.", "Brno now.", "A cat.")
        for old, new in ((bern, bonn), (bonn, brno)):
            ledger.set_memory(old.id, state=MemoryState.SUPERSEDED, superseded_by=new.id)
        told = histories(ledger, [brno, cat])
        assert told == {brno.id: ("I live in Bern.", "Bonn now.", "Brno now."), cat.id: ("A cat.",)}


def test_what_was_only_said_again_is_no_change(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        once, again = tell(ledger, "I live in Bern.", "i live in Bern")
        ledger.set_memory(once.id, state=MemoryState.SUPERSEDED, superseded_by=again.id)
        assert histories(ledger, [again]) == {again.id: ("i live in Bern",)}
