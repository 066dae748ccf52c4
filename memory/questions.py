"""Question files, and how answers are marked: by strings, so that anybody gets the same marks."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.conversation_file import read_lines
from memory.errors import InputError

KINDS = ("fact", "reverse", "indirect", "now", "was", "never")
MOST_WORDS = 40
NOT = r"(have not|haven't|havent|'ve not|had not|hadn't|never|did not|didn't|didnt)( \w+)?"
UNTOLD = re.compile(
    rf"\b{NOT} (told|tell) me\b|\byou( \w+)?( |(?='))({NOT}) (told|tell|said|say|mention|mentioned|share|shared)\b"
    r"|\bnot told me\b|\b(told|mentioned) to me\b.*\bnever\b|\bnever (been )?(mentioned|told)\b"
    r"|(?<!you )\b(do not|don't|dont|cannot|can't) (know|recall|remember)\b"
    r"|\bi (do not|don't|dont) have (that|this|any|the|such)?\b.*\b(information|record|memory|answer)\b"
    r"|\bno (record|information|memory) (of|about|on)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with what its answer must and must not contain. Each of `expected` is a set of alternatives."""

    question: str
    expected: tuple[tuple[str, ...], ...]
    forbidden: tuple[str, ...] = ()
    kind: str = "fact"


def read_questions(path: Path) -> list[Question]:
    """The questions of a file. Raises InputError naming the first broken line, or when there is none."""
    return [_question(document, number, path) for number, document in read_lines(path, "question")]


def _question(document: dict[str, Any], number: int, path: Path) -> Question:
    def wrong(why: str) -> InputError:
        return InputError(f"Line {number} of {path} {why}.")

    text, kind = document.get("question"), document.get("kind", "fact")
    if not isinstance(text, str) or not text.strip():
        raise wrong('has no "question"')
    if kind not in KINDS:
        raise wrong(f"has the kind {kind!r}; known are {', '.join(KINDS)}")
    raw = document.get("expected", [])
    if not isinstance(raw, list) or (not raw and kind != "never"):
        raise wrong('has no list of "expected" strings')
    expected = tuple(
        (e,) if isinstance(e, str) else tuple(e) for e in raw if isinstance(e, str | list)
    )
    forbidden = document.get("forbidden", [])
    if len(expected) != len(raw) or not all(
        isinstance(a, str) and a.strip() for e in expected for a in e
    ):
        raise wrong('has something in "expected" that is neither a string nor a list of strings')
    if not isinstance(forbidden, list) or not all(isinstance(f, str) for f in forbidden):
        raise wrong('has a "forbidden" that is not a list of strings')
    return Question(question=text, expected=expected, forbidden=tuple(forbidden), kind=kind)


def mark(question: Question, answer: str) -> bool:
    """Whether an answer is right.

    Every expected string, or one of its alternatives, stands in it at the beginning of a word, no forbidden one does,
    case, punctuation and quotation marks aside, and it has at most 40 words. A question of kind never is answered by
    saying so.
    """
    if len(answer.split()) > MOST_WORDS:
        return False
    if question.kind == "never":
        return bool(UNTOLD.search(" ".join(re.sub(r"[’‘`]", "'", answer.lower()).split())))
    said = f" {_plain(answer)} "

    def stands(text: str) -> bool:
        plain = _plain(text)
        return bool(plain) and f" {plain}" in said

    return all(any(stands(a) for a in e) for e in question.expected) and not any(
        map(stands, question.forbidden)
    )


def _plain(text: str) -> str:
    """Lower case, apostrophes dropped, other punctuation as space: "Mr. O'Neill's" → "mr oneills"."""
    return " ".join(
        re.sub(
            r"[^\w\s]|_", " ", re.sub(r"['’‘`]", "", unicodedata.normalize("NFC", text).casefold())
        ).split()
    )


def wilson(right: int, asked: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson's score interval); (0, 1) when nothing was asked."""
    if not asked:
        return 0.0, 1.0
    z, share = 1.959964, right / asked
    centre = (share + z * z / (2 * asked)) / (1 + z * z / asked)
    half = (
        z
        / (1 + z * z / asked)
        * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked))
    )
    return max(0.0, centre - half), min(1.0, centre + half)
