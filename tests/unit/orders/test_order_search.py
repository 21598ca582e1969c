"""Matching words and mistyped numbers against a buyer's own orders, without a database."""

from __future__ import annotations

import pytest

from recourse.orders.search import Candidate, OrderQuery, by_words, content_words, is_part_of, near_numbers

HEADPHONES = Candidate("RC-1042-7713", "Wireless over-ear headphones, matte black Northlight Audio")
STUDIO = Candidate("RC-2464-1041", "Wired studio headphones, walnut Northlight Audio")
KETTLE = Candidate("RC-2660-8040", "Electric gooseneck kettle, 0.9 l, brushed steel Brightwell Home")
SNEAKERS = Candidate("RC-3369-0021", "Canvas sneakers, white, size 41 Vela Vida Fashion")
TREE = Candidate("RC-1549-3321", "Olive tree, 90 cm Green Thumb Nursery")
ALL = (HEADPHONES, STUDIO, KETTLE, SNEAKERS, TREE)


def numbers(*candidates: Candidate) -> list[str]:
    return [candidate.number for candidate in candidates]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I want to cancel the headphones", (HEADPHONES, STUDIO)),
        ("cancel my studio headphones please", (STUDIO,)),
        ("the black headphones", (HEADPHONES,)),
        ("cancel the HEADPHONE", (HEADPHONES, STUDIO)),
        ("where is my ketle", (KETTLE,)),
        ("can I return the sneekers", (SNEAKERS,)),
        ("the thing from brightwell", (KETTLE,)),
        ("my olive trees arrived dead", (TREE,)),
        ("the kettle and the sneakers", (KETTLE, SNEAKERS)),
    ],
)
def test_products_and_sellers_are_found_in_sentences(text: str, found: tuple[Candidate, ...]) -> None:
    assert by_words(text, ALL) == numbers(*found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I want to cancel my order please, can you help me with that, thanks",
        "where is my refund for the item that I bought yesterday",
        "what about the one I ordered last week, it is the wrong one and I already paid",
        "12345 !!! 😀",
        "an umbrella",
        "the fridge",
    ],
)
def test_a_sentence_that_names_nothing_finds_nothing(text: str) -> None:
    assert by_words(text, ALL) == []


def test_words_of_the_trade_are_not_content() -> None:
    assert content_words("Please cancel my order of the blue Mug") == ["blue", "mug"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("7713", (HEADPHONES,)),
        ("0427713", (HEADPHONES,)),
        ("1042", (HEADPHONES,)),
        ("041", (STUDIO,)),
        ("2660804", (KETTLE,)),
        ("10427731", (HEADPHONES,)),
        ("10427712", (HEADPHONES,)),
        ("1042713", (HEADPHONES,)),
        ("104277113", (HEADPHONES,)),
        ("RC-1042-7731", (HEADPHONES,)),
    ],
    ids=[
        "ending",
        "long ending",
        "beginning",
        "three",
        "all but one",
        "swap",
        "wrong digit",
        "one missing",
        "one too many",
        "dressed",
    ],
)
def test_parts_and_slips_find_the_number_that_was_meant(said: str, found: tuple[Candidate, ...]) -> None:
    assert near_numbers(said, ALL) == numbers(*found)


@pytest.mark.parametrize("said", ["", "13", "00000000", "4915112345678", "20261124", "99999"])
def test_what_is_far_from_every_number_finds_none(said: str) -> None:
    assert near_numbers(said, ALL) == []


def test_an_ending_beats_the_same_digits_elsewhere() -> None:
    ends = Candidate("RC-5500-3321", "")
    inside = Candidate("RC-3321-5500", "")
    assert near_numbers("3321", (inside, ends)) == [ends.number]


def test_a_part_is_told_from_a_slip() -> None:
    assert is_part_of("7713", HEADPHONES.number)
    assert is_part_of("1042-77", HEADPHONES.number)
    assert not is_part_of("1042713", HEADPHONES.number)
    assert not is_part_of("10427713", HEADPHONES.number)
    assert not is_part_of("13", HEADPHONES.number)


def test_a_query_knows_whether_a_number_was_named() -> None:
    assert OrderQuery(number="RC-1042-7713").names_a_number
    assert OrderQuery(digits="7713").names_a_number
    assert not OrderQuery(ordinal=1, text="the first").names_a_number
