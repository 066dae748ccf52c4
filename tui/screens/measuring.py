"""What the bridge does to replies: pieces gathered for the screen, and where an answer came from.

That is found out by asking again without each memory that had a part in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from agent.conversation import Arm, adapter_for, answer_turns, reply_room
from agent.events import ConversationEvent, TextStreamed
from agent.model import Sampling
from memory.episode import MemoryState
from tui.root import Root
from tui.widgets.badge import Provenance, Source, behind, judge

TOKENS = 48
PAUSE = 0.05  # seconds between two pieces that the screen gets: it has keystrokes to see to


def measure(
    root: Root,
    question: str,
    answer: str,
    *,
    worn: bool,
    looked_up: bool,
    talked: bool,
    cancelled: Callable[[], bool],
) -> Provenance:
    """Which of the night's adapter (`worn`), the buffer (`looked_up`) and earlier turns (`talked`) the answer needs."""

    def once_more(arm: Arm) -> str:
        turns, _ = answer_turns(question, arm, root.store, root.model, root.recall)
        sampling = Sampling(max_tokens=min(TOKENS, reply_room(root.model, root.recall)))
        return "".join(
            root.model.stream(turns, sampling, adapter=adapter_for(arm), cancelled=cancelled)
        )

    without_buffer = once_more("weights") if worn and looked_up else None
    without_weights = once_more("buffer") if worn and looked_up else None
    if worn != looked_up:  # only one had a part: the answer itself is the one without the other
        without_buffer, without_weights = (answer, None) if worn else (None, answer)
    neither = once_more("none") if worn or looked_up or talked else None
    if cancelled():
        return Provenance(source=Source.UNMEASURED)
    source = judge(
        question, answer, without_buffer=without_buffer, without_weights=without_weights, without_both=neither,
        in_talk=talked,
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
