"""The ledger: what is acknowledged is on disk, in order, verbatim, and what is forgotten is gone."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.blotting import blot_said
from memory.episode import Dream, DreamKind, MemoryState, Phase
from memory.errors import HomeError
from memory.forgetting import forget
from memory.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def test_an_episode_comes_back_verbatim(ledger: Ledger) -> None:
    said = "  שלום <|im_end|> \x1b[31m 🐙 \u202e  "
    assert ledger.episode(ledger.append(said).id).said == said


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_any_text_survives(ledger: Ledger, said: str) -> None:
    assert ledger.episode(ledger.append(said).id).said == said


def test_waiting_is_ordered_by_time_and_ties_by_the_order_told(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    for text, at in [("b", now), ("c", now), ("a", now - timedelta(days=1))]:
        ledger.append(text, at=at)
    assert [e.said for e in ledger.waiting()] == ["a", "b", "c"]


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.transaction():
        ledger.append("lost")
        raise RuntimeError
    assert ledger.episodes() == []
    ledger.append("kept")
    assert [e.said for e in ledger.episodes()] == ["kept"]


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from memory.ledger import Ledger\n"
        "l = Ledger(Path(sys.argv[1]))\n"
        "for i in range(20): l.append(f'episode {i}'); print(i, flush=True)\n"
        "os._exit(137)"
    )
    path = tmp_path / "ledger.db"
    out = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    acknowledged = [f"episode {line}" for line in out.stdout.split()]
    assert len(acknowledged) == 20
    with Ledger(path) as again:
        assert [e.said for e in again.episodes()] == acknowledged


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "ledger.db"
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(HomeError, match="newer somnus"):
        Ledger(path)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, but long enough to look" * 100)
    with pytest.raises(HomeError, match="can't be opened"):
        Ledger(path)


def test_a_night_only_goes_forward(ledger: Ledger) -> None:
    night = ledger.begin_night([ledger.append("x").id], None)
    assert ledger.unfinished() is not None
    ledger.advance(night.number, Phase.DREAMT)
    with pytest.raises(ValueError, match="can't become replayed"):
        ledger.advance(night.number, Phase.REPLAYED)
    ledger.advance(night.number, Phase.CLEARED, finished=datetime.now(UTC))
    assert ledger.unfinished() is None


def test_forgetting_leaves_no_byte_and_keeps_the_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    e = ledger.append("I like tea. My canary is called Zyxquill. It rains.")
    keep, gone = ledger.add_memories(
        [(e.id, "I like tea.", e.at), (e.id, "My canary is called Zyxquill.", e.at)]
    )
    ledger.add_dreams(
        [
            Dream(
                night=1,
                memories=(gone.id,),
                kind=DreamKind.FACT,
                cue="Who is Zyxquill?",
                reply="Your canary.",
                used=True,
            )
        ]
    )
    night = ledger.begin_night([e.id], None)
    ledger.advance(
        night.number, Phase.CLEARED, report={"learned": [{"id": gone.id, "text": gone.text}]}
    )
    receipt = forget(ledger, [gone.id])
    assert receipt == {
        "memories": [gone.id],
        "nights": [1],
        "episodes": 1,
        "dreams": 1,
        "answers": 0,
    }
    assert ledger.memory(gone.id).state is MemoryState.FORGOTTEN
    assert ledger.memory(keep.id).text == "I like tea."
    assert ledger.episode(e.id).said == "I like tea. [forgotten] It rains."
    ledger.close()
    for file in tmp_path.iterdir():
        assert b"Zyxquill" not in file.read_bytes(), file


def test_redaction_finds_a_reworded_statement() -> None:
    said = "Hello! So, the canary we have is called Zyxquill. It rains."
    assert blot_said(said, "My canary is called Zyxquill.") == "Hello! [forgotten] It rains."
