"""The settings, made from the config schema: every field with its words, checked as it would be in the file."""

from __future__ import annotations

from typing import Any, ClassVar, get_origin

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
    "sleep_at",
    "nap_pressure",
    "nap_minutes",
    "idle_minutes",
    "on_power",
}
NEXT_NIGHT = {
    "budget_minutes",
    "keep_adapters",
    "keep_adapters_mb",
    "rehearsal_texts",
    "dreams_per_memory",
}
EMPTY = {"model": "the default model", "student": "none", "keys": "name=key name=key"}
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
                text = written(getattr(config, name))
                with Vertical(classes="setting"):
                    yield Static(Content(f"{name}: {field.description}"))
                    empty = EMPTY.get(name) or f"default: {written(field.default)}"
                    yield Input(text, empty, id=f"set-{name}", compact=True)

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
            self._say(f"✓ {name} is kept; it holds {since(name)}.")

    def _say(self, text: str) -> None:
        self.query_one("#settings-said", Static).update(Content(text))
        self.query_one("#dialogue").scroll_home(animate=False)


def since(name: str) -> str:
    """From when on a changed setting holds."""
    if name in AT_ONCE:
        return "now"
    return "from the next night" if name in NEXT_NIGHT else "from the next start"


def written(value: Any) -> str:
    """A setting as it is typed: keys as name=key name=key."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return " ".join(f"{name}={key}" for name, key in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_value(name: str, text: str) -> Any:
    """What was typed as the field's own kind of value; None for nothing. What isn't one stays text, to be refused."""
    from memory.config import Config

    kind = Config.model_fields[name].annotation
    if not text:
        return None
    if kind is bool:
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    if get_origin(kind) is dict:
        pairs = [pair.split("=", 1) for pair in text.split()]
        return dict(pairs) if all(len(p) == 2 and all(p) for p in pairs) else text
    try:
        return kind(text) if kind in (int, float) and kind is not None else text
    except ValueError:
        return text
