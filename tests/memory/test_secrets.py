"""What must not be learnt unasked, and what must: labelled sentences, and the checksums behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.national_ids import found_ids, luhn
from memory.secrets import MASK, masked, secrets_in

LINES = (Path(__file__).parent / "secrets.txt").read_text("utf-8").splitlines()
SECRET = [line[2:] for line in LINES if line.startswith("+")]
HARMLESS = [line[2:] for line in LINES if line.startswith("-")]


def test_of_the_labelled_sentences_enough_are_told_apart() -> None:
    assert len(SECRET) >= 50 and len(HARMLESS) >= 200
    found = [t for t in SECRET if secrets_in(t)]
    wrong = [t for t in HARMLESS if secrets_in(t)]
    recall, precision = len(found) / len(SECRET), len(found) / (len(found) + len(wrong))
    assert recall >= 0.95 and precision >= 0.95, (set(SECRET) - set(found), wrong)


@pytest.mark.parametrize(
    "text",
    [t for t in HARMLESS if any(w in t.lower() for w in ("wi-fi", "wifi", "door", "locker"))],
)
def test_what_opens_the_users_own_door_is_a_memory(text: str) -> None:
    assert secrets_in(text) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Key sk-proj-9fQ2mZr7Lx0TbVn4KdYw8uEh, ok?", f"Key {MASK}, ok?"),
        ("Pay from DE89 3704 0044 0532 0130 00 by Friday.", f"Pay from {MASK} by Friday."),
        ("My Gmail password is Tr0ub4dor&3.", f"My Gmail password is {MASK}"),
        ("My Visa is 4111 1111 1111 1111, and I like tea.", f"My Visa is {MASK}, and I like tea."),
        ("My cat is called Biscuit.", "My cat is called Biscuit."),
    ],
)
def test_a_secret_is_masked_and_its_neighbours_stay(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "number",
    ["4111 1111 1111 1112", "DE89 3704 0044 0532 0130 05", "12345678A", "756.9217.0769.84",
     "529.982.247-26", "131052-308U", "11010519491231002Y", "RSSMRA85T10A562T"],
)  # fmt: skip
def test_a_number_whose_checksum_is_wrong_is_only_a_number(number: str) -> None:
    assert secrets_in(f"It says {number} there.") == []
    assert list(found_ids(number)) == []


def test_luhn_knows_every_single_wrong_digit() -> None:
    number = "4111111111111111"
    for i in range(16):
        for digit in set("0123456789") - {number[i]}:
            assert not luhn(number[:i] + digit + number[i + 1 :])


def test_a_long_text_is_looked_through_in_a_moment() -> None:
    assert secrets_in("The password of the year 1843 is a word 12 34 56 for AB. " * 2000) == []
