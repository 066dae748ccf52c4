"""Replay: what the user said becomes memories, in the user's own words, with date and source.

Only the user's own words count, not quotations. A memory is a statement as it was made: the model is asked what is
worth remembering, but only to tell facts from small talk. Its own wording is never kept, so that nothing is invented
and nothing lost by a model that reads badly (measured: its lists dropped reasons, colours and years; see LAB.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from agent import prompt
from agent.conversation import is_question
from agent.local_model import LocalModel
from agent.model import Sampling
from memory.episode import Episode, Origin
from memory.trust import own_words
from sleep.words import content, hard, normal, sentences, stem

LONGEST = 60  # words of a memory
LEANING = re.compile(r"(he|she|it|they|his|her|its|their|that|this|there|and|but)\b", re.IGNORECASE)
ME = re.compile(r"\b(i|me|my|we|us|our)\b", re.IGNORECASE)
PERSONAL = 4  # content words from which a sentence in the first person tells something in any case
CHUNK = 90  # words of a message shown at once


def memories_in(
    model: LocalModel,
    episodes: Sequence[Episode],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, list[str]]:
    """Episode id → its memories' texts, oldest episode first; [] for small talk, questions and documents."""
    typed = [e for e in episodes if e.origin is Origin.TYPED]
    pieces = [(e.id, piece) for e in typed for piece in _pieces(own_words(e.said))]
    listed = [""] * len(pieces)
    if model.has_instincts and pieces:
        ids = [model.encode(prompt.extracting(piece)) for _, piece in pieces]
        rows = model.decode(
            ids,
            Sampling(max_tokens=96),
            adapter=False,
            progress=lambda done: progress(done, len(ids)),
        )
        listed = [model.text(row) for row in rows]
    confirmed = {int(e.id): [e.said] for e in episodes if e.origin is Origin.CONFIRMED}
    found: dict[int, list[str]] = {**{e.id: [] for e in episodes}, **confirmed}
    for (episode, piece), lines in zip(pieces, listed, strict=True):
        known = {normal(t) for t in found[episode]}
        for text in telling(piece, lines.splitlines()):
            if normal(text) not in known:
                known.add(normal(text))
                found[episode].append(text)
    return found


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
    every = (s.split() for s in sentences(message))
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
