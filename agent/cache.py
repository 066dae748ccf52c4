"""Folders of weights that are made once: whole or not there, and stamped with their hash and sizes.

A damaged or half-made folder is noticed by its sizes at every start, by its hash in `doctor`, and is made again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.wheels import sha256_of
from memory.errors import WeightsError
from memory.paths import fsync_dir, private_dir, write_atomic

STAMP = "complete.json"


def verify(folder: Path) -> bool:
    """Whether a cached folder's weights still have the hash they were stored with: slow, for `doctor`.

    If not, it loses its stamp, so that the next start makes it again.
    """
    stamp = stamp_of(folder)
    if stamp is None:
        return False
    whole = sha256_of(folder / "model.safetensors") == str(stamp["sha256"])
    if not whole:
        unstamp(folder)
    return whole


def unstamp(folder: Path) -> None:
    """Take its stamp from a folder that proved damaged: the next start makes it again."""
    with suppress(OSError):  # none there, or a cache of somebody else's
        (folder / STAMP).unlink()


def cached(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder if it is whole, else made aside and renamed in. Of two processes the second waits for the first."""
    if stamp_of(folder) is not None:
        return folder
    from filelock import FileLock

    with FileLock(private_dir(folder.parent) / f".{folder.name}.lock"):
        return folder if stamp_of(folder) is not None else _make(folder, make)


def _make(folder: Path, make: Callable[[Path], None]) -> Path:
    from safetensors import SafetensorError

    # damaged, or of a process that died
    for left in (folder, *folder.parent.glob(f".{folder.name}.work-*")):
        shutil.rmtree(left, ignore_errors=True)
    try:
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.work-"))
    except OSError as error:
        raise WeightsError(
            f"Nothing can be written to {folder.parent} ({error.strerror}); make room there."
        ) from error
    try:
        make(work)
        sizes = {f.name: f.stat().st_size for f in work.iterdir() if f.is_file()}
        stamp = {"sha256": sha256_of(work / "model.safetensors"), "sizes": sizes}
        for file in work.iterdir():
            if file.is_file():
                with file.open("rb") as opened:
                    os.fsync(opened.fileno())
        # last: without its stamp the rest doesn't count
        write_atomic(work / STAMP, json.dumps(stamp).encode())
        work.replace(folder)
        fsync_dir(folder.parent)
    except SafetensorError as error:  # how a full disk looks from there
        raise WeightsError(
            f"The model can't be written to {folder.parent} ({error}); make room and try again."
        ) from error
    except WeightsError:  # an OSError too, but with its reason said
        raise
    except OSError as error:
        raise WeightsError(
            f"The model can't be written to {folder.parent} ({error.strerror or error}); make room and try again."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def stamp_of(folder: Path) -> dict[str, Any] | None:
    """What was noted when the folder was made, if every file still has its size."""
    try:
        stamp: dict[str, Any] = json.loads((folder / STAMP).read_text())
        whole = all((folder / n).stat().st_size == size for n, size in stamp["sizes"].items())
        return stamp if whole and stamp["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
