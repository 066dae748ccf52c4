"""Nights, memories and the house from the command line: what is listed, undone, forgotten, kept safe."""

from __future__ import annotations

import json
import plistlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memory.adapters import AdapterCard, Adapters
from memory.config import save_setting
from memory.episode import DreamKind, ExamAnswer, MemoryState, Phase
from memory.home import Home
from tui.cli import log_error
from tui.commands.service import files_for
from tui.root import Options
from tui.screens.journal import Journal

Run = Callable[..., Any]
CAT = "My cat is called Biscuit."


# -------------------------------------------------------------------------- nights, memories


@pytest.fixture
def slept(home_path: Path, somnus: Run) -> Path:
    """A home after one night, as the ledger keeps it."""
    somnus("tell", CAT)
    with Home.open(home_path) as home:
        episode = home.ledger.waiting()[0]
        night = home.ledger.begin_night([episode.id], None)
        memory = home.ledger.add_memories([(episode.id, CAT, episode.at)])[0]
        home.ledger.set_memory(memory.id, state=MemoryState.CONSOLIDATED, night=night.number)
        home.ledger.add_answers(
            [
                ExamAnswer(
                    night=1, memory=memory.id, kind=DreamKind.FACT, question="<b>Who?</b>", expected="Biscuit",
                    answer="Biscuit\x1b[2J", right=True, control_answer="Rex", control_right=False,
                )
            ]
        )  # fmt: skip
        home.ledger.mark_cleared([episode.id], night.number)
        report = {
            "outcome": "cleared", "learned": [{"text": CAT}], "kept_back": [],
            "exam": {"before": 0, "after": 1, "asked": 1},
        }  # fmt: skip
        name = wear(home.adapters, night.number)
        home.ledger.advance(1, Phase.CLEARED, report=report, finished=episode.at, adapter=name)
    return home_path


def wear(adapters: Adapters, night: int) -> str:
    """Put on an adapter that says nothing: what the ledger calls learnt must be in the weights."""
    card = AdapterCard(
        name=f"night-{night:04d}", night=night, parent=None, base_hash="x", memories=(1,)
    )
    staging = adapters.folder / f".staging-{card.name}"
    staging.mkdir(parents=True)
    (staging / "adapter_model.safetensors").write_bytes(b"weights")
    (staging / "adapter_config.json").write_text("{}")
    adapters.commit(staging, card)
    adapters.point(card.name)
    return card.name


def test_a_night_can_be_listed_shown_and_undone(somnus: Run, slept: Path) -> None:
    assert somnus("status", "--json").document["buffer"] == {"episodes": 0}
    assert somnus("nights", "--json").document["nights"][0]["phase"] == "cleared"
    assert somnus("nights", "show", "1", "--json").document["answers"][0]["before"] == "Rex"
    assert somnus("nights", "show", "9").code == 2
    assert somnus("nights", "rollback", "1", "--json").document == {
        "undone": [1],
        "buffer": {"episodes": 1},
    }
    assert "Biscuit" in somnus("ask", "What is my cat called?").out


def test_terminal_escapes_are_shown_not_obeyed(somnus: Run, slept: Path) -> None:
    assert "\x1b" not in somnus("nights", "show", "1").out
    assert "\\x1b[2J" in somnus("nights", "show", "1").out


def test_a_report_is_one_page_with_everything_escaped(
    somnus: Run, slept: Path, tmp_path: Path
) -> None:
    page = tmp_path / "night.html"
    assert somnus("nights", "report", "1", "--html", str(page)).code == 0
    text = page.read_text()
    assert "&lt;b&gt;Who?" in text and "<b>" not in text and "<svg" in text and "http" not in text


def test_memories_are_listed_searched_pinned_and_exported(
    somnus: Run, slept: Path, tmp_path: Path
) -> None:
    assert [m["text"] for m in somnus("memories", "--json").document["memories"]] == [CAT]
    assert len(somnus("memories", "search", "BISCUIT", "--json").document["memories"]) == 1
    assert somnus("memories", "pin", "1", "--json").document["pinned"] is True
    assert somnus("memories", "pin", "99").code == 2
    file = tmp_path / "memories.jsonl"
    assert somnus("memories", "export", str(file)).code == 0
    assert somnus("--home", str(tmp_path / "new"), "import", str(file), "--json").document == {
        "imported": 1
    }


