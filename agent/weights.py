"""From a model's name to a checkpoint folder that transformers loads in a tenth of a second.

The default model comes from a wheel (see `wheels.py`), is converted once, and gets its instincts merged in; both results
are cached with their hashes. A cache that is damaged is noticed by its sizes, thrown away and made again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from agent.wheels import EMBEDDER, LANGUAGE, Progress, fetch, sha256_of
from memory.errors import WeightsError
from memory.paths import cache_path, fsync_dir, private_dir

DEFAULT = "smollm2-135m"
STAMP = "complete.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model on disk. `base_path` is the untouched base, `path` the complete checkpoint with its instincts merged in."""

    name: str
    base_path: Path
    path: Path
    base_hash: str  # SHA-256 of the base's weights
    instincts_hash: str | None


def _quiet(what: str, share: float | None) -> None:
    del what, share


def resolve(name: str | None = None, *, progress: Progress = _quiet) -> Checkpoint:
    """The checkpoint for None (the default model), a folder, a .gguf file or a Hugging Face id.

    Raises:
        WeightsError: it can't be fetched, checked, converted or used.
    """
    models = private_dir(cache_path() / "models")
    if name in (None, "default", DEFAULT):
        base = _cached(models / "smollm2-135m-instruct", lambda to: _default(to, progress))
        return with_instincts(DEFAULT, base, progress)
    assert name is not None
    local = Path(name).expanduser()
    if local.is_file() and local.suffix == ".gguf":
        digest = sha256_of(local)
        base = _cached(models / f"gguf-{digest[:16]}", lambda to: _convert(local, to, progress))
        return with_instincts(name, base, progress)
    if (local / "config.json").is_file():
        _has_template(local, name)
        return with_instincts(name, local.absolute(), progress)
    if local.exists() or name.startswith((".", "/", "~")) or name.endswith(".gguf"):
        raise WeightsError(f"{name} is neither a checkpoint folder (with a config.json) nor a .gguf file.")
    return with_instincts(name, _from_hub(name, progress), progress)


def known(name: str | None = None) -> Checkpoint | None:
    """The checkpoint if it is on disk already, complete with its instincts: for commands that must not download."""
    models = cache_path() / "models"
    local = Path(name).expanduser() if name not in (None, "default", DEFAULT) and name is not None else None
    base = models / "smollm2-135m-instruct" if local is None else local.absolute()
    if (local is None and _stamp(base) is None) or not (base / "config.json").is_file():
        return None
    try:
        return with_instincts(name or DEFAULT, base, _quiet, make=False)
    except WeightsError:
        return None


def fetch_embedder(progress: Progress = _quiet) -> Path:
    """The folder of the embedding model."""
    return _cached(
        private_dir(cache_path() / "models") / "all-minilm-l6-v2", lambda to: _discard(fetch(EMBEDDER, to, progress))
    )


def _discard(_: object) -> None:
    return None


def verify(folder: Path) -> bool:
    """Whether a cached folder's weights still have the hash they were stored with: slow, for `doctor`."""
    stamp = _stamp(folder)
    return stamp is not None and sha256_of(folder / "model.safetensors") == stamp["sha256"]


