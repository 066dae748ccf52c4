"""What of a message tells something, what only asks, and what admits that it wasn't told."""

from __future__ import annotations

import re

from memory.episode import Episode
from memory.trust import own_words, plain, shown, suspicion

# Without a question mark only the word order tells: "will my …" asks, "Will is my …" and "When I was …" don't.
VERB = r"(?:is|are|am|was|were|do|does|did|can|could|would|will|have|has|had|should|may|shall)"
ONE = r"(?:i|you|he|she|it|we|they|my|your|his|her|its|our|their|the|this|that|these|those|there|any|anyone|anybody)"
ASKS = re.compile(
    rf"^(?:(?:and|but|so|then|please|hey|ok|okay|well)[\s,]+)*"
    rf"(?:(?:who|whom|whose)\b|(?:what|where|when|why|how)(?:['’]s|s)\b"
    rf"|(?:what|where|when|why|how|which)\s+{VERB}\b|(?:what|which|how)\s+(?!{ONE}\b|an?\b)(?:\w+\s+){{1,3}}{VERB}\b"
    rf"|{VERB}(?:n['’]?t)?\s+{ONE}\b|remind me(?! (?:to|that|every|on|in|at|tomorrow)\b)|tell me\b|give me\b"
    rf"|name (?:my|the|one|two|three|some|all)\b)",
    re.IGNORECASE,
)
ABSTAIN = re.compile(
    r"you(?:'ve| have)? ?(?:have\s?n[o']?t|have not|not|never|did\s?n[o']?t|did not)(?: \w+)? (?:told|tell|mention)"
    r"|(?:do\s?n[o']?t|do not) know|not told me"
)


def is_question(text: str) -> bool:
    """Whether a message asks for something."""
    last = text.strip().splitlines()[-1].strip() if text.strip() else ""
    return last.endswith("?") or bool(ASKS.match(last))


def as_told(episode: Episode) -> str:
    """What may be quoted of an episode, with who says it; "" for nothing."""
    if not episode.origin.believed:
        said = told(plain(episode.said))
        return f"A {episode.origin} says: {said}" if said and not suspicion(episode.said) else ""
    if mine := told(own_words(episode.said)):
        return mine
    quoted = " ".join(told(plain(q)) for q in shown(episode.said) if not suspicion(q)).strip()
    return f"A quotation says: {quoted}" if quoted else ""


def tells(said: str) -> bool:
    """Whether a message tells something, or only asks."""
    return bool(told(said))


def told(said: str) -> str:
    """A message without its questions: what may be quoted of it."""
    parts = re.split(r"(?<=[.!?])\s+|\n+", said.strip())
    return " ".join(p for p in parts if p and not is_question(p))


def abstains(answer: str) -> bool:
    """Whether an answer says that it wasn't told."""
    return bool(ABSTAIN.search(answer.lower().replace("’", "'")))
