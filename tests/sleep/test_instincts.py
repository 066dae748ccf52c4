"""The exercises that instincts are made of: true, varied, apart from every evaluation."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from agent.telling import abstains
from memory.episode import DreamKind, Turn
from sleep.instincts import examples
from sleep.instincts.evaluate import right
from sleep.instincts.examples import SKILLS, Example
from sleep.instincts.families import families
from sleep.instincts.feed import apart
from sleep.instincts.talk import Talk, Told, related, to_you
from sleep.instincts.train import is_evaluated
from sleep.words import hard


@pytest.fixture(scope="module")
def scenes() -> list[list[Example]]:
    return list(itertools.islice(examples.scenes(Talk(0)), 2500))


def test_no_evaluation_question_or_statement_is_among_the_exercises(
    scenes: list[list[Example]],
) -> None:
    data = Path(__file__).parents[2] / "data"
    lines = [
        json.loads(line)
        for folder in ("recall", "demo")
        for file in (data / folder).glob("*.jsonl")
        for line in file.read_text("utf-8").splitlines()
    ]
    used = {x.get("question") or x["content"] for x in lines}
    for example in itertools.chain(*apart(iter(scenes), is_evaluated)):
        said = [*example.turns[-1].content.splitlines(), *example.reply.splitlines()]
        assert not {line.strip('"') for line in said} & used


def test_exercises_follow_from_their_seed() -> None:
    def first(seed: int) -> list[str]:
        return [e.reply for e in itertools.islice(examples.examples(Talk(seed)), 50)]

    assert first(3) == first(3) != first(4)


def test_every_skill_is_practised_and_hardly_any_exercise_twice(
    scenes: list[list[Example]],
) -> None:
    every = list(itertools.chain(*scenes))
    assert {e.skill for e in every} == set(SKILLS)
    assert len({(e.turns, e.reply) for e in every}) > 0.98 * len(every) > 9000


def test_no_answer_has_a_number_that_was_not_told(scenes: list[list[Example]]) -> None:
    skills = ("read", "crowd", "dream", "change")
    for example in (e for e in itertools.chain(*scenes) if e.skill in skills):
        said = example.turns[-1].content.lower()
        numbers = {w for w in hard("x " + example.reply) if any(c.isdigit() for c in w)}
        assert all(n in said for n in numbers), example


def test_beside_a_sibling_only_what_tells_them_apart_is_asked() -> None:
    (pet,) = [f for f in families() if f.name == "home-pet-name"]
    values = {s: v[0] for s, v in pet.slots.items()}
    other = {s: v[1] for s, v in pet.slots.items()}
    for ask in Told(pet, values, None, other).asks():
        assert all("{" in q for q in ask.questions)


def test_families_that_may_answer_each_other_never_meet(scenes: list[list[Example]]) -> None:
    by_name = {f.name: f for f in families()}
    assert related(by_name["home-pet-name"], by_name["home-pet-age"])
    assert not related(by_name["home-pet-age"], by_name["people-boss"])
    talk = Talk(5)
    told = [t.family for t in talk.tell(7)]
    assert not any(related(a, b) for a, b in itertools.combinations(told, 2))


def test_half_of_the_scenes_tell_things_near_to_one_another() -> None:
    names = sorted(f.name for f in families() if not f.held_out)
    near = {name: names[i % 20 :: 20] for i, name in enumerate(names)}  # one family in twenty
    talk = Talk(2, near=near)
    pairs = [talk.tell(2) for _ in range(600)]
    alike = sum(other.family.name in near[one.family.name] for one, other in pairs)
    assert 0.45 < alike / len(pairs) < 0.6  # half, and some by chance
    far = Talk(2)
    pairs = [far.tell(2) for _ in range(600)]
    assert sum(other.family.name in near[one.family.name] for one, other in pairs) < 60


def test_what_was_never_told_is_mostly_asked_where_something_near_was() -> None:
    names = sorted(f.name for f in families() if not f.held_out)
    likely = names[::20]  # whatever is told, it is these that are taken for it
    talk = Talk(4, near=dict.fromkeys(names, likely))
    asked = [e for _ in range(600) for e in examples.reading(talk) if e.skill == "absent"]
    assert len(asked) > 100
    assert 0.65 < sum(e.family in likely for e in asked) / len(asked) < 0.9


def test_with_nothing_told_it_mostly_says_so_and_sometimes_answers_as_after_a_night() -> None:
    talk = Talk(6)
    every = [e for _ in range(200) for e in examples.blank(talk)]
    guesses = [e for e in every if e.skill == "guess"]
    assert 0.25 < len(guesses) / len(every) < 0.45
    assert all(
        abstains(e.reply) == (e.skill == "blank") for e in every if e.expected or e.skill == "blank"
    )
    assert not any("I told you" in e.turns[-1].content for e in every)


def test_held_out_families_are_never_trained_on(scenes: list[list[Example]]) -> None:
    held = {f.name for f in families() if f.held_out}
    assert len(held) >= 10
    assert not held & {e.family for e in itertools.chain(*scenes)}
    some = itertools.islice(examples.examples(Talk(1, held_out=True)), 300)
    assert {e.family for e in some} - {"small talk"} <= held


def test_there_are_more_than_enough_of_them() -> None:
    """Statements alone: wordings times values."""
    count = 0
    for family in families():
        combinations = 1
        for values in family.slots.values():
            combinations *= len(values)
        count += combinations * len(family.say)
    assert count > 10**6
    assert all(
        family.asked(k) for family in families() for k in (DreamKind.FACT, DreamKind.REVERSE)
    )


@pytest.mark.parametrize(
    ("reply", "answer", "fine"),
    [
        ("Yes, your uncle lives in Apia.", "Yes, he does.", True),
        ("Yes, your uncle lives in Apia.", "No, your uncle lives in Apia.", False),
        ("No, your uncle lives in Apia.", "No, he lives in Apia.", True),
        ("No, your uncle lives in Apia.", "No, in Lima.", False),
        ("You haven't told me that.", "You haven't told me.", True),
        ("You haven't told me that.", "Yes.", False),
    ],
)
def test_marking(reply: str, answer: str, fine: bool) -> None:
    question = "Does my uncle live in " + ("Apia?" if reply.startswith("Y") else "Lima?")
    turns = (Turn(role="user", content=f'"My uncle lives in Apia."\n\n{question}'),)
    assert right(Example("read", turns, reply, "f"), answer) is fine


def test_any_sentence_that_has_the_values_asked_for_is_right() -> None:
    turns = (Turn(role="user", content='"I keep my spare key in the teapot."\n\nWhere is it?'),)
    example = Example(
        "read", turns, "You keep your spare key in the teapot.", "f", ("in the teapot",)
    )
    assert right(example, "In the teapot!")
    assert not right(example, "In the pot.") and not right(example, "You haven't told me that.")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I'm allergic to nuts.", "You're allergic to nuts."),
        (
            "My boss gave me a raise and I was glad.",
            "Your boss gave you a raise and you were glad.",
        ),
        ("In May we are off; our cat stays.", "In May you are off; your cat stays."),
        ("Imogen owes me £5.", "Imogen owes you £5."),
        ("I'd like you to be brief.", ""),
    ],
)
def test_a_statement_is_turned_to_the_user(said: str, told: str) -> None:
    assert to_you(said) == told


def test_what_was_told_is_answered_with_all_of_it(scenes: list[list[Example]]) -> None:
    every = [e for e in itertools.chain(*scenes) if e.skill in ("read", "crowd")]
    asked = [e for e in every if e.expected]
    assert len(asked) > 0.4 * len(every)
    assert all(right(e, e.reply) for e in asked)
