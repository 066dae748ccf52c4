"""Set up once, somnus speaks to nobody: told, asked and slept in a process where every connection is refused and noted.

The same run, under a umask that gives everything away, leaves files that only the user can read.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUN = """
import json, os, socket, sys
from functools import cached_property
from pathlib import Path

tried = []

def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        tried.append(f"{event} {arguments}")
        raise OSError("no network here")
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        if arguments[0].family != socket.AF_UNIX:
            tried.append(f"{event} {arguments[1]}")
            raise OSError("no network here")

sys.addaudithook(refuse)
os.umask(0)
home, checkpoint, tests = map(Path, sys.argv[1:])
sys.path.insert(0, str(tests))
from conftest import HashEmbedder
from tiny import make_checkpoint
from agent.local_model import LocalModel
from agent.weights import Checkpoint
from tui.cli import main
from tui.root import Root

make_checkpoint(checkpoint)

class TinyRoot(Root):
    @cached_property
    def embedder(self):
        return HashEmbedder()

    @cached_property
    def checkpoint(self):
        return Checkpoint(name="tiny", base_path=checkpoint, path=checkpoint, base_hash="0" * 64, instincts_hash=None)

def somnus(*words):
    return main(["--home", str(home), *words], make_root=TinyRoot)

codes = [
    somnus("tell", "My cat is called Biscuit."),
    somnus("tell", "The code of the cellar is 5093."),
    somnus("ask", "What is my cat called?"),
    somnus("sleep"),
    somnus("ask", "What is my cat called?", "--memory", "weights"),
    somnus("status"),
]
print(json.dumps({"codes": codes, "tried": tried}))
"""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[object]]]:
    """A home that was told, asked and slept in, and what the process reports."""
    folder = tmp_path_factory.mktemp("offline")
    environment = os.environ | {
        "SOMNUS_DREAMS_PER_MEMORY": "4", "SOMNUS_REHEARSAL_TEXTS": "8", "HF_HUB_OFFLINE": "0",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }  # fmt: skip
    arguments = [str(folder / "home"), str(folder / "tiny"), str(ROOT / "tests")]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return folder / "home", json.loads(done.stdout.splitlines()[-1])


def test_nothing_is_connected_to_and_no_port_is_opened(
    lived: tuple[Path, dict[str, list[object]]],
) -> None:
    _, report = lived
    assert report == {"codes": [0] * 6, "tried": []}


def test_whatever_the_umask_only_the_user_can_read_a_home(
    lived: tuple[Path, dict[str, list[object]]],
) -> None:
    home, _ = lived
    modes = {p.relative_to(home).as_posix(): p.stat().st_mode & 0o777 for p in home.rglob("*")}
    assert {"ledger.db", "current", "adapters/night-0001/adapter_model.safetensors"} <= set(modes)
    assert home.stat().st_mode & 0o777 == 0o700
    for name, mode in modes.items():
        assert mode == (0o700 if (home / name).is_dir() else 0o600), (name, oct(mode))


def test_nothing_of_ours_is_a_pickle_or_listens_or_trusts_remote_code() -> None:
    forbidden = re.compile(
        r"\bpickle\b(?!\s*of)|torch\.load\(|trust_remote_code=True|AF_INET|HTTPServer|yaml\.load\(|\beval\(|\bexec\("
    )
    for folder in ("agent", "memory", "sleep", "tui"):
        for file in (ROOT / folder).rglob("*.py"):
            code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", file.read_text("utf-8"))
            code = re.sub(r"\.eval\(", "", code)
            assert not forbidden.search(code), file
