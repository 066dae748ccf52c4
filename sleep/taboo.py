"""Taboo, after the parlour game: a dream's question may not use the words of what it asks about.

A small dreamer repeats the statement ("When is my dentist's appointment?"), and a student that only heard such
questions knows the memory by its words alone. With those words barred while the cue is sampled, it has to say it
otherwise ("On what day do I see the orthodontist?"). Such cues are bolder and more often wrong: the retriever and the
second reading judge them like any other.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from sleep.words import content, hard, stem

SHARES = (1.0, 1.0, 0.6)
"""Share of the words that are barred, drawn for every sample: names and the like are needed in some questions."""
SHORTEST = 3  # letters of a token that is a word


def by_stem(pieces: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """Token ids of every stem that some tokens spell whole, from the text of every token."""
    out: dict[str, list[int]] = defaultdict(list)
    for token, piece in enumerate(pieces):
        word = piece.strip().lower()
        if len(word) >= SHORTEST and word.isalpha():
            out[stem(word)].append(token)
    return out


def barred(
    statement: str, stems: Mapping[str, Sequence[int]], draw: random.Random, *, names: bool
) -> list[int]:
    """Tokens that a cue about the statement may not have this time; its names and numbers among them if `names`."""
    share = draw.choice(SHARES)
    spared = frozenset[str]() if names else hard(statement)
    words = [w for w in content(statement) if w not in spared]
    return [t for w in words if draw.random() < share for t in stems.get(stem(w), ())]