def test_what_no_night_has_seen_is_exported_too_but_nothing_that_quarantine_would_hold(
    somnus: Run, tmp_path: Path
) -> None:
    for text in (
        f"{CAT} My card is 4111 1111 1111 1111. What is my dog called?",
        "What is my cat called?",
        "My aunt is a vet.\n> Zoë the pilot moved to Oslo with all her parrots.",
        "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkq\nhkiG9w0BAQEF\n-----END PRIVATE KEY-----",
    ):
        assert somnus("tell", text).code == 0
    file, new = tmp_path / "memories.jsonl", str(tmp_path / "new")
    assert somnus("memories", "export", str(file), "--json").document["memories"] == 2
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["state"] for line in lines] == ["buffer", "buffer"]
    assert lines[0]["text"] == CAT and "vet" in lines[1]["text"]
    assert not any(
        secret in file.read_text() for secret in ("4111", "MII", "hkiG", "Zoë", "parrots")
    )
    assert somnus("--home", new, "import", str(file), "--json").document == {"imported": 2}


def test_what_is_forgotten_is_nowhere_on_disk_and_in_no_weights(somnus: Run, slept: Path) -> None:
    printed = somnus("memories", "forget", "1", "--json")
    assert printed.document["memories"] == [1] and printed.document["nights"] == [1]
    assert printed.document["undone"] == [1] and printed.document["in_the_buffer_again"] == []
    assert "undone" in somnus("nights").out or "rolled_back" in somnus("nights").out
    assert not [p for p in slept.rglob("*") if p.is_file() and b"Biscuit" in p.read_bytes()]


@pytest.mark.parametrize("quoted", [CAT, repr(f'"{CAT}"\n'), "…t is called Bisc", "Biscuit"])
def test_the_log_of_errors_forgets_too_however_it_quotes(
    somnus: Run, slept: Path, quoted: str
) -> None:
    log_error(RuntimeError(f"can't read {quoted}"), slept)
    assert b"Bisc" in (slept / "somnus.log").read_bytes()
    assert somnus("memories", "forget", "1").code == 0
    assert not [p for p in slept.rglob("*") if p.is_file() and b"Bisc" in p.read_bytes()]
    assert (slept / "somnus.log").stat().st_mode & 0o777 == 0o600


def test_secrets_are_masked_in_the_log_of_errors(home_path: Path) -> None:
    for secret in ("sk-ant-api03-Qm9vYmFyMTIzNDU2Nzg5MA", "4111 1111 1111 1111"):
        error = RuntimeError(f"can't read 'My key is {secret}.'")
        log_error(error, home_path)
        Journal(home_path / "somnus.log").error(error)
        text = (home_path / "somnus.log").read_text()
        assert text.count("RuntimeError: can't read") >= 2 and secret not in text


def test_a_backup_is_restored_into_a_new_home_only(
    somnus: Run, slept: Path, tmp_path: Path
) -> None:
    file, new = tmp_path / "backup.zip", tmp_path / "new"
    assert somnus("backup", str(file)).code == 0
    assert somnus("restore", str(file)).code == 1
    assert somnus("restore", str(file), "--home", str(new)).code == 0
    assert len(somnus("memories", "--home", str(new), "--json").document["memories"]) == 1