def _cached(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder if it is whole, else made aside and renamed in."""
    if _stamp(folder) is not None:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        make(work)
        sizes = {f.name: f.stat().st_size for f in work.iterdir() if f.is_file()}
        stamp = {"sha256": sha256_of(work / "model.safetensors"), "sizes": sizes}
        (work / STAMP).write_text(json.dumps(stamp))
        fsync_dir(work)
        work.replace(folder)
        fsync_dir(folder.parent)
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"The model can't be written to {folder.parent} ({error.strerror or error}); make room and try again."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _stamp(folder: Path) -> dict[str, Any] | None:
    """What was noted when the folder was made, if every file still has its size."""
    try:
        stamp: dict[str, Any] = json.loads((folder / STAMP).read_text())
        whole = all((folder / n).stat().st_size == size for n, size in stamp["sizes"].items())
        return stamp if whole and stamp["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _default(to: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".gguf-") as work:
        _convert(fetch(LANGUAGE, Path(work), progress), to, progress)


def _convert(gguf: Path, to: Path, progress: Progress) -> None:
    """GGUF → safetensors in float32, once: loading the GGUF takes half a minute every time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    progress(f"converting {gguf.name} (once, half a minute)", None)
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(
            **where, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
    except Exception as error:  # noqa: BLE001  # readers of foreign files raise anything
        raise WeightsError(f"{gguf} can't be converted ({error}); is it a whole GGUF language model?") from error
    if not tokenizer.chat_template:
        raise WeightsError(f"{gguf} has no chat template, so it can't hold a conversation; use an instruct model.")
    model.save_pretrained(to, max_shard_size="100GB")
    tokenizer.save_pretrained(to)


def _from_hub(name: str, progress: Progress) -> Path:
    """A snapshot of a Hugging Face repository: safetensors only."""
    progress(f"fetching {name} from the hub", None)
    from huggingface_hub import snapshot_download

    try:
        patterns = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
        folder = Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # noqa: BLE001  # the hub's client raises httpx's, its own and OSErrors
        raise WeightsError(
            f"The model {name} can't be fetched from the Hugging Face hub ({type(error).__name__}); check the name and "
            "the network, or give a local folder or a .gguf file."
        ) from error
    _has_template(folder, name)
    return folder


def _has_template(folder: Path, name: str) -> None:
    config = folder / "tokenizer_config.json"
    try:
        inside = "chat_template" in json.loads(config.read_text("utf-8"))
    except (OSError, ValueError):
        inside = False
    if not inside and not (folder / "chat_template.jinja").exists() and not (folder / "chat_template.json").exists():
        raise WeightsError(
            f"The model {name} has no chat template, so it can't hold a conversation; use an instruct or chat model."
        )


# ------------------------------------------------------------------------------------------------------------ instincts


def instincts_folder() -> Path:
    """Where the shipped instincts lie."""
    return Path(str(files("data").joinpath("instincts", "adapter")))


def with_instincts(name: str, base: Path, progress: Progress, *, make: bool = True) -> Checkpoint:
    """The base with the instincts made for it, merged once and cached; without, if there are none for it.

    Raises WeightsError when they would have to be merged and `make` is off.
    """
    base_hash = _hash_of_base(base)
    plain = Checkpoint(name=name, base_path=base, path=base, base_hash=base_hash, instincts_hash=None)
    folder = _instincts_for(base_hash)
    if folder is None or os.environ.get("SOMNUS_INSTINCTS") == "off":
        return plain
    digest = sha256_of(folder / "adapter_model.safetensors")
    merged = cache_path() / "models" / f"{base.name}+instincts-{digest[:12]}"
    if make:
        _cached(merged, lambda to: _merge(base, folder, to, progress))
    elif _stamp(merged) is None:
        raise WeightsError(f"The instincts of {name} are not merged yet; `somnus model pull {name}` does it.")
    return Checkpoint(name=name, base_path=base, path=merged, base_hash=base_hash, instincts_hash=digest)


def _instincts_for(base_hash: str) -> Path | None:
    """The user's own instincts for this base, else the shipped ones, else None."""
    for folder in (cache_path() / "instincts" / base_hash[:16], instincts_folder()):
        try:
            card = json.loads((folder / "card.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if card.get("base_hash") == base_hash and (folder / "adapter_model.safetensors").exists():
            return folder
    return None


def _hash_of_base(base: Path) -> str:
    """SHA-256 over the base's weight files; the cache's stamp knows it already."""
    stamp = _stamp(base)
    if stamp is not None:
        return str(stamp["sha256"])
    shards = sorted(base.glob("*.safetensors"))
    if not shards:
        raise WeightsError(f"{base} has no safetensors weights; other formats are not loaded.")
    if len(shards) == 1:
        return sha256_of(shards[0])
    import hashlib

    return hashlib.sha256("".join(map(sha256_of, shards)).encode()).hexdigest()


def _merge(base: Path, instincts: Path, to: Path, progress: Progress) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    progress("putting the instincts on (once)", None)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, str(instincts), autocast_adapter_dtype=True).merge_and_unload()
    merged.save_pretrained(to, max_shard_size="100GB")
    AutoTokenizer.from_pretrained(base).save_pretrained(to)
