"""Money is exact: integers in, integers out, and splits that always add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core.money import Money, display_locale, split

AMOUNTS = st.integers(min_value=0, max_value=10**12)
WEIGHTS = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=8)


def test_amounts_of_one_currency_add_and_subtract() -> None:
    assert Money(4999, "USD") + Money(1, "USD") == Money(5000, "USD")
    assert Money(100, "USD") - Money(250, "USD") == Money(-150, "USD")


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot mix USD and EUR"):
        Money(1, "USD") + Money(1, "EUR")


@pytest.mark.parametrize("amount", [1.0, "100", True, None])
def test_only_integers_are_amounts(amount: object) -> None:
    with pytest.raises(TypeError, match="integer number of minor units"):
        Money(amount, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["usd", "US", "EURO", ""])
def test_only_iso_codes_are_currencies(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(123456, "USD"), "en-US", "$1,234.56"),
        (Money(123456, "USD"), "en_US", "$1,234.56"),
        (Money(123456, "EUR"), "de-DE", "1.234,56\xa0€"),
        (Money(1234, "JPY"), "en", "¥1,234"),
        (Money(1234, "KWD"), "en", "KWD1.234"),
        (Money(5, "GBP"), "en-GB", "£0.05"),
        (Money(-5, "GBP"), "en-GB", "-£0.05"),
    ],
)
def test_an_amount_reads_as_in_the_buyers_country(money: Money, locale: str, text: str) -> None:
    assert money.format(locale) == text


@pytest.mark.parametrize("tag", ["", "xx", "😀", "en-", "de_DE_x_y_z", "a" * 500, None])
def test_any_locale_that_a_browser_sends_gives_an_amount(tag: str | None) -> None:
    assert "1" in Money(100, "USD").format(str(display_locale(tag)))


def test_an_unknown_region_falls_back_to_its_language() -> None:
    assert str(display_locale("pt-XX")) == "pt"


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (1, [1, 1, 1], [1, 0, 0]),
        (0, [0, 0], [0, 0]),
        (1500, [4999, 2500], [1000, 500]),
        (7, [0, 1, 0], [0, 7, 0]),
    ],
)
def test_the_largest_remainder_gets_the_odd_unit(total: int, weights: list[int], parts: list[int]) -> None:
    assert split(total, weights) == parts


@given(AMOUNTS, WEIGHTS)
def test_parts_add_up_and_stay_within_a_unit_of_their_share(total: int, weights: list[int]) -> None:
    if not sum(weights):
        weights = [*weights, 1]
    parts = split(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert part >= 0
        assert abs(part * sum(weights) - total * weight) < sum(weights)
        assert part == 0 or weight > 0


def test_nothing_to_split_over_is_an_error() -> None:
    with pytest.raises(ValueError, match="all weights are zero"):
        split(1, [0, 0])
    with pytest.raises(ValueError, match="must not be negative"):
        split(-1, [1])
    with pytest.raises(ValueError, match="must not be negative"):
        split(1, [2, -1])
