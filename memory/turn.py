"""One writer at a time, also between processes.

A home's owner and its night's process both write to the ledger. SQLite before 3.51.3 can corrupt a write-ahead log that
two connections write to or checkpoint at the same moment; behind this lock they never do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Turn:
    """A lock file. A process that dies gives its turn back."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn and hold it."""
        if sys.platform == "win32":
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)
