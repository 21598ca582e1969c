"""Matching words and mistyped numbers against a buyer's own orders, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.orders.search import (
    OrderQuery,
    bare_digits,
    content_words,
    fold,
    fragment,
    is_part_of,
    meant,
    near_misses,
    references,
    terms,
    wanted,
)

HEADPHONES, STUDIO, KETTLE, SNEAKERS, TREE = (
    "RC-1042-7713",
    "RC-2464-1041",
    "RC-2660-8040",
    "RC-3369-0021",
    "RC-1549-3321",
)
ALL = (HEADPHONES, STUDIO, KETTLE, SNEAKERS, TREE)
SOLD = {
    HEADPHONES: terms(["Wireless over-ear headphones, matte black"], "Northlight Audio"),
    STUDIO: terms(["Wired studio headphones, walnut"], "Northlight Audio"),
    KETTLE: terms(["Electric gooseneck kettle, 0.9 l, brushed steel"], "Brightwell Home"),
    SNEAKERS: terms(["Canvas sneakers, white, size 41"], "Vela Vida Fashion"),
    TREE: terms(["Olive tree, 90 cm"], "Green Thumb Nursery"),
}
KNOWN = set().union(*SOLD.values())


def best(text: str) -> set[str]:
    """The orders with the most of the words, as the database counts them."""
    found = meant(wanted(text), KNOWN)
    hits = {number: sum(bool(same & sold) for same in found) for number, sold in SOLD.items()}
    return {number for number, count in hits.items() if count and count == max(hits.values())}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I want to cancel the headphones", {HEADPHONES, STUDIO}),
        ("cancel my studio headphones please", {STUDIO}),
        ("the black headphones", {HEADPHONES}),
        ("cancel the HEADPHONE", {HEADPHONES, STUDIO}),
        ("where is my ketle", {KETTLE}),
        ("can I return the sneekers", {SNEAKERS}),
        ("the thing from brightwell", {KETTLE}),
        ("my olive trees arrived dead", {TREE}),
        ("the kettle and the sneakers", {KETTLE, SNEAKERS}),
        ("the goose thing", {KETTLE}),
        ("sneak", {SNEAKERS}),
    ],
)
def test_products_and_sellers_are_found_in_sentences(text: str, found: set[str]) -> None:
    assert best(text) == found


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
        "whi",
    ],
)
def test_a_sentence_that_names_nothing_finds_nothing(text: str) -> None:
    assert best(text) == set()


def test_a_word_that_is_there_means_only_itself() -> None:
    assert meant(["block"], {"block", "blocker", "blocks"}) == [{"block"}]
    assert meant(["lamp", "desk"], {"lampshade", "desk"}) == [{"lampshade"}, {"desk"}]


def test_words_of_the_trade_are_not_content() -> None:
    assert content_words("Please cancel my order of the blue Mug") == ["blue", "mug"]


def test_terms_are_words_of_titles_and_seller_without_plural_and_number() -> None:
    assert terms(["Stoneware mugs, set of 4", "Tea   POT 2"], "Acme & Sons") == {
        "stoneware", "mug", "set", "tea", "pot", "acme", "son",
    }  # fmt: skip
    assert terms([], "") == set()
    assert max(map(len, terms(["x" * 300], "y"))) == 40


@given(st.text(max_size=80))
def test_a_title_is_found_by_its_own_words(title: str) -> None:
    known = terms([title], "")
    assert all(known & same for same in meant(wanted(title), known))
    assert all(0 < len(term) <= 40 for term in known)
    assert {fold(word) for word in content_words(title)} == known


@pytest.mark.parametrize(
    ("said", "piece"), [("7713", "7713"), ("1042-77", "104277"), ("10427713", ""), ("13", ""), ("", "")]
)
def test_a_piece_of_a_number_has_three_to_seven_digits(said: str, piece: str) -> None:
    assert fragment(said) == piece


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("10427731", [HEADPHONES]),
        ("10427712", [HEADPHONES]),
        ("1042713", [HEADPHONES]),
        ("104277113", [HEADPHONES]),
        ("RC-1042-7731", [HEADPHONES]),
    ],
    ids=["swap", "wrong digit", "one missing", "one too many", "dressed"],
)
def test_slips_find_the_number_that_was_meant(said: str, found: list[str]) -> None:
    assert near_misses(said, ALL) == found


@pytest.mark.parametrize("said", ["", "13", "00000000", "4915112345678", "20261124", "99999"])
def test_what_is_far_from_every_number_finds_none(said: str) -> None:
    assert near_misses(said, ALL) == []


def test_a_part_is_told_from_a_slip() -> None:
    assert is_part_of("7713", HEADPHONES)
    assert is_part_of("1042-77", HEADPHONES)
    assert not is_part_of("1042713", HEADPHONES)
    assert not is_part_of("10427713", HEADPHONES)
    assert not is_part_of("13", HEADPHONES)


@pytest.mark.parametrize(
    ("text", "digits", "found"),
    [
        ("where is pw123456789de?", None, ["pw123456789de", "PW123456789DE"]),
        ("parcel 003404341620183920", None, ["003404341620183920"]),
        ("my order SO-10023 please", None, ["SO-10023"]),
        ("#2024/118", "2024118", ["2024/118"]),
        ("order 10023", "10023", ["10023"]),
        ("I paid 10023 yen", None, []),
        ("RC-1042-7713", None, []),
        ("rc 1042 7713 and mugs", None, []),
        ("size 41, 900ml, 2nd of 24.11.2026 or 2026-11-24 at 12:30 for 1,049.99", None, []),
        ("call me at +49 151 23456789", None, []),
        ("x" * 70 + "1", None, []),
    ],
)
def test_tracking_and_shop_numbers_are_told_from_other_words(text: str, digits: str | None, found: list[str]) -> None:
    assert references(text, digits) == found


def test_a_query_knows_whether_a_number_was_named() -> None:
    assert OrderQuery(number="RC-1042-7713").names_a_number
    assert OrderQuery(digits="7713").names_a_number
    assert not OrderQuery(ordinal=1, text="the first").names_a_number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("where is my refund for 7713?", ["7713"]),
        ("status of #1042 and (7713)", ["1042", "7713"]),
        ("I paid €2000 for 3 of RC-1042-7713", []),
        ("10427713, or 123", []),
        ("", []),
    ],
)
def test_digits_that_stand_by_themselves(text: str, found: list[str]) -> None:
    assert bare_digits(text) == found
