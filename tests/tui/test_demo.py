"""`somnus demo` from outside: a home of its own, its document, and what to do next, also after a bad night."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memory.episode import Phase
from memory.home import Home
from tui.cli import main

Run = Callable[..., Any]
TOLD = 12  # statements of the demo


@pytest.fixture
def users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own memories would be; what is thrown away goes elsewhere."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "thrown-away").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "thrown-away"))
    from memory.paths import home_path

    assert tmp_path in home_path().parents
    return home_path()


def test_its_document_has_before_the_night_and_after(somnus: Run) -> None:
    printed = somnus("demo", "--json")
    assert printed.code == 0
    assert list(printed.document) == ["before", "night", "after"]
    assert set(printed.document["before"]["arms"]) == {"weights", "buffer"}
    assert set(printed.document["after"]["arms"]) == {"none", "weights"}
    assert printed.document["night"]["outcome"] == "cleared"


def test_it_tells_the_whole_story_and_what_now(somnus: Run, home_path: Path) -> None:
    printed = somnus("demo")
    story = ["1. By day you tell it", "2. Before it sleeps", "3. It sleeps", "4. The morning after"]
    places = [printed.out.index(part) for part in [*story, "What now?"]]
    assert printed.code == 0 and places == sorted(places)
    after = printed.out.partition("What now?")[2]
    assert f'somnus --home {home_path} ask "' in after and "nights show 1" in after


def test_after_a_night_that_was_rolled_back_it_says_what_to_do(
    somnus: Run, make_root: Any, home_path: Path
) -> None:
    make_root.outcome = Phase.ROLLED_BACK
    printed = somnus("demo")
    assert printed.code == 4 and "4. The morning after" not in printed.out
    after = printed.out.partition("What now?")[2]
    assert f"somnus --home {home_path} sleep" in after and "--memory buffer" in after
    printed = somnus("demo", "--json")
    assert printed.code == 4
    assert list(printed.document) == ["before", "night", "after"]
    assert printed.document["after"] is None and printed.document["night"]["alarm"] == "drift"


def test_without_a_home_it_makes_one_that_is_nobodys(
    users_home: Path, make_root: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with Home.open(users_home) as home:
        home.ledger.append("My cat is called Biscuit.")
    homes = []
    for _ in range(2):  # every time anew
        assert main(["demo"], make_root=make_root) == 0
        named = capsys.readouterr().out.partition("The home of this demo is ")[2]
        homes.append(Path(named.splitlines()[0].removesuffix(".")))
    assert homes[0] != homes[1]
    for path in homes:
        assert str(path.parent) == tempfile.gettempdir()
        assert path.stat().st_mode & 0o777 == 0o700
        with Home.open(path, read_only=True) as home:
            assert len(home.ledger.episodes()) == TOLD
    with Home.open(users_home, read_only=True) as home:
        assert [e.said for e in home.ledger.episodes()] == ["My cat is called Biscuit."]
        assert home.ledger.nights() == []


@pytest.mark.parametrize("by_environment", [False, True])
def test_a_home_with_memories_of_somebodys_is_refused_untouched(
    somnus: Run,
    make_root: Any,
    home_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by_environment: bool,
) -> None:
    somnus("tell", "My cat is called Biscuit.")
    if by_environment:
        monkeypatch.setenv("SOMNUS_HOME", str(home_path))
        code = main(["demo"], make_root=make_root)
        out, err = capsys.readouterr()
    else:
        printed = somnus("demo")
        code, out, err = printed.code, printed.out, printed.err
    assert code == 1 and out == ""
    assert str(home_path) in err and "1 episodes that are not the demo's" in err
    with Home.open(home_path, read_only=True) as home:
        assert len(home.ledger.episodes()) == 1 and home.ledger.nights() == []


def test_a_demo_that_was_interrupted_goes_on_in_its_home(somnus: Run, ledger: Any) -> None:
    assert somnus("demo").code == 0
    assert somnus("demo").code == 0
    assert len(ledger.episodes()) == TOLD
