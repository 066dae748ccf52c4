"""With --json there is one document on stdout, and it has every key, whatever happens."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sleeper import Dreamer

from memory.episode import Phase
from memory.home import Home
from sleep import prepare
from sleep.verdict import Limits
from tui.cli import main
from tui.commands import bench
from tui.root import Options

Run = Callable[..., Any]
CAT, CELLAR = "My cat is called Biscuit.", "The code of the cellar is 5093."

# ------------------------------------------------------------- a night that was thrown away


@pytest.fixture
def dreamer(
    home_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> type[Dreamer]:
    """Sleeps for real on a tiny model, in a home that was told two things."""
    monkeypatch.setenv("TINY", str(tiny_checkpoint))
    monkeypatch.setenv("SOMNUS_DREAMS_PER_MEMORY", "4")
    monkeypatch.setenv("SOMNUS_REHEARSAL_TEXTS", "8")
    with Home.open(home_path) as home:
        home.ledger.append(CAT)
        home.ledger.append(CELLAR)
    return Dreamer


def examination(dreamer: type[Dreamer], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exam raises the alarm: no drift at all is small enough."""
    usual = prepare.settings
    strict = Limits(perplexity_rise=-1.0)
    monkeypatch.setattr(prepare, "settings", lambda *a: replace(usual(*a), limits=strict))


