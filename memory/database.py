"""One SQLite file, on which the ledger's tables are read and written, by one connection at a time (see `turn`).

One connection a process, behind a lock. synchronous=FULL, so that an acknowledged turn survives a power cut;
secure_delete, so that what is forgotten leaves no bytes.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memory import ledger_schema
from memory.errors import HomeError
from memory.faults import reached
from memory.frames import Frames
from memory.paths import fsync_dir, writing
from memory.turn import Turn

BATCH = 500  # values of one IN (…): SQLite allows 999 in old builds


class Database:
    """The open file. Safe to use from several threads."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open it, or create it.

        Raises:
            HomeError: it can't be opened, is damaged, is no ledger, or was written by a newer version.
        """
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._turn: Turn | None = None  # a reader needs none
        self._before = Frames.of(path)  # opening it counts them anew
        self.cut = False  # whether commits are missing that its last owner had made
        try:
            self._db = self._connect(read_only)
        except sqlite3.Error as error:
            raise self._broken(error, "opened") from error
        try:
            if not read_only:
                self._turn = Turn(path.with_name("ledger.lock"))
            self._open(read_only)
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.Error):
                raise self._broken(error, "opened") from error
            raise

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        where = self.path.absolute().as_uri()
        if not read_only:
            try:  # made here, so that it is private from its first byte; -wal and -shm get its mode from SQLite
                reached("ledger.create")
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
                self.path.chmod(0o600)
            except OSError as error:
                raise self._broken(error, "opened") from error
            return self._connection(f"{where}?mode=rw")
        db = self._connection(f"{where}?mode=ro")
        try:
            db.execute("SELECT count(*) FROM sqlite_schema")
        except sqlite3.OperationalError:
            # A folder where -shm can't be made: without a write-ahead log the file alone is whole.
            db.close()
            log = self.path.with_name(self.path.name + "-wal")
            if log.exists() and log.stat().st_size:
                raise
            db = self._connection(f"{where}?mode=ro&immutable=1")
        return db

    def _connection(self, uri: str) -> sqlite3.Connection:
        db = sqlite3.connect(
            uri, uri=True, check_same_thread=False, isolation_level=None, timeout=5.0
        )
        db.row_factory = sqlite3.Row
        return db

    def _open(self, read_only: bool) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        self.cut = self._before.lost(Frames.of(self.path))
        if version > ledger_schema.VERSION:
            raise HomeError(
                f"The ledger {self.path} was written by a newer somnus (format {version}, this one knows "
                f"{ledger_schema.VERSION}); upgrade somnus."
            )
        empty = not self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if version == 0 and (read_only or not empty):
            raise HomeError(
                f"The file {self.path} is not a ledger of somnus; choose another home with --home."
            )
        if read_only:
            if version < ledger_schema.VERSION:
                raise HomeError(
                    f"The ledger {self.path} was written by an older somnus (format {version}, this one reads "
                    f"{ledger_schema.VERSION}); `somnus chat`, or any command that writes, upgrades it."
                )
            return
        for setting in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "foreign_keys=ON",
            "wal_autocheckpoint=200",  # pages: a log that is small beside the ledger it belongs to
        ):
            self._db.execute(f"PRAGMA {setting}").fetchall()
        if version < ledger_schema.VERSION:
            steps = [
                ledger_schema.UPGRADES[v] for v in range(max(1, version), ledger_schema.VERSION)
            ]
            with self.transaction():
                for script in steps if version else [ledger_schema.SCHEMA]:
                    for statement in script.split(";\n"):
                        if statement.strip():
                            self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={ledger_schema.VERSION}")

    def _broken(self, error: Exception, done: str = "read or written") -> HomeError:
        return HomeError(
            f"The ledger {self.path} can't be {done} ({error}); free some disk, restore a backup or choose "
            f"another home with --home."
        )

    def close(self) -> None:
        """Close the connection; what was written is durable already."""
        with self._alone():
            self._db.close()
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread and no other process writes meanwhile."""
        with self._lock:
            if self._turn is None or self._depth:
                yield
                return
            with self._turn.taken():
                yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. May be nested: an inner one that fails undoes its own part, the outermost commits."""
        with self._alone():
            inner = f"level_{self._depth}" if self._depth else ""
            self._sql(f"SAVEPOINT {inner}" if inner else "BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                self._commit(inner)
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back on a full disk
                    for statement in (
                        (f"ROLLBACK TO {inner}", f"RELEASE {inner}") if inner else ("ROLLBACK",)
                    ):
                        self._sql(statement)
                raise
            finally:
                self._depth -= 1

    def _commit(self, inner: str) -> None:
        if inner:
            self._sql(f"RELEASE {inner}")
            return
        try:
            reached("ledger.commit")
            self._sql("COMMIT")
            reached("ledger.committed")
        except HomeError:
            raise
        except OSError as error:
            raise self._broken(error) from error

    def _sql(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        with self._lock:
            try:
                return self._db.execute(sql, values)
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
                raise  # a mistake of ours, not of the disk
            except sqlite3.DatabaseError as error:
                raise self._broken(error) from error

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._sql(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise self._broken(error) from error

    def _rows_with(self, sql: str, ids: Iterable[int]) -> list[sqlite3.Row]:
        """The rows of `sql`, whose IN takes the ids in batches."""
        every, out = sorted(set(ids)), []
        for begin in range(0, len(every), BATCH):
            some = every[begin : begin + BATCH]
            out += self._rows(sql.format(", ".join("?" * len(some))), some)
        return out

    def run(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """A change that spans tables (see `forgetting`), in one transaction."""
        with self.transaction():
            change(self._db)

    def check(self) -> str:
        """SQLite's own integrity check: "ok", or what is wrong."""
        return str(self._rows("PRAGMA integrity_check")[0][0])

    def copy_to(self, path: Path) -> None:
        """A consistent copy, also while another process writes. Mode 0600."""
        reached("backup.copy")
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        copy = sqlite3.connect(path)
        try:
            with self._lock:
                self._db.backup(copy)
        except sqlite3.Error as error:
            raise self._broken(error) from error
        finally:
            copy.close()

    def vacuum(self) -> None:
        """Rewrite the file without the bytes of what was deleted, and empty the write-ahead log."""
        with self._alone(), writing(self.path):
            reached("ledger.vacuum")
            self._sql("VACUUM")
            self._rows("PRAGMA wal_checkpoint(TRUNCATE)")
            fsync_dir(self.path.with_name(f"{self.path.name}-wal"))  # which SQLite leaves to chance


def where(**equal: Any) -> tuple[str, list[Any]]:
    """(" WHERE a = ? AND …", values) for what isn't None."""
    given = {k: v for k, v in equal.items() if v is not None}
    return (" WHERE " + " AND ".join(f"{k} = ?" for k in given) if given else ""), list(
        given.values()
    )


def iso(at: datetime) -> str:
    """A time as text whose order is the order of time: UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def time(text: str | None) -> datetime | None:
    """The time that `iso` wrote."""
    return datetime.fromisoformat(text) if text else None
