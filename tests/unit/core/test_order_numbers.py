"""Order numbers forgive how they are written and catch how they are mistyped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core.order_numbers import check_digit, digits_of, make, normalise

SERIALS = st.integers(0, 9_999_999)


def test_a_number_is_made_from_a_serial() -> None:
    assert make(1042771) == "RC-1042-7713"
    assert make(0) == "RC-0000-0000"


@pytest.mark.parametrize("serial", [-1, 10_000_000])
def test_a_serial_has_seven_digits(serial: int) -> None:
    with pytest.raises(ValueError, match="at most seven digits"):
        make(serial)


@pytest.mark.parametrize(
    "text",
    [
        "RC-1042-7713", "rc-1042-7713", "rc10427713", "10427713", "1042-7713", "1042 7713", "#RC 1042 7713", "# 1042.7713",
        "RC1042-7713", "R.C. 1042 7713", "rc_1042_7713", " RC-1042-7713 ", "RC-IO42-77l3", "RC/1042/7713",
    ],
)  # fmt: skip
def test_any_usual_spelling_is_the_same_number(text: str) -> None:
    assert normalise(text) == "RC-1042-7713"


@pytest.mark.parametrize(
    "text",
    ["", "RC-1042-7714", "1042771", "104277130", "headphones", "RC-1042-771X", "１０４２７７１３", "RC-²042-7713"],
)
def test_what_is_not_a_valid_number_is_none(text: str) -> None:
    assert normalise(text) is None


def test_digits_of_a_part_or_a_typo_are_kept() -> None:
    assert digits_of("rc-1042-77") == "104277"
    assert digits_of("77l3") == "7713"
    assert digits_of("headphones") == ""


@given(SERIALS)
def test_every_made_number_is_valid_and_survives_careless_writing(serial: int) -> None:
    number = make(serial)
    assert normalise(number) == number
    assert normalise(number.lower().replace("-", " ")) == number
    assert normalise(number.replace("0", "O").replace("1", "l")) == number


@given(SERIALS, st.integers(0, 7), st.integers(1, 9))
def test_a_single_wrong_digit_is_caught(serial: int, place: int, shift: int) -> None:
    digits = list(make(serial).replace("RC-", "").replace("-", ""))
    digits[place] = str((int(digits[place]) + shift) % 10)
    assert normalise("".join(digits)) is None


@given(SERIALS, st.integers(0, 6))
def test_a_swap_of_neighbours_is_caught(serial: int, place: int) -> None:
    digits = list(make(serial).replace("RC-", "").replace("-", ""))
    if digits[place] == digits[place + 1]:
        return
    digits[place], digits[place + 1] = digits[place + 1], digits[place]
    assert normalise("".join(digits)) is None


def test_the_check_digit_of_a_valid_number_with_it_is_zero() -> None:
    assert check_digit("10427713") == 0
