"""Where things live on disk, and how they are written: private to the user, and whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory.errors import HomeError
from memory.faults import reached

LOG = "somnus.log"  # in a home: the tracebacks of errors that nobody foresaw


def home_path(given: Path | None = None) -> Path:
    """The home asked for, else SOMNUS_HOME, else the platform's user data folder."""
    if given is not None:
        return given.expanduser()
    if named := os.environ.get("SOMNUS_HOME"):
        return Path(named).expanduser()
    from platformdirs import user_data_dir

    return Path(user_data_dir("somnus"))


def cache_path() -> Path:
    """The folder for model weights: XDG_CACHE_HOME/somnus, or the platform's cache."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named).expanduser() / "somnus"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("somnus"))


def private_dir(path: Path) -> Path:
    """Make a folder that only the user may enter, whatever the umask. Raises HomeError when it can't be made."""
    try:
        missing = [p for p in (path, *path.parents) if not p.exists()]
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise HomeError(
            f"The folder {path} can't be made or entered ({error.strerror}); choose another place."
        ) from error
    for made in missing:  # what is written into it is not there before its name is
        fsync_dir(made.parent)
    return path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the disk refuses becomes one sentence. Raises HomeError."""
    try:
        yield
    except HomeError:
        raise
    except OSError as error:
        raise HomeError(
            f"{path} can't be written ({error.strerror or error}); free some disk or look at its permissions."
        ) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by `data`: readers see the old or the new one, also after a power cut. Mode 0600.

    Raises:
        HomeError: the disk refuses; the old file is still there, or already the new one.
    """
    with writing(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                reached("file.written")
                os.fsync(file.fileno())
            reached("file.synced")
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        reached("file.named")
        fsync_dir(path.parent)


def fsync_tree(folder: Path) -> None:
    """Make a folder's files, and their names, durable. Files become private."""
    for file in folder.iterdir():
        file.chmod(0o600)
        fsync_dir(file)
    private_dir(folder)
    fsync_dir(folder)


def fsync_dir(path: Path) -> None:
    """Make renames and new names in a folder durable; a file's bytes just as well."""
    with writing(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            reached("disk.sync")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
