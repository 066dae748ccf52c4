"""Imports go one way, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "transformers",
    "peft",
    "chromadb",
    "langchain_core",
    "textual",
    "pydantic_settings",
}
ALLOWED = {
    "memory": {"memory"},
    "agent": {"agent", "memory"},
    "sleep": {"sleep", "agent", "memory", "data"},
    "tui": {"tui", "sleep", "agent", "memory", "data"},
}


def loaded(statement: str) -> set[str]:
    script = f"{statement}\nimport sys; print(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(out.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_is_below_it(package: str) -> None:
    modules = {
        "memory": "memory.ledger, memory.home, memory.buffer, memory.transfer",
        "agent": "agent.conversation, agent.weights, agent.local_model, agent.tools",
        "sleep": "sleep.night, sleep.recall, sleep.instincts.train",
        "tui": "tui.cli, tui.app",
    }[package]
    assert loaded(f"import {modules}") & set(ALLOWED) <= ALLOWED[package]


def test_help_imports_nothing_heavy() -> None:
    assert not loaded("from tui.cli import main; main(['--help'])") & HEAVY


def test_the_conversation_and_the_ledger_import_nothing_heavy() -> None:
    assert (
        not loaded(
            "import agent.conversation, agent.weights, memory.home, memory.chroma_store, sleep.schedule"
        )
        & HEAVY
    )
