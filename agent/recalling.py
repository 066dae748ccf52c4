"""How a message is going to be answered: by reading what the buffer holds about it, or by heart.

What the nights taught is a recollection like any other. Where a night's adapter is worn and the buffer has something
about a question, somnus first finds what it knows by heart; that and what was looked up are compared with the question,
and the nearer one answers: the adapter with nothing in view, or the reader without the adapter, which reads better.
What is doubted (`doubt.py`) and not found either is answered as if it had never slept: that admits that it wasn't told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent import prompt
from agent.by_heart import ByHeart, by_heart
from agent.doubt import doubts
from agent.model import LanguageModel, Sampling
from agent.telling import abstains, as_told, is_question, tells
from memory.episode import Role, Turn
from memory.errors import InputError
from memory.store import BufferStore, Recollection
from memory.trust import own_words

Arm = Literal["none", "buffer", "weights", "auto"]
ARMS: tuple[Arm, ...] = ("none", "buffer", "weights", "auto")
STATEMENT_CHARACTERS = 600  # a recollection's share of the prompt
HEART_TOKENS = 64  # of a reply by heart; one that goes on is said anew, at its full length
LEAD = 0.1
"""How much nearer to the question, in cosine, what was looked up must be than what is known by heart, after a night
that could learn it; and the other way round if it was told since (LAB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How a reply looks things up."""

    recollections: int = 4
    min_similarity: float = 0.2
    min_similarity_worn: float = 0.3
    """The same where a night's adapter is worn: what resembles a question less, the weights know better."""
    slept: datetime | None = None
    """Until when the weights can know what was told: when the night began whose adapter is worn, if there is one."""
    context_tokens: int = 2048
    reply_tokens: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """The prompt, what it quotes, whether the night's adapter is on, and the reply where it is known by heart."""

    turns: list[Turn]
    found: list[Recollection]
    adapter: bool
    said: str | None = None


def recollect(
    question: str, store: BufferStore, recall: Recall, *, worn: bool = False
) -> list[Recollection]:
    """What the buffer knows about a question, oldest first, so that the newest of two that contradict stands last.

    Questions of earlier are skipped, and so is whatever somebody else wrote that gives orders. The user's own word
    stands after all others. `worn` is whether the reply wears a night's adapter.
    """
    least = recall.min_similarity
    if worn:
        least = max(least, recall.min_similarity_worn)
    found = store.search(question, recall.recollections * 3)
    telling = [r for r in found if r.similarity >= least and as_told(r.episode)]
    once: dict[
        str, Recollection
    ] = {}  # what was said twice takes one place, where it was said last
    for r in telling:
        same = " ".join(r.episode.said.split()).casefold()
        once[same] = max(r, once.get(same, r), key=_when)
    return sorted(list(once.values())[: recall.recollections], key=_when)


def _when(recollection: Recollection) -> tuple[bool, datetime, int]:
    episode = recollection.episode
    is_own = episode.origin.believed and tells(own_words(episode.said))
    return is_own, episode.at, episode.id


def approach(
    message: str,
    arm: Arm,
    store: BufferStore,
    model: LanguageModel,
    recall: Recall,
    *,
    history: Sequence[Turn] = (),
) -> Approach:
    """How one message is answered under an arm; raises as `turns_for`."""
    return approaches([message], arm, store, model, recall, history=history)[0]


def approaches(
    messages: Sequence[str],
    arm: Arm,
    store: BufferStore,
    model: LanguageModel,
    recall: Recall,
    *,
    history: Sequence[Turn] = (),
) -> list[Approach]:
    """The same for several, each by itself: what is known by heart comes to mind together."""
    speaks = arm in ("weights", "auto")  # the night's adapter, if one is worn
    worn = speaks and model.wears
    out = []
    for message in messages:
        looks = arm in ("buffer", "auto") and is_question(message)
        found = recollect(message, store, recall, worn=worn) if looks else []
        turns = turns_for(message, found, history, model, recall)
        out.append(Approach(turns=turns, found=found, adapter=speaks and not (worn and found)))
    asked = [i for i, message in enumerate(messages) if worn and is_question(message)]
    if not asked:
        return out
    questions = [messages[i] for i in asked]
    plain = [turns_for(q, (), history, model, recall) for q in questions]
    sampling = Sampling(max_tokens=min(HEART_TOKENS, reply_room(model, recall)))
    known = by_heart(model, questions, plain, store.likeness, sampling)
    doubted = doubts(model, questions, [own.text for own in known])
    for i, turns, own, doubt in zip(asked, plain, known, doubted, strict=True):
        if not doubt and knows_better(own, out[i].found, recall.slept):
            whole = own.text if own.ended and own.text.strip() else None
            out[i] = Approach(turns=turns, found=[], adapter=True, said=whole)
        elif not out[i].found:
            out[i] = Approach(turns=turns, found=[], adapter=False)
    return out


def answered(model: LanguageModel, how: Sequence[Approach], sampling: Sampling) -> list[str]:
    """The replies, greedily: as they are known by heart, the rest decoded together."""
    replies = {i: h.said for i, h in enumerate(how) if h.said is not None}
    for adapter in (True, False):
        rest = [i for i, h in enumerate(how) if i not in replies and h.adapter is adapter]
        said = model.answer([how[i].turns for i in rest], sampling, adapter=adapter) if rest else []
        replies |= dict(zip(rest, said, strict=True))
    return [replies[i] for i in range(len(how))]


def knows_better(own: ByHeart, found: Sequence[Recollection], slept: datetime | None) -> bool:
    """Whether what is known by heart answers rather than what was found."""
    if found and (not own.text.strip() or abstains(own.text)):
        return False
    told_since = (slept is not None and r.episode.at > slept for r in found)
    return all(
        own.likeness >= r.similarity + (LEAD if new else -LEAD)
        for r, new in zip(found, told_since, strict=True)
    )


def reply_room(model: LanguageModel, recall: Recall) -> int:
    """The longest reply in tokens: half of a small context."""
    return min(recall.reply_tokens, model.context_tokens // 2)


def turns_for(
    message: str,
    found: Sequence[Recollection],
    history: Sequence[Turn],
    model: LanguageModel,
    recall: Recall,
) -> list[Turn]:
    """Reading where there is something to read, else a plain prompt; within the token budget.

    Raises:
        InputError: the message alone is longer than the model's context.
    """
    room = min(recall.context_tokens, model.context_tokens - reply_room(model, recall))
    # Best first: what is cut is the least similar.
    best = sorted(found, key=lambda r: -r.similarity)
    order = {as_told(r.episode): i for i, r in enumerate(found)}

    def build(earlier: Sequence[Turn], said: Sequence[str]) -> list[Turn]:
        if said and is_question(message):
            oldest_first = sorted(said, key=lambda s: order[s])
            return prompt.reading(message, [s[:STATEMENT_CHARACTERS] for s in oldest_first])
        whole = (
            earlier[1:] if earlier and earlier[0].role is Role.ASSISTANT else earlier
        )  # its question was cut
        return prompt.chat(message, history=whole)

    turns = prompt.fit(
        build, history, [as_told(r.episode) for r in best], count=model.count_tokens, budget=room
    )
    if (size := model.count_tokens(turns)) > room:
        raise InputError(
            f"Your message is {size} tokens long and the model reads {room} at once; to be answered it "
            "has to be shorter."
        )
    return turns
