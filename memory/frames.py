"""How far the ledger's write-ahead log reached when its owner died, so that an end that was lost since is told.

SQLite passes over the rest of a log from the first damaged frame on, in silence. But the -shm file beside it, which
outlives a process, counts the frames that were committed: see "WAL-Index File Format" on sqlite.org/walformat.html.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

HEADER = struct.Struct("=12xB3xI12x8s8x")  # whether it is valid, the last frame, the log's salt


@dataclass(frozen=True, slots=True)
class Frames:
    """What the -shm file says: the last committed frame, how many of them the ledger has, and which log they are of."""

    last: int = 0
    copied: int = 0
    log: bytes = b""

    @classmethod
    def of(cls, ledger: Path) -> Frames:
        """Of a ledger's file; none where that can't be read."""
        try:
            with ledger.with_name(f"{ledger.name}-shm").open("rb") as file:
                first, second, copied = (file.read(n) for n in (HEADER.size, HEADER.size, 4))
            valid, last, log = HEADER.unpack(first)
            (count,) = struct.unpack("=I", copied)
        except (OSError, struct.error):
            return cls()
        return cls(last, count, log) if valid and first == second else cls()

    def lost(self, now: Frames) -> bool:
        """Whether frames of then are missing from the same log now, or the log is gone before all were copied."""
        return (
            self.copied < self.last
            if not now.last
            else now.log == self.log and now.last < self.last
        )
