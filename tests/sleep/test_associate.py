"""What was told about a memory includes what it took the place of."""

from __future__ import annotations

from pathlib import Path

from memory.episode import Dream, DreamKind, Memory, MemoryId, MemoryState
from memory.ledger import Ledger
from memory.store import Embedder
from sleep.associate import histories, leading


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


def test_a_cue_leads_to_its_memory_or_is_left_out(embedder: Embedder) -> None:
    told = {
        MemoryId(i): (text,)
        for i, text in enumerate(
            ("My cat Biscuit naps.", "I live in Bern.", "My boss is Ida.", "My code is 4711."), 1
        )
    }

    def dream(memory: int, cue: str, kind: DreamKind = DreamKind.FACT) -> Dream:
        return Dream(night=1, memories=(MemoryId(memory),), kind=kind, cue=cue, reply="x")

    good = dream(1, "Who is Biscuit, my cat?")
    astray = dream(1, "Live in Bern, boss Ida, code 4711?")
    never = dream(1, "Live in Bern, boss Ida, code 4711?", DreamKind.NEVER)
    assert leading(embedder, [good, astray, never], told) == ([good, never], {good})
    assert leading(embedder, [], told) == ([], set())
