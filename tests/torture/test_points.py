"""Whatever writes to a home has a named point, at which the campaign kills: no new write can be forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_kills import POINTS, RARE

ROOT = Path(__file__).parents[2]
PACKAGES = ("memory", "sleep", "tui")
NIGHTLY = {  # points that only the night of a real model passes, and the tests that end it there
    "adapter.config": "tests/sleep/test_killed_night.py",
    "seed.finish": "tests/sleep/test_killed_night.py",
    "deep.name": "tests/sleep/test_deep_sleep.py",
}
POINTLESS = {  # writes that need no point, since no home depends on them
    "memory/home.py: _look_at_the_log": "a mark of what the user is told at the same moment",
    "memory/turn.py: __init__": "a lock's file, with nothing in it",
    "sleep/instincts/train.py: train_instincts": "instincts are made in a folder of their own, beside every home",
    "tui/apart.py: main": "no file: the parent that listens",
    "tui/apart.py: stand_back": "no file: the kernel is told how nice the process is",
    "tui/cli.py: log_error": "the log of errors: what is missing from it is missed by nobody",
    "tui/commands/service.py: run": "the system's list of timers",
    "tui/doorbell.py: _listen": "a socket, made anew at every start",
    "tui/doorbell.py: close": "a socket, made anew at every start",
    "tui/screens/editor.py: edited": "a file for the user's editor, thrown away after it",
    "tui/screens/journal.py: error": "the log of errors: what is missing from it is missed by nobody",
}
METHODS = {
    "fsync", "unlink", "rmtree", "rmdir", "upsert", "rename", "truncate", "ftruncate", "write_bytes", "write_text",
    "save_file", "save_pretrained", "copyfile", "copyfileobj", "copytree", "touch", "symlink_to", "hardlink_to",
    "mkstemp",
}  # fmt: skip
MODULES = {  # whose functions have names that are common elsewhere
    "os": {"replace", "write", "pwrite", "remove", "link"},
    "shutil": {"copy", "copy2", "move"},
    "json": {"dump"},
}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_write_has_a_named_point(package: str) -> None:
    bare = {
        f"{file}: {function.name}"
        for file, function in _functions(package)
        if _writes(function) and not _points(function)
    }
    assert bare == {name for name in POINTLESS if name.startswith(f"{package}/")}


def test_every_named_point_is_killed_at() -> None:
    named = {
        p for package in PACKAGES for _, function in _functions(package) for p in _points(function)
    }
    assert named == {*POINTS, *RARE, *NIGHTLY}
    for point, file in NIGHTLY.items():
        assert f"{point}:" in (ROOT / file).read_text("utf-8")


@pytest.mark.parametrize(
    "line",
    ["p.replace(q)", "os.replace(p, q)", "p.write_text('x')", "p.write_bytes(b'x')", "p.unlink()", "rmtree(p)",
     "os.fsync(3)", "p.open('wb')", "open(p, 'a')", "open(p, mode='r+')", "os.open(p, os.O_CREAT)", "save_file({}, p)",
     "os.fdopen(3, 'w')", "self._sql('COMMIT')", "ZipFile(p, 'w')", "c.upsert(ids=[])", "shutil.move(p, q)"],
)  # fmt: skip
def test_a_new_write_would_be_noticed(line: str) -> None:
    assert _writes(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "'a'.replace('b', 'c')",
        "open(p)",
        "p.open('rb')",
        "os.open(p, os.O_RDONLY)",
        "d.copy()",
        "l.remove(1)",
    ],
)
def test_what_only_reads_is_no_write(line: str) -> None:
    assert not _writes(ast.parse(line))


def _functions(package: str) -> Iterator[tuple[str, ast.AST]]:
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file.relative_to(ROOT).as_posix(), node


def _points(function: ast.AST) -> set[str]:
    """The named points in a function."""
    return {str(_text(c, 0)) for c in _calls(function) if _name(c) == "reached"}


def _writes(function: ast.AST) -> bool:
    return any(_is_write(call) for call in _calls(function))


def _calls(function: ast.AST) -> list[ast.Call]:
    return [n for n in ast.walk(function) if isinstance(n, ast.Call)]


def _is_write(call: ast.Call) -> bool:
    name, module = _name(call), getattr(getattr(call.func, "value", None), "id", "")
    if name in METHODS or name in MODULES.get(module, ()):
        return True
    if name == "replace":  # a path's, not a text's
        return len(call.args) == 1 and not call.keywords
    if name == "_sql":
        return _text(call, 0) in ("COMMIT", "VACUUM")
    if name == "open" and module == "os":
        return "O_CREAT" in ast.dump(call)
    if name in ("open", "fdopen", "ZipFile"):
        mode = [
            k.value.value
            for k in call.keywords
            if k.arg == "mode" and isinstance(k.value, ast.Constant)
        ]
        place = 0 if isinstance(call.func, ast.Attribute) and name == "open" else 1
        return bool(set("wax+") & set(str(mode[0] if mode else _text(call, place) or "r")))
    return False


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _text(call: ast.Call, place: int) -> object:
    """The text that is a call's argument; None where it is none."""
    found = call.args[place] if len(call.args) > place else None
    return found.value if isinstance(found, ast.Constant) else None
