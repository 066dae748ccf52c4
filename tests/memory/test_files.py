"""Conversation and question files, marking, homes and settings: good input is taken, bad input is named."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memory.adapters import AdapterCard, Adapters
from memory.config import load_config, save_setting
from memory.conversation_file import pair, read_conversation
from memory.errors import HomeBusyError, HomeError, InputError, UsageError
from memory.home import Home
from memory.questions import Question, mark, read_questions, wilson
from memory.transfer import backup, import_memories, restore


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_a_conversation_becomes_episodes_with_their_replies(tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.jsonl", {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, "",
        {"role": "user", "content": "c", "at": "2026-11-24T09:00:00+00:00"},
    )  # fmt: skip
    assert [(said, replied) for said, replied, _, _ in pair(read_conversation(file))] == [
        ("a", "b"),
        ("c", None),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a turn"),
        ({"role": "system", "content": "x"}, "has the role 'system'"),
        ({"role": "user", "content": "  "}, 'has no "content"'),
        ({"role": "user"}, 'has no "content"'),
        ({"role": "user", "content": "x", "at": "yesterday"}, "has the time 'yesterday'"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: object, why: str) -> None:
    file = write(tmp_path / "c.jsonl", {"role": "user", "content": "fine"}, line)
    with pytest.raises(InputError, match=f"Line 2 of .*{why}"):
        read_conversation(file)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_conversation(tmp_path / "c.jsonl")


def test_a_question_file_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no question"):
        read_questions(write(tmp_path / "q.jsonl", ""))
    with pytest.raises(InputError, match="Line 1"):
        read_questions(write(tmp_path / "q.jsonl", {"question": "x?", "expected": []}))


@pytest.mark.parametrize("where", ["question", "expected", "forbidden"])
def test_half_a_surrogate_pair_in_a_question_file_is_refused_by_its_line(
    tmp_path: Path, where: str
) -> None:
    good: dict[str, object] = {"question": "x?", "expected": ["y"]}
    half = "\ud83d?"
    bad = good | {where: half if where == "question" else [half]}
    file = write(tmp_path / "q.jsonl", good, bad)
    assert "\\ud83d" in file.read_text()
    with pytest.raises(InputError, match=r"^Line 2 of .* half a surrogate pair"):
        read_questions(file)
    whole = write(tmp_path / "w.jsonl", good | {"question": "\N{CAT}?"})
    assert read_questions(whole)[0].question == "\N{CAT}?"


def q(*expected: object, forbidden: tuple[str, ...] = (), kind: str = "fact") -> Question:
    return Question(
        question="?", expected=tuple((e,) if isinstance(e, str) else tuple(e) for e in expected),  # type: ignore[arg-type]
        forbidden=forbidden, kind=kind,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        (q("Biscuit"), "Your cat is called “biscuit”.", True),
        (q("cat"), "She is in a category of her own.", True),  # at the beginning of a word
        (q("cat"), "Concatenate.", False),
        (q("14", "February"), "It's due on 14 February.", True),
        (q("14", "February"), "In February.", False),
        (q(["40", "forty"]), "Forty milligrams.", True),
        (q("O'Neill"), "Mr ONeill", True),
        (q("blue", forbidden=("red",)), "It was red, now it's blue.", False),
        (q("x"), "x " * 41, False),
        (q(kind="never"), "You haven’t told me that.", True),
        (q(kind="never"), "I don't know.", True),
        (q(kind="never"), "Biscuit.", False),
    ],
)
def test_marking(question: Question, answer: str, right: bool) -> None:
    assert mark(question, answer) is right


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_home_is_private_whatever_the_umask(home_path: Path) -> None:
    before = os.umask(0)
    try:
        with Home.open(home_path) as home:
            home.ledger.append("x")
            for path in [home_path, *home_path.rglob("*")]:
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    finally:
        os.umask(before)


def test_a_home_has_one_owner(home_path: Path) -> None:
    script = "import sys; from pathlib import Path; from memory.home import Home; Home.open(Path(sys.argv[1]))"
    with Home.open(home_path) as home:
        home.ledger.append("x")
        out = subprocess.run(
            [sys.executable, "-c", script, str(home_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert HomeBusyError.__name__ in out.stderr and "Another somnus" in out.stderr
        with Home.open(home_path, read_only=True) as look:
            assert len(look.ledger.waiting()) == 1


def test_a_file_in_place_of_a_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeError, match="is a file"):
        Home.open(tmp_path / "home")


def test_settings_come_from_file_environment_and_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_setting(tmp_path, "sleep_at", "04:00")
    save_setting(tmp_path, "seed", 3)
    assert load_config(tmp_path).sleep_at == "04:00"
    monkeypatch.setenv("SOMNUS_SLEEP_AT", "05:00")
    assert load_config(tmp_path).sleep_at == "05:00"
    assert load_config(tmp_path, sleep_at="06:00", seed=None).sleep_at == "06:00"
    assert load_config(tmp_path).seed == 3


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sleep_at can't be '25:00'"):
        load_config(tmp_path, sleep_at="25:00")
    (tmp_path / "config.toml").write_text("slep_at = '03:00'")
    with pytest.raises(UsageError, match="unknown setting 'slep_at'"):
        load_config(tmp_path)


def staged(adapters: Adapters, name: str, data: bytes) -> Path:
    folder = adapters.folder / f".staging-{name}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(data)
    (folder / "adapter_config.json").write_text("{}")
    return folder


def card(night: int, parent: str | None) -> AdapterCard:
    return AdapterCard(
        name=f"night-{night:04d}", night=night, parent=parent, base_hash="x", memories=()
    )


def test_a_damaged_adapter_falls_back_to_its_parent(home_path: Path) -> None:
    adapters = Adapters(home_path)
    adapters.folder.mkdir(parents=True)
    adapters.commit(staged(adapters, "1", b"one"), card(1, None))
    adapters.commit(staged(adapters, "2", b"two"), card(2, "night-0001"))
    adapters.point("night-0002")
    assert adapters.current().name == "night-0002"
    (adapters.path("night-0002") / "adapter_model.safetensors").write_bytes(b"torn")
    assert adapters.current().name == "night-0001"
    assert "night-0002 is damaged" in str(adapters.warning)


def test_a_pickle_is_no_adapter(home_path: Path) -> None:
    adapters = Adapters(home_path)
    folder = staged(adapters, "1", b"one")
    (folder / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(HomeError, match="not safetensors"):
        adapters.commit(folder, card(1, None))


def test_backup_and_restore(home_path: Path, tmp_path: Path) -> None:
    with Home.open(home_path) as home:
        home.ledger.append("My cat is called Biscuit.")
        backup(home, tmp_path / "b.zip")
    restore(tmp_path / "b.zip", tmp_path / "again")
    with Home.open(tmp_path / "again") as home:
        assert [e.said for e in home.ledger.waiting()] == ["My cat is called Biscuit."]
    with pytest.raises(HomeError, match="not empty"):
        restore(tmp_path / "b.zip", tmp_path / "again")


def test_a_backup_with_strangers_in_it_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "b.zip", "w") as z:
        z.writestr("ledger.db", b"")
        z.writestr("../evil.py", b"")
    with pytest.raises(InputError, match="refused"):
        restore(tmp_path / "b.zip", tmp_path / "new")
    assert not (tmp_path / "evil.py").exists()


def test_imported_memories_are_told_again(home_path: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "m.jsonl", {"text": "I like tea.", "at": "2026-01-02T03:04:05+00:00"})
    with Home.open(home_path) as home:
        import_memories(home.ledger, file)
        (episode,) = home.ledger.waiting()
        assert episode.said == "I like tea." and episode.at.year == 2026
