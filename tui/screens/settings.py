"""The settings, made from the config schema: every field with its words, checked as it would be in the file."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from memory.errors import SomnusError
from tui.screens.dialogue import Dialogue

AT_ONCE = {
    "theme",
    "animation",
    "keys",
    "recollections",
    "min_similarity",
    "min_similarity_worn",
    "reply_tokens",
    "context_tokens",
}
INTRO = "Enter keeps a value; an empty one goes back to the default. Escape closes."


class SettingsScreen(Dialogue[None]):
    """One box a setting."""

    HELP = "Settings are kept in config.toml in the home; environment and command line stand above them."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f10", "dismiss", "Close", id="settings.close")
    ]

    def compose(self) -> ComposeResult:
        from memory.config import Config

        config = self.somnus.root.config
        with VerticalScroll(id="dialogue", classes="wide"):
            yield Static(Content(INTRO), id="settings-said")
            for name, field in Config.model_fields.items():
                if name != "keys":
                    value = getattr(config, name)
                    with Vertical(classes="setting"):
                        yield Static(Content(f"{name}: {field.description}"))
                        text = str(value).lower() if isinstance(value, bool) else str(value)
                        yield Input("" if value is None else text, id=f"set-{name}", compact=True)

    @on(Input.Submitted)
    def keep(self, submitted: Input.Submitted) -> None:
        """Write one setting; what can't be is said and not written."""
        from memory.config import save_setting

        name, root = str(submitted.input.id).removeprefix("set-"), self.somnus.root
        try:
            save_setting(root.path, name, read_value(name, submitted.value.strip()))
            root.__dict__.pop("config", None)  # read anew when next asked for
            self.somnus.take_settings()
        except SomnusError as error:
            self._say(f"✗ {error}")
        else:
            when = "now" if name in AT_ONCE else "at the next start"
            self._say(f"✓ {name} is kept; it holds {when}.")

    def _say(self, text: str) -> None:
        self.query_one("#settings-said", Static).update(Content(text))
        self.query_one("#dialogue").scroll_home(animate=False)


def read_value(name: str, text: str) -> Any:
    """What was typed as the field's own kind of value; None for nothing. What isn't one stays text, to be refused."""
    from memory.config import Config

    kind = Config.model_fields[name].annotation
    if not text:
        return None
    if kind is bool:
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    try:
        return kind(text) if kind in (int, float) and kind is not None else text
    except ValueError:
        return text
