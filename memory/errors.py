"""Every error a user may see.

    SomnusError
    ├── UsageError        (ValueError)    the command or file given can't be used          exit 2
    ├── InputError        (ValueError)    a conversation or question file is wrong         exit 1
    ├── HomeError         (OSError)       the home can't be read, written or understood    exit 1
    │   └── HomeBusyError                 another process owns it                          exit 5
    ├── WeightsError      (OSError)       a model can't be fetched, checked or loaded      exit 1
    ├── NothingToLearn    (LookupError)   a night without memories                         exit 3
    └── Interrupted       (RuntimeError)  the user stopped it at a safe point              exit 130

A message says what happened, the value, and what to do, in one sentence or two.
"""

from __future__ import annotations


def in_short(error: BaseException) -> str:
    """What another library says, in one line: the first of its several."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class SomnusError(Exception):
    """Base of all errors that are shown to the user without a traceback."""

    exit_code = 1


class UsageError(SomnusError, ValueError):
    """A command, option or setting that can't be used as given."""

    exit_code = 2


class InputError(SomnusError, ValueError):
    """A conversation or question file that can't be read; nothing of it was taken."""


class HomeError(SomnusError, OSError):
    """A home that can't be read, written or understood."""


class HomeBusyError(HomeError):
    """Another process owns the home."""

    exit_code = 5


class WeightsError(SomnusError, OSError):
    """A model that can't be fetched, verified, converted or loaded."""


class NothingToLearn(SomnusError, LookupError):
    """A night that has no memory to learn."""

    exit_code = 3


class Interrupted(SomnusError, RuntimeError):
    """Stopped by the user at a safe point; nothing was lost."""

    exit_code = 130
