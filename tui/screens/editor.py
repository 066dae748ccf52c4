"""Writing a message in the user's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import SuspendNotSupported


class NoEditor(RuntimeError):
    """There is no editor, or it failed; what was typed stands as it was."""


def edited(text: str, command: str) -> str:
    """The text after the editor is closed. Raises NoEditor."""
    handle, name = tempfile.mkstemp(suffix=".md")
    path = Path(name)
    try:
        os.close(handle)
        path.write_text(text, "utf-8")
        try:
            code = subprocess.run([*shlex.split(command), name], check=False).returncode
        except (OSError, ValueError) as error:
            raise NoEditor(f"The editor {command!r} can't be started ({error}).") from error
        if code:
            raise NoEditor(f"The editor {command!r} ended with {code}; your text is as it was.")
        return path.read_text("utf-8", "replace").rstrip("\n")
    finally:
        path.unlink(missing_ok=True)


def in_editor(app: Any, text: str) -> str:
    """Give the terminal to $VISUAL or $EDITOR meanwhile. Raises NoEditor."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise NoEditor("Set EDITOR to the editor you like, for example EDITOR=nano.")
    try:
        with app.suspend():
            return edited(text, command)
    except SuspendNotSupported:
        raise NoEditor("This terminal can't be lent to an editor.") from None
