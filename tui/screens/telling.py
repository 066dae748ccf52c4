"""What the screens say in more than a line: sources, findings, consequences."""

from __future__ import annotations

from collections.abc import Sequence

from memory.episode import EpisodeId, Memory, MemoryState
from memory.ledger import Ledger
from memory.quarantine import printable
from memory.store import Recollection
from memory.trace import Trace
from tui.screens.messages import Found
from tui.widgets.badge import SAID, short
from tui.widgets.exchange import beginning

EMPTY = """Three things to try:

  · Tell me something:   My cat is called Biscuit.
  · Ask about it:        What's my cat's name?
  · Press ctrl+s: I sleep, and then I know it by heart."""
MOST_TEXTS = 5  # that a question about forgetting names
NEAR = 20  # episodes before and after, among which the same talk is looked for


def recalled_text(found: Sequence[Recollection]) -> str:
    """The side pane: what was put into the last prompt."""
    if not found:
        return "Nothing was looked up for the last reply."
    lines = ["Looked up for the last reply:"]
    for r in found:
        lines.append(f"\n▤ {r.similarity:.2f} alike, {r.episode.at.astimezone():%Y-%m-%d %H:%M}")
        lines.append(f"  {beginning(r.episode.said)}")
    return "\n".join(lines)


def explanation(trace: Trace | None) -> str:
    """All that is known about where an answer came from."""
    if trace is None:
        return "Nothing was kept of where this answer came from."
    p = trace.provenance
    if p is None:
        return "Where it came from isn't measured (yet): only answers to questions are.\n" + (
            recalled_text(trace.found)
        )
    lines = [f"{SAID[p.source]}."]
    for label, answer in (
        ("without the buffer", p.without_buffer),
        ("without the weights", p.without_weights),
        ("without both", p.without_both),
    ):
        if answer is not None:
            lines.append(f"  {label:<20} {short(answer) or '(silence)'}")
    if p.memory is not None:
        lines.append(f"  learnt in night {p.memory.night}: “{p.memory.text}”")
    return "\n".join([*lines, recalled_text(trace.found)])


def found_text(found: Found) -> str:
    """What `/recall` found."""
    lines = [
        f"▤ {r.similarity:.2f} alike, {r.episode.at.astimezone():%Y-%m-%d}: {short(r.episode.said)}"
        for r in found.recollections
    ]
    lines += [
        f"{'◆ night ' + str(m.night) if m.night else '▤ ' + m.state.value}: {short(m.text)}"
        for m in found.memories
    ]
    head = f"About “{found.words}” I hold:" if lines else f"I hold nothing about “{found.words}”."
    return "\n".join([head, *lines])


def consequences(texts: Sequence[str], memories: Sequence[Memory]) -> str:
    """The question before forgetting, with what it will and won't do."""
    named = [f"  “{short(t)}”" for t in texts[:MOST_TEXTS]]
    if len(texts) > MOST_TEXTS:
        named.append(f"  and {len(texts) - MOST_TEXTS} more")
    nights = sorted({m.night for m in memories if m.night})
    learnt = [m for m in memories if m.state is MemoryState.CONSOLIDATED and m.night]
    lines = ["Forget this? It can't be undone.", *named, ""]
    lines.append("It leaves the ledger, the buffer and the dreams.")
    if learnt:
        first = nights[0]
        lines.append(
            f"The weights learnt it in night {first} and forget it too: what they learnt with it and since goes back "
            "to the buffer, and the next nights learn it anew."
        )
    return "\n".join(lines)


def doubt(m: Memory) -> str:
    """The question before something that was held back is believed."""
    return (
        f"Does this hold?\n  “{printable(m)}”\n\nIt was held back: {m.reason or 'it is not your own word'}. "
        "If you confirm it, it can be looked up, and the next night may learn it by heart."
    )


def context_text(ledger: Ledger, episode: EpisodeId) -> str:
    """An episode in its talk: the one before, itself, its reply, the one after."""
    here = ledger.episode(episode)
    near = [EpisodeId(i) for i in range(episode - NEAR, episode + NEAR + 1)]
    talk = [e for e in ledger.episodes(near) if e.session == here.session]
    at = next((i for i, e in enumerate(talk) if e.id == episode), 0)
    lines = [f"  {short(talk[at - 1].said)}"] if at else []
    lines.append(
        f"› {here.at.astimezone():%Y-%m-%d %H:%M} {beginning(' '.join(here.said.split())) or '(forgotten)'}"
    )
    if here.replied:
        lines.append(f"    {short(here.replied)}")
    if at + 1 < len(talk):
        lines.append(f"  {short(talk[at + 1].said)}")
    return "\n".join(lines)
