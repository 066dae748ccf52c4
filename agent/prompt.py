"""Every prompt somnus writes, as pure functions; knows no model and no store.

The shape matters more than anything else for a small model, and its instincts were trained on this one: statements are
quoted in the user's turn, above the question. `somnus bench shapes` compares others (a list in the system prompt: 49 of
90 read instead of 67).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memory.episode import DreamKind, Role, Turn

PERSONA = "You are somnus."
READ = "Answer in a few words, using only what I told you."
NOTHING = "Nothing."
DREAM_WORDS = {
    DreamKind.FACT: "a plain question about it",
    DreamKind.REVERSE: "a reverse question about it",
    DreamKind.INDIRECT: "an indirect question about it",
    DreamKind.WAS: "a question about how it was before",
    DreamKind.NEVER: "a question close by that it doesn't answer",
}


def quoted(statements: Sequence[str]) -> str:
    """Statements as the prompt shows them: one a line, in quotation marks, their own marks and breaks made harmless."""
    return "\n".join('"' + " ".join(s.split()).replace('"', "'") + '"' for s in statements)


def chat(message: str, *, history: Sequence[Turn] = ()) -> list[Turn]:
    """The plain prompt: earlier turns, the user's message. `weights` asks with no earlier turns.

    The model adds `PERSONA` as its system message.
    """
    return [*history, Turn(role=Role.USER, content=message.strip())]


def reading(question: str, statements: Sequence[str]) -> list[Turn]:
    """A question with what was told, oldest first; the newest of two that contradict stands last."""
    content = f"I told you, oldest first:\n{quoted(statements)}\n\n{READ}\n{question.strip()}"
    return chat(content)


def dreaming(statements: Sequence[str], kind: DreamKind) -> list[Turn]:
    """Asks for a dream: two lines, the cue and the reply."""
    content = f"I told you, oldest first:\n{quoted(statements)}\n\nDream up {DREAM_WORDS[kind]}, and your answer."
    return chat(content)


def retelling(statement: str) -> list[Turn]:
    """Asks for a statement turned to the user, with all that it says: "My cat …" becomes "Your cat …"."""
    return chat(f"I told you:\n{quoted([statement])}\n\nSay it back to me, all of it.")


def extracting(message: str) -> list[Turn]:
    """Asks for the atomic memories in a message: one a line, in the user's words, or "Nothing."."""
    return chat(
        f"I said:\n{quoted([message])}\n\nList what is worth remembering, one a line, in my words."
    )


def fit(
    build: Callable[[Sequence[Turn], Sequence[str]], list[Turn]],
    history: Sequence[Turn],
    statements: Sequence[str],
    *,
    count: Callable[[Sequence[Turn]], int],
    budget: int,
) -> list[Turn]:
    """The longest prompt within `budget` tokens: oldest turns go first, then the least similar statements.

    `statements` come best first. The message itself is never shortened.
    """
    kept_history, kept = list(history), list(statements)
    while True:
        turns = build(kept_history, kept)
        if count(turns) <= budget or not (kept_history or kept):
            return turns
        if kept_history:
            kept_history.pop(0)
        else:
            kept.pop()
