"""A home: one user's ledger, buffer, adapters and settings, owned by one process at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from memory.adapters import Adapters
from memory.errors import HomeBusyError, HomeError
from memory.faults import reached
from memory.ledger import Ledger
from memory.paths import LOG, private_dir, writing
from memory.seal import changed, seal, unseal
from memory.settling import settle

ORPHAN = 3.0  # seconds that a night may outlive its owner

WRITTEN = ("current", "config.toml", "seal", LOG)  # files of a home that are replaced whole
CUT = ".ledger.db.cut"  # a mark: the end of the log was missing when somebody looked


def usable(path: Path) -> Path:
    """The absolute path of a home, which need not be there yet. Raises HomeError for one that can never be."""
    path = path.expanduser().absolute()
    try:
        there = next(p for p in (path, *path.parents) if p.exists())
    except PermissionError as error:
        raise HomeError(
            f"The home {path} can't be reached ({error.strerror}); choose another with --home."
        ) from error
    if not there.is_dir():
        what = "is" if there == path else f"lies below {there}, which is"
        raise HomeError(f"The home {path} {what} a file, not a folder; choose another with --home.")
    try:
        str(path).encode()
    except UnicodeEncodeError:  # Chroma takes no such path
        raise HomeError(
            f"The home {str(path)!a} has a name that is not UTF-8 text; choose another with --home."
        ) from None
    return path


class Home:
    """Open with `Home.open`. Read-only homes take no lock and may belong to another process meanwhile."""

    def __init__(self, path: Path, ledger: Ledger, lock: Any) -> None:
        self.path = path
        self.ledger = ledger
        self.adapters = Adapters(path, ledger.signature)
        self._lock = lock
        self._is_lent = False
        self.changed: set[str] | None = set()  # files not as they were closed; None: it died
        self.notes: list[str] = []  # what was found at opening, to be said aloud

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
        path = usable(path)
        if read_only:
            if not (path / "ledger.db").exists():
                raise HomeError(f"There is no home at {path} yet; tell somnus something first.")
            home = cls(path, Ledger(path / "ledger.db", read_only=True), None)
            home._look_at_the_log()
            return home
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
        lock = _locked(path, "somnus.lock")
        try:
            # A night outlives its owner's sudden death by a moment; until then it still writes.
            _locked(path, "night.lock", wait=ORPHAN).release()
            private_dir(path / "adapters")
            altered = changed(path)
            _has_its_ledger(path, altered)
            home = cls(path, Ledger(path / "ledger.db"), lock)
        except BaseException:
            lock.release()
            raise
        try:
            home._look(altered)
        except BaseException:
            home._release()
            raise
        return home

    def _look(self, altered: set[str] | None) -> None:
        """Check what was not closed, or not left alone since; then make weights and ledger agree."""
        self.changed = altered
        told = altered is not None and any(n.startswith("ledger.db") for n in altered)
        if (told or altered is None) and (state := self.ledger.check()) != "ok":
            raise HomeError(
                f"The ledger in {self.path} is damaged ({state.splitlines()[0]}); restore a backup into a new home: "
                "somnus --home DIR restore FILE."
            )
        if told:
            self.notes.append(
                f"The ledger in {self.path} was changed while somnus was closed; look at `somnus memories`, and "
                "restore a backup if it isn't what you said."
            )
        if altered is None:
            self._look_at_the_log()
        unseal(self.path)
        self.notes += settle(self.ledger, self.adapters)
        with writing(self.path):
            # What was cut off before its rename, and the mark of what is told now.
            for name in (*WRITTEN, "ledger.db"):
                for left in self.path.glob(f".{name}.*"):
                    reached("home.sweep")
                    left.unlink()

    def _look_at_the_log(self) -> None:
        """Tell if commits are missing. Opening wipes SQLite's traces of them, so who only reads marks it for others."""
        if self.ledger.cut:
            with suppress(OSError):
                (self.path / CUT).touch(mode=0o600)
        if self.ledger.cut or (self.path / CUT).exists():
            self.notes.append(
                f"The end of the ledger's log in {self.path} is damaged or gone: what was said last before somnus died "
                "may be missing; look at `somnus memories`, and restore a backup if it is."
            )

    @classmethod
    def lent(cls, path: Path) -> Home:
        """The home for a night's process while its owner has it: both write, and nobody becomes owner meanwhile.

        Raises HomeBusyError when another night is going on.
        """
        lock = _locked(path, "night.lock")
        try:
            home = cls(path, Ledger(path / "ledger.db"), lock)
        except BaseException:
            lock.release()
            raise
        home._is_lent = True
        return home

    def close(self) -> None:
        """Give the home back. The buffer is closed before, so that its files are what they'll be found as."""
        self.ledger.close()
        if self._lock is not None:
            if not self._is_lent:
                with suppress(HomeError):  # a full disk: the next start looks closely
                    seal(self.path)
            self._lock.release()

    def _release(self) -> None:
        self.ledger.close()
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


def _has_its_ledger(path: Path, altered: set[str] | None) -> None:
    """A home with memories in it whose ledger is gone must not begin a new one in silence."""
    file = path / "ledger.db"
    if file.exists() and file.stat().st_size:
        return
    if altered is not None or (path / "current").exists() or any(path.glob("adapters/night-*")):
        raise HomeError(
            f"The ledger of the home {path} is gone or empty; restore a backup into a new home: "
            "somnus --home DIR restore FILE."
        )


def _locked(path: Path, name: str, *, wait: float = 0.0) -> Any:
    from filelock import FileLock, Timeout

    lock = FileLock(path / name, mode=0o600, thread_local=False)  # whichever thread closes it
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise HomeBusyError(
            f"Another somnus is using the home {path}; close it first, or choose another home with --home."
        ) from None
    except OSError as error:
        raise HomeError(
            f"The home {path} can't be locked ({error.strerror}); is it read-only?"
        ) from error
    return lock
