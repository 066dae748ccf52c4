"""The app's looks: dark, light, and the terminal's own colours."""

from __future__ import annotations

from textual.theme import Theme

THEMES = (
    Theme(
        name="somnus-dark", primary="#8aa6e8", secondary="#6f7bb3", accent="#e8c48a", warning="#e8c48a",
        error="#e88a8a", success="#8ad0a6", foreground="#d8dcea", background="#10131f", surface="#161a2a",
        panel="#1e2338", dark=True,
    ),
    Theme(
        name="somnus-light", primary="#3a56a8", secondary="#6f7bb3", accent="#8a5a00", warning="#8a5a00",
        error="#a83232", success="#1f7a4a", foreground="#20242e", background="#f7f7f3", surface="#efefe8",
        panel="#e4e5e0", dark=False,
    ),
)  # fmt: skip


def theme_name(setting: str) -> str:
    """Textual's name for a setting."""
    return {"dark": "somnus-dark", "light": "somnus-light", "ansi": "ansi-dark"}[setting]
