"""From a model's name to a checkpoint folder that transformers loads in a tenth of a second.

The default model comes from a wheel (see `wheels.py`), is converted once, and gets its instincts merged in; both
results are cached with their hashes. A cache that is damaged is noticed by its sizes, thrown away and made again.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from agent.adapter import put_on
from agent.cache import STAMP, cached, stamp_of, verify
from agent.wheels import EMBEDDER, LANGUAGE, Progress, fetch, sha256_of
from memory.errors import WeightsError, in_short
from memory.paths import cache_path, private_dir

__all__ = [
    "DEFAULT",
    "Checkpoint",
    "fetch_embedder",
    "known",
    "resolve",
    "verify",
    "whole",
    "with_instincts",
]

DEFAULT = "smollm2-135m"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")


WORN = (
    "-while-speaking"  # see `speech.py`; adapters of earlier versions were worn while listening too
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model on disk. `base_path` is the untouched base, `path` the complete one with its instincts merged in."""

    name: str
    base_path: Path
    path: Path
    base_hash: str  # SHA-256 of the base's weights
    instincts_hash: str | None

    @property
    def stamp(self) -> str:
        """What an adapter belongs to: the base, its instincts, and when it is worn."""
        return f"{self.base_hash}{self.instincts_hash or ''}{WORN}"


def _quiet(what: str, share: float | None) -> None:
    del what, share


def resolve(name: str | None = None, *, progress: Progress = _quiet) -> Checkpoint:
    """The checkpoint for None (the default model), a folder, a .gguf file or a Hugging Face id.

    Raises:
        WeightsError: it can't be fetched, checked, converted or used.
    """
    models = private_dir(cache_path() / "models")
    if name in (None, "default", DEFAULT):
        base = cached(models / "smollm2-135m-instruct", lambda to: _default(to, progress))
        return with_instincts(DEFAULT, base, progress)
    assert name is not None
    local = Path(name).expanduser()
    if local.is_file() and local.suffix == ".gguf":
        digest = sha256_of(local)
        base = cached(models / f"gguf-{digest[:16]}", lambda to: _convert(local, to, progress))
        return with_instincts(name, base, progress)
    if (local / "config.json").is_file():
        _usable(local, name)
        return with_instincts(name, local.absolute(), progress)
    if local.exists() or name.startswith((".", "/", "~")) or name.endswith(".gguf"):
        raise WeightsError(
            f"{name} is neither a checkpoint folder (with a config.json) nor a .gguf file."
        )
    return with_instincts(name, _from_hub(name, progress), progress)


def known(name: str | None = None) -> Checkpoint | None:
    """The checkpoint if it is on disk already, complete with its instincts: for commands that must not download."""
    models = cache_path() / "models"
    try:
        if name is None or name in ("default", DEFAULT):
            name, base = DEFAULT, models / "smollm2-135m-instruct"
            if stamp_of(base) is None:
                return None
        elif (local := Path(name).expanduser()).is_file() and local.suffix == ".gguf":
            base = models / f"gguf-{sha256_of(local)[:16]}"
            if stamp_of(base) is None:
                return None
        elif local.exists() or name.startswith((".", "/", "~")) or name.endswith(".gguf"):
            base = local.absolute()
            if not (base / "config.json").is_file():
                return None
        else:
            base = _from_hub(name, _quiet, here=True)
        return with_instincts(name, base, _quiet, make=False)
    except WeightsError:
        return None


def whole(checkpoint: Checkpoint) -> bool:
    """Whether what is cached of a model still has its hash: slow. What hasn't is made again by the next `resolve`."""
    folders = {checkpoint.base_path, checkpoint.path}
    damaged = [f for f in folders if (f / STAMP).exists() and not verify(f)]
    return not damaged


def embedder_folder() -> Path:
    """Where the embedding model lies once it is fetched."""
    return cache_path() / "models" / "all-minilm-l6-v2"


def fetch_embedder(progress: Progress = _quiet) -> Path:
    """The folder of the embedding model."""
    private_dir(cache_path() / "models")
    return cached(embedder_folder(), lambda to: _discard(fetch(EMBEDDER, to, progress)))


def _discard(_: object) -> None:
    return None


