"""What may be on a disk when the power fails between any two writes of a life (ALICE, Pillai et al. 2014).

`listen.c` keeps a tape of a life's writes, syncs, renames and unlinks. Played up to any moment, it says what is on disk
for certain: a file's bytes since its last fsync, a name since the last fsync of its folder. Of all else any part may be
there: each write alone, torn at a sector or not, and of a folder's changes the first few. What was acknowledged before
the cut was seen by the user, and must be found again. Shared memory (-shm) is never there.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

HEAD = struct.Struct("=IIIIQq")
SECTOR = 512
ACKNOWLEDGED = ".told"
UNHEARD = ("-shm", ".points")  # mapped into memory; not of the home
# All that wasn't synced is lost, all of it is there, some of it, some sectors of it.
KINDS = ("lost", "kept", "some", "torn")


@dataclass(frozen=True, slots=True)
class Heard:
    """One call: c(reate), d (a new folder), w(rite), t(runcate), s(ync), r(ename), l(ink), u(nlink)."""

    op: str
    path: str
    to: str
    data: bytes
    inode: int
    at: int


def read_tape(file: Path) -> list[Heard]:
    """What was heard, in order."""
    raw, place, out = file.read_bytes(), 0, []
    while place < len(raw):
        op, length, size, _, inode, at = HEAD.unpack_from(raw, place)
        place += HEAD.size
        path, _, to = raw[place : place + length].decode().partition("\0")
        data = raw[place + length : place + length + size]
        place += length + size
        out.append(Heard(chr(op), path, to, data, inode, at))
    return out


def as_it_is(folder: Path) -> list[Heard]:
    """What a tape would have of all that is in a folder already, synced."""
    out, ends = [], []
    for path in (folder, *sorted(folder.rglob("*"))):
        name, inode = str(path), path.stat().st_ino
        if path.is_file():
            out += [
                Heard("c", name, "", b"", inode, 0),
                Heard("w", "", "", path.read_bytes(), inode, 0),
            ]
        elif path != folder:
            out.append(Heard("d", name, "", b"", inode, 0))
        ends.append(Heard("s", "", "", b"", inode, 0))
    return out + ends


@dataclass(slots=True, eq=False)
class File:
    """`kept` is on disk for certain; of the writes since (where, what; None cuts it off there) any part."""

    kept: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        self.kept, self.since = _written(self.kept, self.since), []

    def found(self, kind: str, draw: random.Random) -> bytes:
        """What is read after the cut."""
        if kind == "lost":
            return self.kept
        some = self.since if kind == "kept" else self._some(kind == "torn", draw)
        return _written(self.kept, some)

    def _some(self, is_torn: bool, draw: random.Random) -> list[tuple[int, bytes | None]]:
        out: list[tuple[int, bytes | None]] = []
        for at, data in self.since:
            pieces = list(_sectors(at, data)) if is_torn and data is not None else [(at, data)]
            out += [piece for piece in pieces if draw.random() < 0.5]
        return out


def _sectors(at: int, data: bytes) -> Iterator[tuple[int, bytes | None]]:
    """A write, cut at the disk's sectors."""
    begin = 0
    while begin < len(data):
        end = begin + SECTOR - (at + begin) % SECTOR
        yield at + begin, data[begin:end]
        begin = end


def _written(data: bytes, since: list[tuple[int, bytes | None]]) -> bytes:
    if not since:
        return data
    out = bytearray(data)
    for at, new in since:
        end = at if new is None else at + len(new)
        out.extend(bytes(max(0, end - len(out))))
        if new is None:
            del out[at:]
        else:
            out[at:end] = new
    return bytes(out)


@dataclass(slots=True, eq=False)
class Folder:
    """`kept` names are there for certain, `now` is what the program sees; of the changes since the first few are."""

    kept: dict[str, File | Folder] = field(default_factory=dict)
    now: dict[str, File | Folder] = field(default_factory=dict)
    since: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        while self.since:
            self.since[0].happen()


@dataclass(slots=True, eq=False)
class Change:
    """Names that come and go in one step, be it in two folders."""

    parts: tuple[tuple[Folder, str, File | Folder | None], ...]

    def happen(self) -> None:
        """For certain, with all that was before it in the same folders."""
        for folder, _, _ in self.parts:
            while self in folder.since and folder.since[0] is not self:
                folder.since[0].happen()
        for folder, name, node in self.parts:
            _put(folder.kept, name, node)
            if self in folder.since:
                folder.since.remove(self)


