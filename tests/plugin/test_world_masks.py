"""What differs from run to run is taken out of transcripts: days and times in every language of the demo's buyers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel.dates import format_date, format_datetime
from recourse_world.moments import without_moments

from recourse.demo.people import BUYERS

AT = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
LOCALES = sorted({"en-GB", "en-US", *(buyer.locale for buyer in BUYERS)})


@pytest.mark.parametrize("tag", LOCALES)
@pytest.mark.parametrize("month", range(1, 13))
def test_dates_as_the_assistant_writes_them(tag: str, month: int) -> None:
    locale, at = tag.replace("-", "_"), AT.replace(month=month, day=5)
    moment = format_datetime(at, "EEE d MMM, HH:mm z", locale=locale)
    assert without_moments(f"until {moment}.") == "until <date>, <time>."
    assert without_moments(f"{format_date(at, 'd MMM y', locale=locale)} to x") == "<date> to x"


@pytest.mark.parametrize("tag", LOCALES)
@pytest.mark.parametrize("style", ["short", "medium", "long", "full"])
def test_dates_as_each_language_writes_them(tag: str, style: str) -> None:
    text = format_date(AT, style, locale=tag.replace("-", "_"))
    assert without_moments(f"({text})") == "(<date>)", text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("2026-11-25T14:05:06.123+00:00 and 2026-11-25", "<date> and <date>"),
        ("at 2:05 PM GMT-3 or 14:05:09 CET", "at <time> or <time>"),
        ("11/25/2026, 25.11.26", "<date>, <date>"),
        ("£105.99 and 1,234.50 EUR to Visa ending 4242", "£105.99 and 1,234.50 EUR to Visa ending 4242"),
        ("3 pieces, 24 h, step 1 of 2, 0.9 l, size 32/32", "3 pieces, 24 h, step 1 of 2, 0.9 l, size 32/32"),
        ("You may cancel 2 mugs; he will march on", "You may cancel 2 mugs; he will march on"),
    ],
)
def test_only_moments_are_masked(text: str, masked: str) -> None:
    assert without_moments(text) == masked
