"""Replay: what the user said becomes memories, in the user's own words, with date and source.

Only typed words of the user count. The model lists what is worth remembering; whatever it lists must stand in the
message, word for word, and whatever names or numbers it leaves out are kept as the sentence that has them. So nothing
is invented and nothing is lost by a model that reads badly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent import prompt
from agent.local_model import LocalModel
from agent.model import Sampling
from memory.episode import Episode, Origin
from sleep.words import content, hard, normal, sentences, stem, words

LONGEST = 60  # words of a memory
CHUNK = 90  # words of a message shown at once


def memories_in(
    model: LocalModel, episodes: Sequence[Episode], *, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[int, list[str]]:
    """Episode id → its memories' texts, oldest episode first; [] for small talk, questions and documents."""
    pieces = [(e.id, piece) for e in episodes if e.origin is Origin.TYPED for piece in _pieces(e.said)]
    listed = [""] * len(pieces)
    if model.has_instincts and pieces:
        ids = [model.encode(prompt.extracting(piece)) for _, piece in pieces]
        rows = model.decode(
            ids, Sampling(max_tokens=96), adapter=False, progress=lambda done: progress(done, len(ids))
        )
        listed = [model.text(row) for row in rows]
    found: dict[int, list[str]] = {e.id: [] for e in episodes}
    for (episode, piece), lines in zip(pieces, listed, strict=True):
        known = {normal(t) for t in found[episode]}
        for text in grounded(piece, lines.splitlines()):
            if normal(text) not in known:
                known.add(normal(text))
                found[episode].append(text)
    return found


def grounded(message: str, lines: Sequence[str]) -> list[str]:
    """The listed memories that stand in the message, and the sentences whose names or numbers they leave out."""
    said = {stem(w) for w in words(message)}
    kept: list[str] = []
    for line in (raw.strip(" -•*\t\"") for raw in lines):
        inside = line and all(stem(w) in said for w in content(line))
        if inside and content(line) and line != prompt.NOTHING and not line.endswith("?"):
            kept.append(line)
    covered = {stem(w) for line in kept for w in words(line)}
    for sentence in sentences(message):
        telling = {stem(w) for w in hard(sentence)}
        if is_question(sentence) or not telling or telling <= covered:
            continue
        kept.append(" ".join(words_kept(sentence)))
        covered |= {stem(w) for w in words(sentence)}
    return kept


def words_kept(sentence: str) -> list[str]:
    """The sentence's first words, as written."""
    return sentence.split()[:LONGEST]


def is_question(sentence: str) -> bool:
    """Whether a sentence asks rather than tells."""
    first = normal(sentence).split(" ")[0]
    asking = {"what", "who", "where", "when", "why", "how", "which", "can", "could", "do", "does", "did", "is", "are"}
    return sentence.rstrip("\"') ").endswith("?") or first in asking


def _pieces(message: str) -> list[str]:
    """A message in pieces of whole sentences, each short enough for the model to read well."""
    out: list[list[str]] = [[]]
    count = 0
    for sentence in sentences(message):
        size = len(sentence.split())
        if out[-1] and count + size > CHUNK:
            out.append([])
            count = 0
        out[-1].append(sentence)
        count += size
    return [" ".join(p) for p in out if p]
