"""Results on stdout, progress on stderr, terminal escapes shown as what they are."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Control characters made visible, so that nothing a memory holds can steer a terminal."""
    return CONTROL.sub(
        lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", text
    )


class Say:
    """What a command prints."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._line_open = False
        self._last = ("", 0.0)

    def line(self, text: str = "") -> None:
        """A line of result, for people."""
        if not self.as_json:
            self._end_line()
            sys.stdout.write(plain(text) + "\n")
            sys.stdout.flush()

    def piece(self, text: str) -> None:
        """A piece of streamed result."""
        if not self.as_json:
            sys.stdout.write(CONTROL.sub(lambda m: plain(m[0]), text))
            sys.stdout.flush()

    def document(self, document: Any) -> None:
        """The one JSON document, with --json."""
        if self.as_json:
            self._end_line()
            # Elsewhere than in UTF-8 escapes are JSON's own, so that it stays one.
            has_all = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
            text = json.dumps(document, ensure_ascii=not has_all, default=str)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line of progress."""
        self._end_line()
        sys.stderr.write(plain(text) + "\n")
        sys.stderr.flush()

    def error(self, text: str) -> None:
        """What went wrong, in a sentence."""
        self.note(text)
        self.document({"error": text})

    def progress(self, what: str, share: float | None, left: float | None = None) -> None:
        """A progress bar on a terminal; elsewhere a line when something new begins, and every half minute."""
        now = time.monotonic()
        timing = f"  {_clock(left)} left" if left is not None else ""
        if sys.stderr.isatty():
            if self._last[0] == what and now - self._last[1] < 0.1 and share != 1.0:
                return
            bar = "" if share is None else f" {'█' * round(20 * share):░<20} {share:4.0%}"
            sys.stderr.write(f"\r\x1b[K{plain(what)}{bar}{timing}")
            self._line_open = True
        elif self._last[0] != what or now - self._last[1] > 30:
            done = "" if share is None else f" {share:.0%}"
            sys.stderr.write(f"{plain(what)}{done}{timing}\n")
        else:
            return
        self._last = (what, now)
        sys.stderr.flush()

    def _end_line(self) -> None:
        if self._line_open:
            sys.stderr.write("\r\x1b[K")
            self._line_open = False


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
