"""Replay: what the user said becomes memories, in the user's own words, with date and source.

Only the user's own words count, not quotations. A memory is a statement as it was made: the model is asked what is
worth remembering, but only to tell facts from small talk. Its own wording is never kept, so that nothing is invented
and nothing lost by a model that reads badly (measured: its lists dropped reasons, colours and years; see LAB.md).
What a night can't read whole is left for the next, with a bookmark.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent import prompt
from agent.local_model import LocalModel
from agent.model import Sampling
from agent.packing import chunks
from agent.telling import is_question
from memory.blotting import MARK
from memory.episode import Episode, EpisodeId, Origin
from memory.trust import own_words
from sleep.narrated import onwards
from sleep.words import content, hard, normal, sentences, stem

LONGEST = 60  # words of a memory
LEANING = re.compile(r"(he|she|it|they|his|her|its|their|that|this|there|and|but)\b", re.IGNORECASE)
ME = re.compile(r"\b(i|me|my|we|us|our)\b", re.IGNORECASE)
PERSONAL = 4  # content words from which a sentence in the first person tells something in any case
GAP = re.compile(rf"^(?:{re.escape(MARK)}\s*)+")  # at its beginning: the sentence before it is gone
CHUNK = 90  # words of a message shown at once
TURN = 20  # pieces of one message that are read before it is another's turn
TOGETHER = 48  # pieces read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: each episode's statements, and a bookmark in every message that was not read to its end."""

    found: dict[EpisodeId, list[str]]
    left: dict[EpisodeId, int]


def memories_in(
    model: LocalModel,
    episodes: Sequence[Episode],
    *,
    begun: Mapping[EpisodeId, int] | None = None,
    had: Mapping[EpisodeId, set[str]] | None = None,
    most: float = math.inf,
    deadline: float = math.inf,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reading:
    """The episodes' statements, oldest first; [] for small talk, questions and documents.

    Reads on from the bookmarks `begun` until `most` statements are found, or past `deadline` (monotonic) once it has
    read a few pieces. Long messages are read in turns, so that a book doesn't keep a sentence waiting. `had` are the
    statements that were found in a message before, as `normal` has them.
    """
    typed = {e.id: _pieces(own_words(e.said)) for e in episodes if e.origin is Origin.TYPED}
    first = {i: (begun or {}).get(i, 0) for i in typed}
    todo = [(i, n) for i, pieces in typed.items() for n in range(first[i], len(pieces))]
    todo.sort(key=lambda at: (at[1] - first[at[0]]) // TURN)
    found = {e.id: [e.said] if e.origin is Origin.CONFIRMED else list[str]() for e in episodes}
    reached, count, done = dict(first), 0, 0
    for some in chunks(todo, TOGETHER):
        if count >= most or (done and time.monotonic() >= deadline):
            break
        pieces = [typed[i][n] for i, n in some]
        listed = _listed(model, pieces, onwards(done, len(todo), progress))
        for (episode, n), piece, lines in zip(some, pieces, listed, strict=True):
            known = {normal(t) for t in found[episode]} | (had or {}).get(episode, set())
            for text in telling(piece, lines.splitlines()):
                if normal(text) not in known:
                    known.add(normal(text))
                    found[episode].append(text)
                    count += 1
            reached[episode] = n + 1
        done += len(some)
    left = {i: n for i, n in reached.items() if n < len(typed[i])}
    return Reading(found=found, left=left)


def _listed(model: LocalModel, pieces: Sequence[str], progress: Callable[[int], None]) -> list[str]:
    """What the model lists of each piece as worth remembering; nothing where it was never taught to."""
    if not model.has_instincts:
        return [""] * len(pieces)
    ids = [model.encode(prompt.extracting(piece)) for piece in pieces]
    rows = model.decode(ids, Sampling(max_tokens=96), adapter=False, progress=progress)
    return [model.text(row) for row in rows]


def telling(message: str, lines: Sequence[str]) -> list[str]:
    """The statements of a message, verbatim: sentences with a name or a number, those that a listed line retells, and
    longer ones in the first person.

    A sentence that leans on the one before ("She lives in Oslo") is kept together with it.
    """
    listed = [{stem(w) for w in content(line)} for line in lines if line.strip() != prompt.NOTHING]
    kept: list[str] = []
    before, before_kept = "", False  # the sentence before, unless it was a question
    for short in _sentences(message, LONGEST):
        mine = {stem(w) for w in content(short)}
        retold = any(len(line & mine) >= max(1, 0.5 * len(line)) for line in listed)
        personal = len(mine) >= PERSONAL and bool(ME.search(short))
        if is_question(short):
            before, before_kept = "", False
            continue
        tells = bool(mine) and (bool(hard(short)) or retold or personal)
        if tells and before and LEANING.match(short):
            if before_kept:
                kept.pop()
            short = f"{before} {short}"
        if tells:
            kept.append(short)
        before, before_kept = short, tells
    return kept


def _sentences(message: str, longest: int) -> list[str]:
    """A message's sentences; one of more than `longest` words, in parts."""
    every = (GAP.sub("", s).split() for s in sentences(message))
    return [" ".join(w[i : i + longest]) for w in every for i in range(0, len(w), longest)]


def _pieces(message: str) -> list[str]:
    """A message in pieces of whole sentences, each short enough for the model to read well."""
    out: list[list[str]] = [[]]
    count = 0
    for sentence in _sentences(message, CHUNK):
        size = len(sentence.split())
        if out[-1] and count + size > CHUNK:
            out.append([])
            count = 0
        out[-1].append(sentence)
        count += size
    return [" ".join(p) for p in out if p]
