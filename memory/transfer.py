"""A home in one file, and memories from one home to another."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from memory.conversation_file import read_lines
from memory.episode import Episode, Origin
from memory.errors import HomeError, InputError
from memory.faults import reached
from memory.ledger import Ledger
from memory.paths import fsync_dir, private_dir, write_atomic, writing

# What zipfile makes of an archive that isn't whole.
TORN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LARGEST = 4_000_000_000  # bytes of a restored home: a zip bomb is refused


def backup(home: Any, file: Path) -> int:
    """Write ledger, adapters and settings into a zip; return its size. Works while another process owns the home."""
    file = file.absolute()
    try:
        with _workshop(file) as work:
            part, copy = work / "backup.zip", work / "ledger.db"
            home.ledger.copy_to(copy)
            with zipfile.ZipFile(
                part, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False
            ) as archive:
                archive.write(copy, "ledger.db")
                names = [home.path / "current", home.path / "config.toml"]
                names += sorted((home.path / "adapters").glob("night-*/*"))
                for path in names:
                    with suppress(FileNotFoundError):  # a night may prune an adapter meanwhile
                        archive.write(path, path.relative_to(home.path).as_posix())
            part.chmod(0o600)
            fsync_dir(part)
            reached("backup.name")
            part.replace(file)
            reached("backup.named")
            fsync_dir(file.parent)
    except HomeError:
        raise
    except OSError as error:
        raise HomeError(
            f"The backup can't be written to {file} ({error.strerror}); choose another place."
        ) from error
    return file.stat().st_size


def restore(file: Path, home: Path) -> None:
    """Unpack a backup into a home that doesn't exist yet, or is empty.

    Raises:
        HomeError: there is something at `home`, or it can't be written.
        InputError: the file is no backup of ours.
    """
    if home.exists() and (home.is_file() or any(home.iterdir())):
        raise HomeError(f"{home} is a file or not empty; restore into a new home: --home DIR.")
    try:
        archive = zipfile.ZipFile(file)
    except TORN as error:
        raise InputError(f"{file} is no backup of somnus ({error}).") from error
    with archive:
        entries = archive.infolist()
        names = [e.filename for e in entries]
        if "ledger.db" not in names:
            raise InputError(f"{file} is no backup of somnus: it has no ledger.")
        if odd := [
            e.filename
            for e in entries
            if not _expected(e.filename)
            or stat.S_ISLNK(e.external_attr >> 16)
            or e.compress_type not in PACKED
        ]:
            raise InputError(
                f"{file} has {odd[0]!r} in it, which no backup of somnus has; it is refused."
            )
        if len(set(names)) < len(names):
            raise InputError(f"{file} has the same name in it twice; it is refused.")
        if sum(e.file_size for e in entries) > LARGEST:
            raise InputError(
                f"{file} would unpack to more than {LARGEST // 10**9} GB; it is refused."
            )
        # Unpacked beside the home, so that a damaged backup leaves nothing behind.
        if not home.parent.exists():
            private_dir(home.parent)
        with _workshop(home) as work:
            part = private_dir(work / "home")
            private_dir(part / "adapters")
            for entry in entries:
                private_dir((part / entry.filename).parent)
                try:
                    data = archive.read(entry)
                except TORN as error:
                    raise InputError(
                        f"{file} is damaged at {entry.filename} ({error}); nothing was taken."
                    ) from error
                write_atomic(part / entry.filename, data)
            with Ledger(part / "ledger.db") as ledger:
                if (state := ledger.check()) != "ok":
                    raise InputError(f"The ledger in {file} is damaged ({state}).")
            with writing(home):
                fsync_dir(part)
                reached("restore.name")
                part.replace(home)
                reached("restore.named")
                fsync_dir(home.parent)


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """A folder for what is half made; one that a kill left behind is cleared away by the next try."""
    work = target.with_name(f".{target.name}.part")
    with writing(work):
        reached("transfer.begin")
        shutil.rmtree(work, ignore_errors=True)
    try:
        yield private_dir(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _expected(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if len(parts) == 1:
        return parts[0] in {"ledger.db", "current", "config.toml"}
    inside = len(parts) == 3 and parts[0] == "adapters" and parts[1].startswith("night-")
    return (
        inside
        and name == "/".join(parts)
        and not {"..", "."} & set(parts)
        and name.endswith((".safetensors", ".json"))
    )


def import_memories(ledger: Ledger, path: Path) -> list[Episode]:
    """Tell every exported memory again, at its own time. Raises InputError naming a broken line; nothing is taken."""
    told: list[tuple[str, str | None, datetime | None, Origin]] = []
    for number, document in read_lines(path, "memory"):
        text = document.get("text")
        if not isinstance(text, str):
            raise InputError(f'Line {number} of {path} has no "text"; nothing was taken from it.')
        try:
            at = (
                datetime.fromisoformat(str(document["at"])).astimezone(UTC)
                if document.get("at")
                else None
            )
        except (ValueError, OverflowError):
            raise InputError(
                f"Line {number} of {path} has a time that can't be read; nothing was taken from it."
            ) from None
        if text.strip():  # a forgotten memory has no text
            told.append((text, None, at, Origin.TYPED))
    return ledger.append_all(told)
