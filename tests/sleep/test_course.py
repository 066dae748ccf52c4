"""The order of learning: everything once, then mostly what was not known."""

from __future__ import annotations

from collections import Counter

import pytest

from sleep.course import Course
from sleep.lesson import Lesson, hard
from sleep.training import TrainingConfig

LESSONS = [hard([1, n], [n + 1]) for n in range(40)]


def course(passes: float = 3.0, least: int = 1, lessons: list[Lesson] = LESSONS) -> Course:
    return Course(lessons, TrainingConfig(rows=4, passes=passes, least_steps=least), seed=0)


def test_every_lesson_is_seen_once_before_any_is_seen_again() -> None:
    first = [x.ids for step in range(10) for x in course()[step]]
    assert sorted(first) == sorted(x.ids for x in LESSONS)
    assert first != [x.ids for x in LESSONS]


def test_no_step_has_a_lesson_twice() -> None:
    assert all(len({id(x) for x in step}) == len(step) for step in course())


def test_then_what_was_not_known_is_seen_more_often() -> None:
    some = course()
    for step in range(10):
        some.heard(some[step], [2.0 if x.ids[1] < 4 else 0.0 for x in some[step]])
    seen = Counter(x.ids[1] for step in range(10, 30) for x in some[step])
    assert min(seen[n] for n in range(4)) > 3 * max(seen[n] for n in range(4, 40))
    assert sum(seen[n] for n in range(4, 40)) > 0  # what is known comes up once in a while


def test_what_was_never_heard_of_is_as_urgent_as_what_is_not_known_at_all() -> None:
    some = course()
    some.heard(LESSONS[4:], [0.0] * 36)
    seen = Counter(x.ids[1] for step in range(10, 30) for x in some[step])
    assert sum(seen[n] for n in range(4)) > 40


def test_what_costs_very_much_takes_no_more_than_its_share() -> None:
    """A false dream is never learnt, and must not take the time of the others."""
    some = course()
    some.heard(LESSONS, [50.0] * 4 + [1.0] * 36)
    seen = Counter(x.ids[1] for step in range(10, 30) for x in some[step])
    assert sum(seen[n] for n in range(4)) < 20


def test_the_same_seed_and_the_same_costs_give_the_same_course() -> None:
    one, other = course(), course()
    for some in (one, other):
        some.heard(LESSONS, [0.1 * n for n in range(40)])
    assert [[x.ids for x in s] for s in one] == [[x.ids for x in s] for s in other]


@pytest.mark.parametrize(
    ("passes", "least", "steps"), [(1.0, 1, 10), (2.5, 1, 25), (0.5, 1, 10), (1.0, 72, 72)]
)
def test_a_course_is_as_long_as_asked(passes: float, least: int, steps: int) -> None:
    assert len(course(passes, least)) == steps == len(list(course(passes, least)))


def test_nothing_to_learn_is_no_course() -> None:
    assert list(course(lessons=[])) == []
