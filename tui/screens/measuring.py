"""What the bridge does to replies: pieces gathered for the screen, and where an answer came from.

That is found out by asking again without each memory that had a part in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.events import ConversationEvent, TextStreamed
from agent.model import Sampling
from agent.recalling import Arm, approach, reply_room
from memory.episode import MemoryState
from memory.trace import Provenance
from tui.root import Root
from tui.widgets.badge import behind, judge

TOKENS, MOST_TOKENS = 48, 128  # of an answer asked for again: as long as the first, between these
PAUSE = 0.05  # seconds between two pieces that the screen gets: it has keystrokes to see to


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What had a part in an answer, and what it was like."""

    worn: bool  # the night's adapter
    looked_up: bool  # recollections from the buffer
    talked: bool  # earlier turns of the talk
    sampled: bool  # not greedy: the same question may be answered otherwise
    tokens: int  # its length


def measure(
    root: Root, question: str, answer: str, parts: Parts, cancelled: Callable[[], bool]
) -> Provenance | None:
    """Which of the memories that had a part the answer needs; None when it was cancelled."""

    def once_more(arm: Arm) -> str:
        """Without earlier turns, and greedy."""
        how = approach(question, arm, root.store, root.model, root.recall)
        if how.said is not None:
            return how.said
        most = min(max(TOKENS, parts.tokens), MOST_TOKENS, reply_room(root.model, root.recall))
        return "".join(
            root.model.stream(
                how.turns, Sampling(max_tokens=most), adapter=how.adapter, cancelled=cancelled
            )
        )

    worn, looked_up = parts.worn, parts.looked_up
    # Where only one had a part, a greedy answer itself is the one without the other.
    plain = worn != looked_up and not parts.talked and not parts.sampled
    without_buffer = (answer if plain else once_more("weights")) if worn else None
    without_weights = (answer if plain else once_more("buffer")) if looked_up else None
    neither = once_more("none") if worn or looked_up or parts.talked else None
    if cancelled():
        return None
    source = judge(
        question, answer, without_buffer=without_buffer, without_weights=without_weights, without_both=neither,
        in_talk=parts.talked, sampled=parts.sampled,
    )  # fmt: skip
    known = root.home.ledger.memories(state=MemoryState.CONSOLIDATED) if worn else []
    return Provenance(
        source=source, without_buffer=without_buffer, without_weights=without_weights, without_both=neither,
        memory=behind(known, question, answer),
    )  # fmt: skip


def gathered(events: Iterator[ConversationEvent]) -> Iterator[ConversationEvent]:
    """The same events, with the pieces of a fast reply put together."""
    text, last = "", 0.0
    for event in events:
        if isinstance(event, TextStreamed):
            text += event.text
            if time.monotonic() - last < PAUSE:
                continue
            event, text, last = TextStreamed(text=text), "", time.monotonic()
        elif text:
            yield TextStreamed(text=text)
            text = ""
        yield event
    if text:
        yield TextStreamed(text=text)
