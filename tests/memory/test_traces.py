"""How a reply came about is kept with it, as long as it is that reply and nothing of it was forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memory.episode import Episode, MemoryState
from memory.forgetting import forget, forget_words
from memory.ledger import Ledger
from memory.ledger_sessions import let_go, reword
from memory.store import Recollection
from memory.trace import Provenance, Source, Trace


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def asked(ledger: Ledger) -> tuple[Episode, Episode, Trace]:
    """What was told and learnt, the question about it, and the trace of the answer."""
    told = ledger.append("My cat is called Biscuit. I like tea.", replied="Noted.")
    (memory,) = ledger.add_memories([(told.id, "My cat is called Biscuit.", told.at)])
    memory = ledger.set_memory(memory.id, state=MemoryState.CONSOLIDATED, night=3)
    question = ledger.append("What do you know?", replied="It is small.", session="s")
    provenance = Provenance(
        source=Source.BOTH, without_buffer="It is small.", without_weights="A small one.",
        without_both="I don't know.", memory=memory,
    )  # fmt: skip
    trace = Trace(
        adapter="night-0003", found=(Recollection(episode=told, similarity=0.5),), tokens=12, seconds=1.5,
        provenance=provenance,
    )  # fmt: skip
    ledger.keep_trace(question, trace)
    return told, question, trace


def test_a_trace_is_read_as_it_was_kept_also_after_the_night_was_undone(
    tmp_path: Path, ledger: Ledger
) -> None:
    _, question, trace = asked(ledger)
    assert trace.provenance is not None and trace.provenance.memory is not None
    ledger.set_memory(trace.provenance.memory.id, pinned=True)
    ledger.close()
    with Ledger(tmp_path / "ledger.db") as again:
        (read,) = again.traces([question.id]).values()
        assert read.provenance is not None and read.provenance.memory is not None
        assert read.provenance.memory.pinned and read.provenance.memory.night == 3
        assert read.found == trace.found and (read.tokens, read.seconds) == (12, 1.5)
        again.set_memory(read.provenance.memory.id, state=MemoryState.BUFFER, night=None)
        (read,) = again.traces([question.id]).values()
        assert read.provenance is not None and read.provenance.memory is not None
        assert read.provenance.memory.night == 3


def test_one_that_was_not_measured_has_no_provenance(ledger: Ledger) -> None:
    told = ledger.append("I row.", replied="Noted.")
    ledger.keep_trace(told, Trace(adapter=None, found=(), tokens=1, seconds=0.1, stopped=True))
    (read,) = ledger.traces([told.id]).values()
    assert read.stopped and read.provenance is None and read.adapter is None


def test_another_reply_has_another_trace(ledger: Ledger) -> None:
    _, question, trace = asked(ledger)
    again = ledger.reply(question.id, "Biscuit.")
    assert ledger.traces([question.id]) == {}
    ledger.keep_trace(question, trace)  # of the reply that is no more
    assert ledger.traces([question.id]) == {}
    ledger.keep_trace(again, trace)
    reword(ledger, question.id, "What is small?")
    assert ledger.traces([question.id]) == {}


def test_a_session_that_is_let_go_takes_its_traces_along(ledger: Ledger) -> None:
    _, question, _ = asked(ledger)
    let_go(ledger, "s")
    assert ledger.traces([question.id]) == {}


@pytest.mark.parametrize("way", ["memory", "words"])
def test_a_trace_that_leads_to_what_is_forgotten_goes_with_it(ledger: Ledger, way: str) -> None:
    _, question, _trace = asked(ledger)
    other = ledger.append("Is it warm?", replied="Yes.", session="s")
    ledger.keep_trace(other, Trace(adapter=None, found=(), tokens=1, seconds=0.1))
    if way == "memory":
        forget(ledger, [ledger.memories()[0].id])
    else:
        forget_words(ledger, "Biscuit")
    assert ledger.episode(question.id).replied == "It is small."  # which names nothing
    assert set(ledger.traces([question.id, other.id])) == {other.id}


@pytest.mark.parametrize("way", ["memory", "words"])
def test_no_answer_that_was_only_asked_for_tells_of_it_any_more(
    tmp_path: Path, ledger: Ledger, way: str
) -> None:
    asked(ledger)
    (boat,) = [ledger.append("My boat is called Nixe.", replied="Noted.")]
    (memory,) = ledger.add_memories([(boat.id, boat.said, boat.at)])
    question = ledger.append("What floats?", replied="A boat.")
    provenance = Provenance(source=Source.GUESS, without_buffer="Nixe, I think.")
    ledger.keep_trace(
        question, Trace(adapter=None, found=(), tokens=1, seconds=0.1, provenance=provenance)
    )
    if way == "memory":
        forget(ledger, [memory.id])
    else:
        forget_words(ledger, "Nixe")
    assert ledger.traces([question.id]) == {}
    assert not any(b"Nixe" in p.read_bytes() for p in tmp_path.iterdir() if p.is_file())
    assert len(ledger._rows("SELECT * FROM traces")) == 1  # what leads elsewhere stays