def _default(to: Path, progress: Progress) -> None:
    # inside `to`: swept up with it after a crash
    with tempfile.TemporaryDirectory(dir=to, prefix=".gguf-") as work:
        _convert(fetch(LANGUAGE, Path(work), progress), to, progress)


def _convert(gguf: Path, to: Path, progress: Progress) -> None:
    """GGUF → safetensors in float32, once: loading the GGUF takes half a minute every time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    need = gguf.stat().st_size * 7  # four to eight bits a weight become 32
    free = shutil.disk_usage(to).free
    if free < need:
        raise WeightsError(
            f"The disk of {to.parent} has {free // 1_000_000} MB left, and converting {gguf.name} needs "
            f"{need // 1_000_000} MB; make room and try again."
        )
    progress(f"converting {gguf.name} (once, half a minute)", None)
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(
            **where, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
    except Exception as error:  # readers of foreign files raise anything
        raise WeightsError(
            f"{gguf} can't be converted ({in_short(error)}); is it a whole GGUF language model?"
        ) from error
    if not tokenizer.chat_template:
        raise WeightsError(
            f"{gguf} has no chat template, so it can't hold a conversation; use an instruct model."
        )
    model.save_pretrained(to, max_shard_size="100GB")
    tokenizer.save_pretrained(to)


def _from_hub(name: str, progress: Progress, *, here: bool = False) -> Path:
    """A snapshot of a Hugging Face repository, safetensors only; with `here` only what was fetched before."""
    progress(f"fetching {name} from the hub", None)
    from huggingface_hub import errors, snapshot_download

    patterns = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
    try:
        folder = Path(
            snapshot_download(
                name,
                allow_patterns=patterns,
                ignore_patterns=["*/*", "consolidated*"],
                local_files_only=here,
            )
        )
    except Exception as error:  # the hub's client raises httpx's, its own and OSErrors
        if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
            why = "it has none of that name, or a closed one: check the name, or log in with `hf auth login`"
        elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
            why = "the disk is full: make room and try again"
        else:
            why = "it can't be reached: check the network, or give a local folder or a .gguf file"
        raise WeightsError(
            f"The model {name} can't be fetched from the Hugging Face hub: {why}."
        ) from error
    _usable(folder, name)
    return folder


def _usable(folder: Path, name: str) -> None:
    """Refuse what a copy left half-made, and what can't hold a conversation. Raises WeightsError."""
    from safetensors import SafetensorError, safe_open

    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="np"):
                pass  # opening checks that all of it is there
        except (OSError, SafetensorError) as error:
            raise WeightsError(
                f"The weights {file} are torn ({error}); copy or fetch them again."
            ) from error
    if not any((folder / t).exists() for t in TOKENIZERS):
        raise WeightsError(
            f"The model {name} has no tokenizer ({TOKENIZERS[0]} or the like); copy or fetch it whole."
        )
    config = folder / "tokenizer_config.json"
    try:
        inside = "chat_template" in dict(json.loads(config.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        inside = False
    if (
        not inside
        and not (folder / "chat_template.jinja").exists()
        and not (folder / "chat_template.json").exists()
    ):
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
    plain = Checkpoint(
        name=name, base_path=base, path=base, base_hash=base_hash, instincts_hash=None
    )
    folder = _instincts_for(base_hash)
    if folder is None or os.environ.get("SOMNUS_INSTINCTS") == "off":
        return plain
    digest = sha256_of(folder / "adapter_model.safetensors")
    merged = cache_path() / "models" / f"{base.name}+instincts-{digest[:12]}"
    if make:
        cached(merged, lambda to: _merge(base, folder, to, progress))
    elif stamp_of(merged) is None:
        raise WeightsError(
            f"The instincts of {name} are not merged yet; `somnus model pull {name}` does it."
        )
    return Checkpoint(
        name=name, base_path=base, path=merged, base_hash=base_hash, instincts_hash=digest
    )


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
    stamp = stamp_of(base)
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
    from agent.loading import remake

    progress("putting the instincts on (once)", None)
    remake(base, to, lambda n: put_on(n, instincts, autocast_adapter_dtype=True).merge_and_unload())
