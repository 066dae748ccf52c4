"""Words as the filters and the exam see them: what is a name or a number, what says the same."""

from __future__ import annotations

import re

from agent.telling import abstains

WORD = re.compile(r"[^\W_]+(?:[-'’:.][^\W_]+)*")
# A full stop that ends no sentence: after a title, or an initial.
SHORT = "".join(rf"(?<!\b{t}\.)" for t in ("Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Mt", "[A-Z]"))
SENTENCE = re.compile(rf"{SHORT}(?<=[.!?…])[\"')\]]*\s+|\n+")
# Words that carry no content of their own.
IDLE = frozenset(
    re.findall(
        r"\S+",
        "a an the my your you i i'm i've i'd me mine yours we our us it its it's is are was were be been am do"
        " being does did have has had haven't hasn't can could will would shall should may might must to of in on at by"
        " for from with about as into than then that this these those there here and or but if so because what which"
        " who whom whose when where why how not no yes called named name told tell remember know said say just also"
        " too very really actually now he she his her hers him they them their theirs every s t d ll re ve m one some"
        " any all you're you've you'd you'll i'll we're we've we'd we'll",
    )
)
OURS = re.compile(r"\b(I|me|my|mine|we|us|our|ours)\b(?!['’]?\w)", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Words in order, as written."""
    return WORD.findall(text.replace("’", "'"))


def bare(word: str) -> str:
    """A word for comparison: lower case, without a possessive ending."""
    return re.sub(r"'s?$", "", word.lower())


def stem(word: str) -> str:
    """A crude stem: enough to see that "painting" and "paints" belong together. Numbers and short words stay whole."""
    low = bare(word)
    return low if len(low) < 5 or any(c.isdigit() for c in low) else low[: max(4, len(low) - 3)]


def normal(text: str) -> str:
    """A text for finding duplicates: words in lower case."""
    return " ".join(bare(w) for w in words(text))


def hard(text: str) -> set[str]:
    """Names and numbers, in lower case: words with a digit or a capital, the first of a sentence excepted if common."""
    found = set()
    for sentence in SENTENCE.split(text):
        for i, word in enumerate(words(sentence)):
            low = bare(word)
            common = low in IDLE or low.split("'")[0] in IDLE  # "You're" is no name
            if any(c.isdigit() for c in word) or (word[:1].isupper() and i > 0 and not common):
                found.add(low)
    return found


def content(text: str) -> list[str]:
    """Content words in order, lower case, no repetition."""
    return list(dict.fromkeys(b for w in words(text) if (b := bare(w)) and b not in IDLE))


def sentences(text: str) -> list[str]:
    """A text's sentences, stripped."""
    return [s.strip() for s in SENTENCE.split(text) if s.strip()]


def keys(cue: str, reply: str, memory: str) -> tuple[set[str], set[str]]:
    """What an answer to `cue` must contain: (names and numbers, other content words), as stems.

    They stand in the reply, come from the memory, and aren't given away by the cue.
    """
    given = {stem(w) for w in words(cue)}
    source = {stem(w) for w in words(memory)}
    names = {stem(w) for w in hard(memory)} | {stem(w) for w in hard("x " + reply)}
    wanted = {stem(w) for w in content(reply)} & source - given
    return wanted & names, wanted - names


def agrees(answer: str, cue: str, reply: str, memory: str) -> bool:
    """Whether an answer says what the dream's reply says: every name and number, and most of the rest.

    A deterministic judge: what it asks for are words of the user's own statement. Where the reply abstains, so must the
    answer.
    """
    if abstains(reply) or abstains(answer):
        return abstains(reply) and abstains(answer)
    names, rest = keys(cue, reply, memory)
    said = {stem(w) for w in words(answer)}
    if names:
        return names <= said
    return bool(rest) and len(rest & said) >= 0.6 * len(rest)


def faithful(retelling: str, statement: str) -> bool:
    """Whether a retelling has all the content words of a statement, in order, no others, and speaks to the user."""
    return content(retelling) == content(statement) and not OURS.search(retelling)


def holds(answer: str, value: str) -> bool:
    """Whether an answer has a value's words in order, case and punctuation aside."""
    return f" {normal(value)} " in f" {normal(answer)} "


def word_at(text: str, begin: int, end: int) -> str:
    """The word that a token's characters belong to."""
    middle = min(end - 1, begin + 1) if text[begin : begin + 1].isspace() else begin
    for match in WORD.finditer(text):
        if match.start() <= middle < match.end():
            return match[0]
    return ""
