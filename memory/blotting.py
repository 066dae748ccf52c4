"""Blotting a statement out of texts; `forgetting` says which. Rather too much is blotted out than too little.

The statement itself goes wherever it stands word for word. In the episode it came from, the sentence most like it goes,
and every sentence of the reply that has one of its names or numbers; elsewhere, replies and reports that have all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

MARK = "[forgotten]"
SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
LITTLE = frozenset(
    re.findall(
        r"\w+",
        "a an the i me my mine we our us you your is am are was were be been it its this that to of in on at for and or"
        " but with by from as do does did have has had not no so",
    )
)


def only_marks(text: str) -> bool:
    """Whether nothing is left of a text but marks of what was forgotten."""
    return MARK in text and not re.search(r"\w", text.replace(MARK, ""))


def blot_said(said: str, statement: str) -> str:
    """What the user said, without the statement or, if it isn't there word for word, the sentence most like it."""
    blotted = blot_verbatim(said, statement)
    if blotted != said:
        return blotted
    wanted = _words(statement)
    shares = {s: len(wanted & _words(s)) / max(1, len(wanted)) for s in sentences(said)}
    best = max(shares.values(), default=0.0)
    if best == 0.0:
        return MARK if said.strip() else said
    return _blot(said, lambda s: shares[s] == best or shares[s] >= 0.6)


def tells(text: str, words: str) -> bool:
    """Whether these words stand in a text word for word, case and white space aside."""
    return blot_verbatim(text, words) != text


def blot_verbatim(text: str, statement: str) -> str:
    """A text without the statement wherever it stands word for word, case and white space aside."""
    plain = statement.strip().rstrip(".!?…").split()
    if not plain:
        return text
    words = r"(?<!\w)" + r"\s+".join(re.escape(w) for w in plain) + r"(?!\w)[.!?…]*"
    marked = re.escape(MARK)  # left as it is, also by whoever wants "forgotten" forgotten
    return re.sub(f"{marked}|{words}", MARK, text, flags=re.IGNORECASE)


def blot_reply(reply: str, statement: str, *, same_episode: bool) -> str:
    """A reply without the sentences that give the statement away."""
    telling, most = _telling(statement), _words(statement)

    def gives_away(sentence: str) -> bool:
        found = {w.casefold() for w in re.findall(r"\w+", sentence)}
        if telling and (telling & found if same_episode else telling <= found):
            return True
        return same_episode and bool(most) and len(most & found) / len(most) >= 0.5

    return _blot(blot_verbatim(reply, statement), gives_away)


def blot_report(document: Any, statement: str) -> Any:
    """A JSON document with every string blotted."""
    if isinstance(document, dict):
        return {k: blot_report(v, statement) for k, v in document.items()}
    if isinstance(document, list):
        return [blot_report(v, statement) for v in document]
    return (
        blot_reply(document, statement, same_episode=False)
        if isinstance(document, str)
        else document
    )


def sentences(text: str) -> list[str]:
    """A text's sentences and lines, without marks of what was forgotten."""
    return [s for s in SENTENCE.split(text) if s.strip() and s.strip() != MARK]


def _blot(text: str, guilty: Callable[[str], bool]) -> str:
    for sentence in sentences(text):
        if guilty(sentence):
            text = text.replace(sentence, MARK)
    return text


def _words(text: str) -> set[str]:
    return {w for w in (w.casefold() for w in re.findall(r"\w+", text)) if w not in LITTLE}


def _telling(statement: str) -> set[str]:
    """Names and numbers: words with a digit, or with a capital that isn't the sentence's first."""
    found = re.findall(r"\w+", statement)
    return {
        w.casefold()
        for i, w in enumerate(found)
        if any(c.isdigit() for c in w) or (i and w[0].isupper() and w.casefold() not in LITTLE)
    }