def sabotage(dreamer: type[Dreamer], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter is exchanged while the night is interrupted, after its exam."""
    from memory.errors import Interrupted

    root = dreamer(Options(home=home))
    ledger = root.home.ledger
    with pytest.raises(Interrupted):
        stop = lambda: (n := ledger.night(1)) is not None and n.phase is Phase.EXAMINED  # noqa: E731
        list(root.night(stop=stop))
    (weights,) = (home / "adapters").rglob("adapter_model.safetensors")
    weights.write_bytes(bytes(weights.stat().st_size))
    root.close()


@pytest.mark.parametrize("alarm", [examination, sabotage])
def test_a_night_rolled_back_reports_every_memory_as_kept_back_for_the_alarm(
    dreamer: type[Dreamer],
    home_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    alarm: Callable[..., None],
) -> None:
    alarm(dreamer, home_path, monkeypatch)
    assert main(["--home", str(home_path), "sleep", "--json"], make_root=dreamer) == 4
    report = json.loads(capsys.readouterr().out)
    assert report["outcome"] == "rolled_back" and report["alarm"] and report["adapter"] is None
    assert (report["learned"], report["cleared"], report["left"]) == ([], 0, 2)
    kept = [(m["text"], m["reason"]) for m in report["kept_back"]]
    assert kept == [(CAT, report["alarm"]), (CELLAR, report["alarm"])]
    assert {"exam", "drift", "seconds"} <= set(report)
    with Home.open(home_path, read_only=True) as home:
        assert home.ledger.night(1).report == report
        assert len(home.ledger.waiting()) == report["left"]


# -------------------------------------------------------------------------------- the daemon


def test_a_daemon_that_looks_once_says_why_it_did_not_sleep(somnus: Run, home_path: Path) -> None:
    printed = somnus("daemon", "--once", "--json")
    assert printed.code == 0
    assert printed.document == {"outcome": "not_due", "reason": "nothing was ever told here"}
    somnus("tell", CAT)
    assert somnus("daemon", "--once", "--json").document["reason"] == "no night is due"
    tell_long_ago(home_path)
    with Home.open(home_path):
        printed = somnus("daemon", "--once", "--json")
        assert printed.code == 0 and printed.document["outcome"] == "busy"
        assert str(home_path) in printed.document["reason"]


def test_a_daemon_that_looks_once_has_the_nights_report_and_its_exit_code(
    somnus: Run, make_root: Any, home_path: Path
) -> None:
    tell_long_ago(home_path)
    printed = somnus("daemon", "--once", "--json")
    assert printed.code == 0 and printed.document["outcome"] == "cleared"
    make_root.outcome = Phase.ROLLED_BACK
    assert somnus("daemon", "--once", "--json").code == 4


def test_a_daemon_that_looks_once_and_cannot_sleep_is_an_error(
    somnus: Run, make_root: Any, home_path: Path
) -> None:
    from memory.errors import WeightsError

    def broken(self: Any, **_: Any) -> Any:
        raise WeightsError("The model is torn; fetch it again.")

    make_root.night = broken
    tell_long_ago(home_path)
    printed = somnus("daemon", "--once", "--json")
    assert printed.code == 1
    assert printed.document == {"error": "The model is torn; fetch it again."}


def test_a_night_by_itself_that_failed_is_left_for_a_while(
    somnus: Run, make_root: Any, home_path: Path
) -> None:
    from memory.errors import WeightsError

    def broken(self: Any, **_: Any) -> Any:
        raise WeightsError("The model is torn; fetch it again.")

    well, make_root.night = make_root.night, broken
    tell_long_ago(home_path)
    assert somnus("sleep", "--if-due").code == 1
    again = somnus("sleep", "--if-due")
    assert again.code == 3 and again.out.startswith("The last night failed; again at")
    assert "the last night failed" in somnus("daemon", "--once", "--json").document["reason"]
    make_root.night = well
    assert somnus("sleep").code == 0  # who asks for it gets it


def test_a_night_by_itself_pauses_when_the_plug_is_pulled(
    somnus: Run, make_root: Any, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memory.errors import Interrupted
    from sleep import watch

    plugged = True
    monkeypatch.setattr(watch, "on_power", lambda: plugged)
    monkeypatch.setattr(watch, "LOOK", 0.0)

    def until_stopped(self: Any, *, budget: Any = None, stop: Any = None) -> Any:
        nonlocal plugged
        assert not stop()
        plugged = False
        assert stop()
        yield from ()
        raise Interrupted("Night 1 was interrupted.")

    make_root.night = until_stopped
    tell_long_ago(home_path)
    assert somnus("sleep", "--if-due").code == Interrupted.exit_code
    again = somnus("sleep", "--if-due")
    assert (again.code, again.out) == (3, "A night is due, but the machine runs on its battery.\n")


def tell_long_ago(home_path: Path) -> None:
    from datetime import UTC, datetime

    with Home.open(home_path) as home:
        home.ledger.append(CAT, at=datetime(2020, 1, 1, tzinfo=UTC))


# ---------------------------------------------------------------------------- the benchmarks


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--bogus"], "--bogus"), (["nonsense"], "nonsense"), (["--set", "nowhere"], "nowhere"),
        (["--budget", "long"], "long"), (["speed", "--set", "thirty"], "--set"), (["--runs", "1"], "--runs"),
        (["speed", "--model", "other"], "--model"), (["speed", "--student", "other"], "--student"),
        (["--set", "thirty,peer"], "peer"), (["nights", "--set", "thirty,nowhere"], "nowhere"),
    ],
)  # fmt: skip
def test_a_benchmark_that_is_none_is_one_sentence(
    somnus: Run, words: list[str], named: str
) -> None:
    printed = somnus("bench", *words, "--json")
    assert printed.code == 2 and named in printed.document["error"]
    assert printed.err.strip() == printed.document["error"]


def test_a_benchmark_prints_its_document_and_nothing_else(
    somnus: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'import json, sys\nprint("a table")\nprint(json.dumps({"given": sys.argv[1:]}))\n'
    (tmp_path / "recall.py").write_text(script)
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    printed = somnus("bench", "--set", "peer", "--seed", "3", "--json")
    assert printed.code == 0 and printed.document == {"given": ["--set=peer", "--seed=3"]}
    assert somnus("bench", "--model", "m", "--json").document == {"given": ["--model=m"]}
    assert somnus("bench").out.startswith("a table\n")