def _put(names: dict[str, File | Folder], name: str, node: File | Folder | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


class Disk:
    """A tape played up to a moment."""

    def __init__(self, tape: list[Heard]) -> None:
        self._top = PurePosixPath(tape[0].path)
        self.root = Folder()
        self._inodes: dict[int, File | Folder] = {tape[0].inode: self.root}
        for heard in tape[1:]:
            self._play(heard)

    def _play(self, heard: Heard) -> None:
        node = self._inodes.get(heard.inode)
        if heard.op == "s":
            if node is not None:  # else it is of another folder
                node.sync()
        elif heard.op in "wt":
            if isinstance(node, File):
                node.since.append((heard.at, heard.data if heard.op == "w" else None))
        elif heard.op in "cd":
            self._inodes[heard.inode] = made = File() if heard.op == "c" else Folder()
            self._change((*self._place(heard.path), made))
        elif heard.op == "u":
            self._change((*self._place(heard.path), None))
        else:
            folder, name = self._place(heard.path)
            gone, there = (folder, name, None), (*self._place(heard.to), folder.now[name])
            self._change(*([gone] if heard.op == "r" else []), there)

    def _place(self, path: str) -> tuple[Folder, str]:
        """The folder in which a path is a name now."""
        *above, name = PurePosixPath(path).relative_to(self._top).parts
        folder = self.root
        for part in above:
            inner = folder.now[part]
            assert isinstance(inner, Folder)
            folder = inner
        return folder, name

    def _change(self, *parts: tuple[Folder, str, File | Folder | None]) -> None:
        change = Change(parts)
        for folder, name, node in parts:
            _put(folder.now, name, node)
        for folder in dict.fromkeys(part[0] for part in parts):
            folder.since.append(change)

    def after(self, kind: str, draw: random.Random) -> dict[str, bytes | None]:
        """Each path that is there after a cut now, and its bytes; None is a folder's."""
        cuts: dict[Folder, int] = {}
        self._cut(self.root, kind, draw, cuts)
        while not self._agree(cuts):
            pass
        return dict(self._found(self.root, "", kind, draw, cuts))

    def _cut(self, folder: Folder, kind: str, draw: random.Random, cuts: dict[Folder, int]) -> None:
        """How many of each folder's changes are there."""
        if folder in cuts:
            return
        all_of_them = len(folder.since)
        cuts[folder] = {"lost": 0, "kept": all_of_them}.get(kind, draw.randint(0, all_of_them))
        others = [node for change in folder.since for _, _, node in change.parts]
        also = [place for change in folder.since for place, _, _ in change.parts]
        for node in (*folder.kept.values(), *folder.now.values(), *others, *also):
            if isinstance(node, Folder):
                self._cut(node, kind, draw, cuts)

    def _agree(self, cuts: dict[Folder, int]) -> bool:
        """A change in two folders is in both or in neither."""
        for folder, cut in cuts.items():
            for i, change in enumerate(folder.since[:cut]):
                if any(change not in f.since[: cuts[f]] for f, _, _ in change.parts):
                    cuts[folder] = i
                    return False
        return True

    def _found(
        self, folder: Folder, path: str, kind: str, draw: random.Random, cuts: dict[Folder, int]
    ) -> Iterator[tuple[str, bytes | None]]:
        names = dict(folder.kept)
        for change in folder.since[: cuts[folder]]:
            for where, name, node in change.parts:
                if where is folder:
                    _put(names, name, node)
        if folder is self.root:  # what the user saw, they saw
            names |= {n: node for n, node in folder.now.items() if n.endswith(ACKNOWLEDGED)}
        for name, node in sorted(names.items()):
            if name.endswith(UNHEARD):
                continue
            if isinstance(node, Folder):
                yield f"{path}{name}", None
                yield from self._found(node, f"{path}{name}/", kind, draw, cuts)
            else:
                whole = "kept" if name.endswith(ACKNOWLEDGED) else kind
                yield f"{path}{name}", node.found(whole, draw)


def lay_out(found: dict[str, bytes | None], folder: Path) -> str:
    """Write what a cut left into an empty folder; returns a digest of it."""
    digest = hashlib.sha256()
    for name, data in found.items():
        digest.update(f"{name}\0{'-' if data is None else len(data)}\0".encode() + (data or b""))
        if data is None:
            (folder / name).mkdir(mode=0o700)
        else:
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o600)
    return digest.hexdigest()[:16]
