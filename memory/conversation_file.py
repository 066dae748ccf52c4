"""Conversation files: JSON Lines of turns. Nothing of a file with a broken line is taken."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory.episode import Origin, Role, Turn
from memory.errors import InputError

LONGEST = 2_000_000  # characters of one turn


def read_lines(path: Path, what: str) -> list[tuple[int, dict[str, Any]]]:
    """(line number, document) for every line that isn't blank.

    Raises:
        InputError: the file can't be read, isn't UTF-8, or a line is no JSON object or no text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8."
        ) from error
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); check its name.") from error
    out = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"Line {number} of {path} is not JSON ({error}); nothing was taken from it."
            ) from error
        if not isinstance(document, dict):
            raise InputError(
                f"Line {number} of {path} is not a {what}, an object in braces; nothing was taken from it."
            )
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InputError(
                f"Line {number} of {path} has half a surrogate pair, which is no text; nothing was taken from it."
            ) from None
        out.append((number, document))
    if not out:
        raise InputError(f"{path} has no {what} in it.")
    return out


def read_conversation(path: Path) -> list[Turn]:
    """The turns of a file of {"role", "content", "at"?, "origin"?}. Raises InputError naming the first broken line."""
    return [_turn(document, number, path) for number, document in read_lines(path, "turn")]


def _turn(document: dict[str, Any], number: int, path: Path) -> Turn:
    def wrong(why: str) -> InputError:
        return InputError(f"Line {number} of {path} {why}; nothing was taken from it.")

    role, content, at = document.get("role"), document.get("content"), document.get("at")
    if not isinstance(role, str) or role not in list(Role):
        raise wrong(f'has the role {role!r}, which is neither "user" nor "assistant"')
    if not isinstance(content, str) or not content.strip():
        raise wrong('has no "content"')
    if len(content) > LONGEST:
        raise wrong(f"is {len(content)} characters long, more than {LONGEST}")
    try:
        when = datetime.fromisoformat(at).astimezone(UTC) if at is not None else None
    except (TypeError, ValueError, OverflowError):
        raise wrong(f'has the time {at!r}, which is not like "2026-11-24T09:30:00"') from None
    origin = document.get("origin", Origin.TYPED)
    if origin not in list(Origin) or origin == Origin.CONFIRMED:
        raise wrong(f"has the origin {origin!r}, which none is")
    return Turn(role=Role(role), content=content, at=when, origin=Origin(origin))


def pair(turns: Sequence[Turn]) -> list[tuple[str, str | None, datetime | None, Origin]]:
    """Episodes to append: what the user said with the reply that follows. A reply to nothing is no episode."""
    out: list[tuple[str, str | None, datetime | None, Origin]] = []
    for turn in turns:
        if turn.role is Role.USER:
            out.append((turn.content, None, turn.at, turn.origin))
        elif out:
            said, replied, at, origin = out[-1]
            out[-1] = (
                said,
                turn.content if replied is None else f"{replied}\n\n{turn.content}",
                at,
                origin,
            )
    return out


def dump_lines(documents: Iterable[dict[str, Any]]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents)