@pytest.mark.parametrize("command", ["backup", "memories export", "nights report 1 --html"])
def test_no_command_writes_over_a_file_of_another_kind(
    somnus: Run, slept: Path, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "mine"
    words = [*command.split(), str(file)]
    file.touch()  # as mktemp makes one
    assert somnus(*words).code == 0
    assert somnus(*words).code == 0  # it is renewed: the one there is of its kind
    file.write_text("My own words.")
    printed = somnus(*words)
    assert printed.code == 2 and file.read_text() == "My own words."
    assert f"{file} is there already and stays as it is; choose another name" in printed.err
    assert somnus(*words, "--force").code == 0 and b"My own" not in file.read_bytes()


# ---------------------------------------------------------------------------- house and edge


def test_status_has_the_keys_of_the_design(somnus: Run) -> None:
    somnus("tell", CAT)
    report = somnus("status", "--json").document
    assert {"home", "model", "adapter", "buffer", "nights", "next_sleep", "pressure"} <= set(report)
    assert {"name", "path", "base_path"} <= set(report["model"])
    assert report["buffer"] == {"episodes": 1} and 0 < report["pressure"] < 1


def test_a_busy_home_is_exit_5_but_can_be_looked_at(somnus: Run, home_path: Path) -> None:
    somnus("tell", CAT)
    with Home.open(home_path):
        assert [somnus(*w).code for w in (["tell", "x"], ["sleep"], ["ask", "x"], ["chat"])] == [
            5,
            5,
            5,
            5,
        ]
        assert [somnus(w).code for w in ("status", "nights", "memories", "doctor", "paths")] == [
            0
        ] * 5


def test_doctor_warns_of_tracing(somnus: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert somnus("doctor").code == 0
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    printed = somnus("doctor", "--json")
    assert printed.code == 1 and printed.document["ok"] is False


def test_doctor_sees_a_buffer_that_lost_an_episode(somnus: Run, home_path: Path) -> None:
    somnus("tell", CAT)
    assert somnus("doctor").code == 0
    with Home.open(home_path) as home:
        home.ledger.append("Told behind the buffer's back.")
    checks = {c["name"]: c for c in somnus("doctor", "--json").document["checks"]}
    assert "1 of 2" in checks["buffer"]["detail"]


def test_the_daemon_sleeps_when_it_is_due_and_leaves_a_busy_home_alone(
    somnus: Run, home_path: Path, tmp_path: Path
) -> None:
    assert somnus("daemon", "--once").out == ""  # nothing told yet
    old = tmp_path / "old.jsonl"
    old.write_text(json.dumps({"role": "user", "content": CAT, "at": "2020-01-01T00:00:00+00:00"}))
    somnus("tell", "--file", str(old))
    assert "moved into the weights" in somnus("daemon", "--once").out
    with Home.open(home_path):
        assert somnus("daemon", "--once").code == 0


def test_a_service_is_written_and_removed(
    somnus: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(tmp_path))  # no systemctl: nothing of this machine is touched
    assert somnus("service", "status", "--json").document["installed"] is False
    service, timer = map(Path, somnus("service", "install", "--json").document["files"])
    assert "--if-due" in service.read_text() and str(tmp_path) in service.read_text()
    assert "*-*-* 03:30:00" in timer.read_text() and "Persistent=true" in timer.read_text()
    assert somnus("service", "uninstall", "--json").document["installed"] is False


def test_an_agent_of_launchd_has_the_same_command_hour_and_second_try(
    home_path: Path, make_root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home_path.parent))
    home_path.mkdir()
    save_setting(home_path, "sleep_at", "23:05")
    ((path, data),) = files_for(make_root(Options(home=home_path)), "darwin").items()
    assert path == home_path.parent / "Library" / "LaunchAgents" / "somnus.plist"
    agent = plistlib.loads(data)
    words = [sys.executable, "-P", "-m", "tui.cli", "--home", str(home_path), "sleep", "--if-due"]
    assert agent["ProgramArguments"] == words and agent["Label"] == "somnus"
    assert agent["StartCalendarInterval"] == {"Hour": 23, "Minute": 5}
    assert agent["StartInterval"] == 1800 and agent["LowPriorityIO"] is True
    assert "KeepAlive" not in agent and "RunAtLoad" not in agent  # only the schedule starts it


def test_a_document_is_read_as_passages_of_lower_trust(
    somnus: Run, ledger: Any, tmp_path: Path
) -> None:
    file = tmp_path / "notes.md"
    file.write_text("A paragraph.\n\n" + "Long. " * 200 + "\n\nThe last.")
    assert somnus("read", str(file), "--json").document["passages"] == 3
    assert {e.origin for e in ledger.waiting()} == {"document"}
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    assert somnus("read", str(tmp_path / "broken.pdf")).code == 1
    (tmp_path / "binary.txt").write_bytes(b"\xff\x00")
    assert somnus("read", str(tmp_path / "binary.txt")).code == 1


def test_the_unexpected_is_a_sentence_with_a_private_log(
    somnus: Run, make_root: Any, home_path: Path
) -> None:
    def broken(self: Any) -> None:
        raise RuntimeError("boom")

    make_root.model = property(broken)
    printed = somnus("ask", "Hello?", "--json")
    log = home_path / "somnus.log"
    assert printed.code == 1 and "boom" in printed.document["error"]
    assert "Traceback" not in printed.err and "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_is_exit_130(somnus: Run, make_root: Any) -> None:
    def interrupted(self: Any) -> None:
        raise KeyboardInterrupt

    make_root.model = property(interrupted)
    assert somnus("ask", "Hello?").code == 130
