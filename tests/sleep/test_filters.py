"""What counts as a name, what agrees, which dreams are true, what a verdict lets go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.telling import abstains
from memory.episode import (
    DreamKind,
    Episode,
    EpisodeId,
    ExamAnswer,
    Memory,
    MemoryId,
    MemoryState,
    Origin,
)
from sleep.dreams import is_true_to, parse
from sleep.exam import Drift
from sleep.replay import telling
from sleep.verdict import Limits, alarm, judge, leaving
from sleep.words import agrees, hard

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CAT = "My cat is called Biscuit."


def test_names_and_numbers_are_hard_and_contractions_are_not() -> None:
    assert hard("You're allergic to mussels, said Dr Sandoval on the 3rd.") == {
        "dr",
        "sandoval",
        "3rd",
    }


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("It's Biscuit.", True),
        ("biscuit", True),
        ("Your cat is called Pudding.", False),
        ("You haven't told me that.", False),
    ],
)
def test_agreeing_is_having_the_name(answer: str, right: bool) -> None:
    assert agrees(answer, "What is my cat called?", "Your cat is called Biscuit.", CAT) is right


def test_abstaining_agrees_with_abstaining_only() -> None:
    assert agrees(
        "You never told me.", "How old is my cat?", "You haven't told me how old your cat is.", CAT
    )
    assert not agrees(
        "Three.", "How old is my cat?", "You haven't told me how old your cat is.", CAT
    )
    assert abstains("I don't know.") and not abstains("You don't have a dog.")


@pytest.mark.parametrize(
    ("kind", "cue", "reply", "true"),
    [
        (DreamKind.FACT, "What's my cat called?", "Your cat is called Biscuit.", True),
        (DreamKind.FACT, "What's my cat called?", "Your cat is called Pudding.", False),
        (DreamKind.FACT, "What's my cat called?", "You haven't told me that.", False),
        (DreamKind.NEVER, "How old is my cat?", "You haven't told me how old your cat is.", True),
        (DreamKind.NEVER, "How old is my cat?", "Biscuit is 3.", False),
        (DreamKind.REVERSE, "Who is Biscuit?", "Biscuit is your cat.", True),
    ],
)
def test_a_dream_says_nothing_that_the_memory_does_not(
    kind: DreamKind, cue: str, reply: str, true: bool
) -> None:
    assert is_true_to(CAT, kind, cue, reply) is true


def test_a_dream_is_two_lines() -> None:
    assert parse("What's my cat called?\nBiscuit.") == ("What's my cat called?", "Biscuit.")
    assert parse("What's my cat called?") is None
    assert parse("a?\nb\nc") is None


def test_statements_are_kept_verbatim_and_small_talk_is_not() -> None:
    said = "Hello! My cat is called Biscuit. She sleeps in the bathtub. How are you? Thanks a lot."
    assert telling(said, []) == [CAT]
    assert telling(said, ["My cat Biscuit sleeps in the bathtub."]) == [
        f"{CAT} She sleeps in the bathtub."
    ]


def memory(number: int, episode: int = 1, state: MemoryState = MemoryState.BUFFER) -> Memory:
    return Memory(id=MemoryId(number), episode=EpisodeId(episode), text=CAT, at=NOW, state=state)


def answer(number: int, right: bool, control: bool = False) -> ExamAnswer:
    return ExamAnswer(
        night=1, memory=MemoryId(number), kind=DreamKind.FACT, question="?", expected="x", answer="x", right=right,
        control_answer="y", control_right=control,
    )  # fmt: skip


def test_every_question_must_be_right_and_known_before_is_no_excuse() -> None:
    assert judge(memory(1), [answer(1, True)] * 4).passed
    assert judge(memory(1), [answer(1, True, True)] * 4).passed  # an earlier night taught it
    assert not judge(memory(1), [*[answer(1, True)] * 3, answer(1, False, True)]).passed
    missed = judge(memory(1), [*[answer(1, True)] * 3, answer(1, False)])
    assert not missed.passed and missed.reason == "3 of 4 exam questions right"
    assert not judge(memory(1), [answer(1, True), answer(1, True)]).passed  # too few questions


@pytest.mark.parametrize(
    ("right", "wrong", "failed"),
    [(4, 0, False), (3, 1, False), (2, 1, False), (2, 2, True), (2, 0, True)],
)
def test_only_a_night_with_less_than_two_thirds_counts_as_failed(
    right: int, wrong: int, failed: bool
) -> None:
    exam = [*[answer(1, True)] * right, *[answer(1, False)] * wrong]
    assert judge(memory(1), exam).failed is failed


def test_an_episode_leaves_only_with_all_its_memories() -> None:
    episodes = [
        Episode(id=EpisodeId(i), said="x", replied=None, at=NOW, origin=o)
        for i, o in ((1, Origin.TYPED), (2, Origin.TYPED), (3, Origin.TYPED), (4, Origin.DOCUMENT))
    ]
    memories = [memory(1), memory(2), memory(3, 2), memory(4, 2, MemoryState.SUPERSEDED)]
    passed = {m: judge(memory(m), [answer(m, True)] * 3) for m in (1, 3)}
    # 1 has a memory that was never examined; 3 told nothing; 4 is a document and waits
    assert leaving(episodes, memories, passed) == [2, 3]


def test_alarms_fail_closed() -> None:
    fine = Drift(perplexity_before=20.0, perplexity_after=20.5, kl=0.0)
    assert alarm(fine, [], Limits()) is None
    assert "perplexity" in str(
        alarm(Drift(perplexity_before=20.0, perplexity_after=25.0, kl=0.0), [], Limits())
    )
    assert alarm(Drift(perplexity_before=20.0, perplexity_after=float("nan"), kl=0.0), [], Limits())
    assert "lost" in str(
        alarm(fine, [answer(1, False, True)] * 5 + [answer(1, True, True)] * 5, Limits())
    )


@pytest.mark.parametrize(
    "said",
    [
        "When I was six I broke my left arm in Oslo.",
        "What I love most is sailing on Lake Garda.",
        "Can openers from Solingen are my hobby.",
    ],
)
def test_a_statement_that_begins_like_a_question_is_remembered(said: str) -> None:
    assert telling(said, []) == [said]


def test_the_end_of_an_endless_sentence_is_remembered_too() -> None:
    said = "I collect " + ", ".join(f"stamp {i} of Borogravia" for i in range(60)) + "."
    parts = telling(said, [])
    assert " ".join(parts) == said and all(len(p.split()) <= 60 for p in parts)


def test_a_title_or_an_initial_ends_no_sentence() -> None:
    said = "On 12 May at 8:40 I see Dr. Ambrus about my left knee. Mrs. J. Quist drives me."
    assert telling(said, []) == [
        "On 12 May at 8:40 I see Dr. Ambrus about my left knee.",
        "Mrs. J. Quist drives me.",
    ]
    assert "ambrus" in hard(said)
