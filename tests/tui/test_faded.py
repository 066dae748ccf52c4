"""What has faded is told wherever a night is: its line, the morning's card, the report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from memory.episode import Night, Phase
from tui.commands.sleep import _tell
from tui.report import html
from tui.say import Say
from tui.screens.morning import verdict

CAT = "My cat is called <Biscuit>."
REPORT: dict[str, Any] = {
    "night": 2, "learned": [], "kept_back": [], "cleared": 0, "left": 1, "seconds": {"total": 60.0},
    "exam": {"before": 0, "after": 0, "asked": 0}, "drift": {"rise": 0.01},
    "faded": [{"id": 1, "text": CAT, "reason": "0 of 4 exam questions right"}],
}  # fmt: skip
NIGHT = Night(
    number=2, phase=Phase.CLEARED, started=datetime(2026, 1, 2, tzinfo=UTC), finished=None, episodes=(), adapter=None,
    parent=None, report=REPORT, sha256=None,
)  # fmt: skip


def test_what_has_faded_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    _tell(REPORT, Say())
    assert "1 earlier memory had faded and is in the buffer again" in capsys.readouterr().out
    assert f"↺ {CAT}" in verdict(REPORT, 2)
    page = html(NIGHT, [])
    assert "Faded" in page and "&lt;Biscuit&gt;" in page


def test_and_nothing_is_said_where_nothing_has(capsys: pytest.CaptureFixture[str]) -> None:
    report = REPORT | {"faded": []}
    _tell(report, Say())
    assert "faded" not in capsys.readouterr().out + verdict(report, 2)
    assert "Faded" not in html(replace(NIGHT, report=report), [])
