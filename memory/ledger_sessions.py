"""Chat sessions as the ledger knows them: listed, searched, named, reworded and let go.

A session is only a name on episodes; letting it go takes the talk out of the list and never what was told.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from memory.episode import Episode, EpisodeId
from memory.errors import InputError
from memory.ledger import Ledger

TITLE = "session:"  # the key of a session's title among the ledger's notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session with what its list shows."""

    name: str
    title: str  # the user's, or the first message
    episodes: int
    last: datetime  # aware, UTC


def list_sessions(ledger: Ledger, text: str = "") -> list[Session]:
    """Sessions, the latest first; with `text`, those with it in their title or anywhere in their talk."""
    wanted, out = text.casefold(), []
    every: dict[str, list[Episode]] = {}
    for episode in ledger.episodes():
        if episode.session:
            every.setdefault(episode.session, []).append(episode)
    for name, episodes in every.items():
        title = ledger.meta(TITLE + name) or " ".join(episodes[0].said.split()) or name
        talk = [title, *(part or "" for e in episodes for part in (e.said, e.replied))]
        if any(wanted in part.casefold() for part in talk):
            last = max(e.at for e in episodes)
            out.append(Session(name=name, title=title, episodes=len(episodes), last=last))
    return sorted(out, key=lambda s: s.last, reverse=True)


def session_episodes(ledger: Ledger, session: str) -> list[Episode]:
    """A session's episodes in the order they were said."""
    return sorted((e for e in ledger.episodes() if e.session == session), key=lambda e: e.id)


def rename_session(ledger: Ledger, session: str, title: str) -> None:
    """Give a session a title of the user's. Raises InputError for an empty one."""
    if not title.strip():
        raise InputError("A session needs a title; type one.")
    ledger.set_meta(TITLE + session, " ".join(title.split()))


def let_go(ledger: Ledger, session: str) -> int:
    """Take a session out of the list, with its replies; what the user told stays. Returns its number of episodes."""
    count = 0

    def change(db: sqlite3.Connection) -> None:
        nonlocal count
        db.execute("DELETE FROM meta WHERE key = ?", (TITLE + session,))
        count = db.execute(
            "UPDATE episodes SET session = '', replied = NULL WHERE session = ?", (session,)
        ).rowcount

    ledger.run(change)
    return count


def reword(ledger: Ledger, episode: EpisodeId, said: str) -> Episode:
    """Say an episode otherwise, and now; its reply goes.

    Raises:
        InputError: a night has already made memories of it; what is in the weights can't be reworded.
        KeyError: an unknown id.
    """
    ledger.episode(episode)
    if ledger.memories(episode=episode):
        raise InputError("A night has learnt from this message; tell me the new way instead.")
    at = datetime.now(UTC).isoformat(timespec="microseconds")

    def change(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE episodes SET said = ?, replied = NULL, at = ? WHERE id = ?",
            (said, at, episode),
        )

    ledger.run(change)
    return ledger.episode(episode)
