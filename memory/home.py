"""A home: one user's ledger, buffer, adapters and settings, owned by one process at a time."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from memory.adapters import Adapters
from memory.errors import HomeBusyError, HomeError
from memory.ledger import Ledger
from memory.paths import private_dir


class Home:
    """Open with `Home.open`. Read-only homes take no lock and may belong to another process meanwhile."""

    def __init__(self, path: Path, ledger: Ledger, lock: Any) -> None:
        self.path = path
        self.ledger = ledger
        self.adapters = Adapters(path)
        self._lock = lock

    @property
    def buffer_path(self) -> Path:
        return self.path / "buffer"

    @property
    def config_path(self) -> Path:
        return self.path / "config.toml"

    @property
    def read_only(self) -> bool:
        return self._lock is None

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Home:
        """Open a home, making it if need be.

        Raises:
            HomeBusyError: another process owns it.
            HomeError: it can't be read or written, or a newer version wrote it.
        """
        path = path.expanduser().absolute()
        if read_only:
            if not (path / "ledger.db").exists():
                raise HomeError(f"There is no home at {path} yet; tell somnus something first.")
            return cls(path, Ledger(path / "ledger.db", read_only=True), None)
        if path.exists() and not path.is_dir():
            raise HomeError(f"The home {path} is a file, not a folder; choose another with --home.")
        made = not path.exists()
        if made:
            private_dir(path)
        # The mode as well: to root everything is writable, and a folder set read-only is meant to stay as it is.
        if not os.access(path, os.W_OK | os.X_OK) or not path.stat().st_mode & 0o200:
            raise HomeError(
                f"The home {path} is read-only; choose another with --home or change its permissions."
            )
        if made or (path / "ledger.db").exists() or not any(path.iterdir()):
            private_dir(path)  # a folder that has other things in it, /tmp say, keeps its mode
        lock = _locked(path)
        try:
            private_dir(path / "adapters")
            ledger = Ledger(path / "ledger.db")
        except BaseException:
            lock.release()
            raise
        return cls(path, ledger, lock)

    def close(self) -> None:
        """Give the home back."""
        self.ledger.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Home:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _locked(path: Path) -> Any:
    from filelock import FileLock, Timeout

    lock = FileLock(path / "somnus.lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HomeBusyError(
            f"Another somnus is using the home {path}; close it first, or choose another home with --home."
        ) from None
    except OSError as error:
        raise HomeError(
            f"The home {path} can't be locked ({error.strerror}); is it read-only?"
        ) from error
    return lock
