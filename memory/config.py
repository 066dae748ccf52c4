"""The home's settings: HOME/config.toml, then SOMNUS_* in the environment, then what the command line says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from memory.errors import UsageError
from memory.paths import write_atomic

LEAST_MINUTES = 2.0  # a night that is shorter learns nothing


class Config(BaseSettings):
    """Everything a home can be told. Defaults suit a laptop with two cores."""

    model_config = SettingsConfigDict(
        env_prefix="SOMNUS_",
        extra="ignore",
        frozen=True,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    model: str | None = None
    """The language model: a Hugging Face id, a checkpoint folder or a .gguf file; without one, the default model."""
    device: str = Field(default="auto", pattern="^(auto|cpu|cuda(:[0-9]+)?|mps)$")
    """What it computes on: auto, cpu, cuda, cuda:N or mps."""
    dtype: str = Field(default="auto", pattern="^(auto|float32|bfloat16|float16)$")
    """How precisely: auto, float32, bfloat16 or float16."""
    seed: int = 0
    """Everything random follows from this number."""
    student: str | None = None
    """A larger model that learns from the smaller one and talks in its place; without one, the model itself learns."""
    sleep_at: str = Field(default="03:30", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """Local time of the nightly sleep, HH:MM."""
    budget_minutes: float = Field(default=60.0, ge=LEAST_MINUTES, allow_inf_nan=False)
    """The longest a night may take."""
    nap_pressure: float = Field(default=0.8, ge=0, le=1)
    """Sleep pressure, 0 to 1, from which it naps by itself; 1 never naps."""
    nap_minutes: float = Field(default=10.0, ge=LEAST_MINUTES, allow_inf_nan=False)
    """The longest a nap may take."""
    idle_minutes: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Minutes without you before it sleeps by itself; it pauses when you return. 0 sleeps beside the chat."""
    on_power: bool = True
    """Whether nights that nobody asked for need mains power."""
    recollections: int = Field(default=4, ge=1, le=50)
    """The most that is looked up in the buffer for a reply."""
    min_similarity: float = Field(default=0.2, ge=-1, le=1)
    """How alike a question and what is looked up are at least: their cosine, -1 to 1."""
    min_similarity_worn: float = Field(default=0.3, ge=-1, le=1)
    """The same once a night's adapter is worn: what resembles a question less, the weights know better."""
    reply_tokens: int = Field(default=256, ge=1)
    """The longest reply, in tokens."""
    context_tokens: int = Field(default=2048, ge=128)
    """The longest prompt, in tokens."""
    keep_adapters: int = Field(default=5, ge=2)
    """How many nights' adapters are kept on disk."""
    keep_adapters_mb: int = Field(default=500, ge=1)
    """The most that they may take there, in MB."""
    rehearsal_texts: int = Field(default=64, ge=8)
    """How many texts of the base a night rehearses, so that general ability stays."""
    dreams_per_memory: int = Field(default=84, ge=4, le=400)
    """How many dreams are dreamt of each memory."""
    theme: str = Field(default="dark", pattern="^(dark|light|ansi)$")
    """The app's colours: dark, light or ansi (the terminal's own)."""
    animation: bool = True
    """Whether the app may animate."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Other keys for the app, by the name that the help screen shows: {"chat.again" = "ctrl+r"}."""


def load_config(home: Path, **overrides: Any) -> Config:
    """The settings in force; `overrides` that are None don't count.

    Raises:
        UsageError: a key or value that can't be, named as it was typed.
    """
    stored = _stored(home / "config.toml")
    unknown = stored.keys() - Config.model_fields.keys()
    if unknown:
        raise UsageError(
            f"{home / 'config.toml'} has an unknown setting {sorted(unknown)[0]!r}; known are: "
            f"{', '.join(sorted(Config.model_fields))}."
        )
    given = {k: v for k, v in overrides.items() if v is not None}
    if odd := given.keys() - Config.model_fields.keys():
        raise UsageError(
            f"There is no setting {sorted(odd)[0]!r}; known are: {', '.join(sorted(Config.model_fields))}."
        )
    try:
        # The environment stands between the file and the command line.
        environment = Config().model_dump(exclude_unset=True)
        return Config(**(stored | environment | given))
    except ValidationError as error:
        raise _refused(error) from error


def save_setting(home: Path, key: str, value: Any) -> None:
    """Write one setting to HOME/config.toml, keeping the others. None removes it. Raises UsageError."""
    import tomli_w

    before = _stored(home / "config.toml")
    _checked(key, value)
    stored = before | {key: value}
    write_atomic(
        home / "config.toml",
        tomli_w.dumps({k: v for k, v in stored.items() if v is not None}).encode(),
    )


def _checked(key: str, value: Any) -> None:
    """Refuse what `load_config` would refuse, before it is written."""
    if key not in Config.model_fields:
        raise UsageError(
            f"There is no setting {key!r}; known are: {', '.join(sorted(Config.model_fields))}."
        )
    if value is not None:
        try:
            Config.model_validate({key: value})
        except ValidationError as error:
            raise _refused(error) from error


def _refused(error: ValidationError) -> UsageError:
    """The first thing that is wrong: its name, its value, and what is allowed (the field's docstring)."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    field = Config.model_fields.get(name)
    allowed = f" {name}: {field.description}" if field and field.description else ""
    return UsageError(f"The setting {name} can't be {first['input']!r}: {first['msg']}.{allowed}")


def _stored(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} can't be read ({error}); correct or remove it.") from error
