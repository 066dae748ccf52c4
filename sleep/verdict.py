"""The verdict: memory by memory, then the whole night; it fails closed.

A memory passes with every question of its exam right. An episode leaves the buffer when every memory in it passed or
was superseded. A global alarm throws the night away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memory.episode import Episode, EpisodeId, ExamAnswer, Memory, MemoryId, MemoryState
from sleep.curriculum import LEAST_QUESTIONS
from sleep.exam import Drift

NEARLY = 2 / 3  # of its questions right: kept back, and no failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on one memory."""

    memory: MemoryId
    passed: bool
    right: int
    asked: int
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether this night counts towards those after which a memory stays in the buffer for good."""
        return not self.passed and (
            self.asked < LEAST_QUESTIONS or self.right < NEARLY * self.asked
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Global alarms."""

    perplexity_rise: float = 0.08
    """Largest rise of perplexity on general text over the model without any night's adapter."""
    tempered: float = 0.05
    """Rise from which a night's learning is shrunk, before its exam."""
    earlier_loss: float = 0.2
    """Largest share of earlier nights' exam questions that may be lost, of those right before."""
    least_earlier: int = 3
    """Fewer lost questions than this are noise."""


def judge(memory: Memory, answers: Sequence[ExamAnswer]) -> Judgement:
    """One memory's verdict from its exam."""
    mine = [a for a in answers if a.memory == memory.id]
    if len(mine) < LEAST_QUESTIONS:
        reason = f"only {len(mine)} of {LEAST_QUESTIONS} exam questions could be dreamt"
        return Judgement(memory=memory.id, passed=False, right=0, asked=len(mine), reason=reason)
    # Of what passes with one wrong a person's questions find less (sleep/LAB.md). What is kept back is only learnt
    # again; what is let go too early is lost. What an earlier night taught counts, as long as it is still known.
    right = sum(a.right for a in mine)
    passed = right == len(mine)
    reason = "" if passed else f"{right} of {len(mine)} exam questions right"
    return Judgement(memory=memory.id, passed=passed, right=right, asked=len(mine), reason=reason)


def faded(memories: Sequence[Memory], answers: Sequence[ExamAnswer]) -> list[Judgement]:
    """Of the learnt memories those that failed when they were asked again: they go back to the buffer."""
    asked = {a.memory for a in answers}
    again = [judge(m, answers) for m in memories if m.id in asked]
    return [j for j in again if j.failed and j.asked >= LEAST_QUESTIONS]


def alarm(drift: Drift, earlier: Sequence[ExamAnswer], limits: Limits) -> str | None:
    """Why the whole night must be thrown away, or None. An unreadable measurement is an alarm."""
    if not drift.rise <= limits.perplexity_rise:
        return f"perplexity on general text rose by {drift.rise:.1%}, more than {limits.perplexity_rise:.0%}"
    knew = [a for a in earlier if a.control_right]
    lost = sum(not a.right for a in knew)
    if lost >= limits.least_earlier and lost > limits.earlier_loss * len(knew):
        return f"{lost} of {len(knew)} questions about earlier nights' memories were lost"
    return None


def leaving(
    episodes: Sequence[Episode],
    memories: Sequence[Memory],
    judgements: Mapping[MemoryId, Judgement],
) -> list[EpisodeId]:
    """Episodes that may leave the buffer: every memory passed, or was superseded; or there was none to learn.

    A memory that was never examined keeps its episode, and so does one in quarantine; documents stay too.
    """
    out = []
    of: dict[EpisodeId, list[Memory]] = defaultdict(list)
    for m in memories:
        of[m.episode].append(m)
    for episode in episodes:
        settled = {MemoryState.CONSOLIDATED, MemoryState.SUPERSEDED, MemoryState.FORGOTTEN}
        if not episode.origin.believed:
            continue
        if all(
            m.state in settled or (m.id in judgements and judgements[m.id].passed)
            for m in of[episode.id]
        ):
            out.append(episode.id)
    return out
