"""What most commands begin with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory.errors import InputError
from tui.root import Options, Root
from tui.say import Say


def options(args: argparse.Namespace) -> Options:
    """The global options as typed."""
    return Options(
        home=args.home,
        model=args.model,
        device=args.device,
        dtype=args.dtype,
        seed=args.seed,
        student=args.student,
    )


@contextmanager
def opened(
    args: argparse.Namespace, say: Say, *, read_only: bool = False, polite: bool = True
) -> Iterator[Root]:
    """A root for one command, closed afterwards. `polite`: a night that nobody watches is asked to make way."""
    root = (args.make_root or Root)(options(args), progress=say.progress)
    root.polite = polite
    if read_only:
        root.reading()
    try:
        yield root
    finally:
        root.close()


def words_or_stdin(words: list[str], what: str) -> str:
    """The text given, or stdin when it is `-` or nothing was given and stdin is no terminal."""
    if words and words != ["-"]:
        return " ".join(words)
    if sys.stdin.isatty():
        raise InputError(f"There is no {what}; give it as words, or on stdin.")
    raw = sys.stdin.buffer.read()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} on stdin is not UTF-8 text (byte {error.start}); nothing was logged."
        ) from None


def existing(path: Path) -> Path:
    """The path, which must be a file."""
    if not path.is_file():
        raise InputError(f"There is no file {path}; check its name.")
    return path
