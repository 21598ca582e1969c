"""Clock and calendar: UTC everywhere, and business days that know bank holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core.calendar import add_business_days, is_business_day
from recourse.core.clock import FixedClock, SystemClock, require_utc, zone


def test_the_systems_clock_is_aware_and_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_a_fixed_clock_moves_only_when_it_is_moved() -> None:
    clock = FixedClock(datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.at += timedelta(hours=1)
    assert clock.now().hour == 13


def test_a_naive_time_is_refused_with_an_example() -> None:
    with pytest.raises(ValueError, match=r"give an aware datetime, for example .*\+00:00"):
        require_utc(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="has no time zone"):
        FixedClock(datetime(2026, 1, 1))  # noqa: DTZ001


def test_other_zones_are_turned_into_utc() -> None:
    assert require_utc(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", [None, "", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "a\0b", "x" * 999]
)
def test_an_unknown_zone_is_utc(name: str | None) -> None:
    assert zone(name).key == "UTC"


def test_a_known_zone_is_itself() -> None:
    assert zone("Asia/Tokyo").utcoffset(datetime(2026, 1, 1)) == timedelta(hours=9)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        (date(2026, 11, 24), True),
        (date(2026, 11, 28), False),
        (date(2026, 12, 25), False),
        (date(2026, 12, 26), False),
        (date(2027, 1, 1), False),
        (date(2027, 3, 26), False),
        (date(2027, 3, 29), False),
        (date(2027, 5, 1), False),
        (date(2026, 11, 26), True),
    ],
    ids=[
        "Tuesday",
        "Saturday",
        "Christmas",
        "St Stephen",
        "New Year",
        "Good Friday",
        "Easter Monday",
        "May Day",
        "Thanksgiving",
    ],
)
def test_business_days_are_bank_days(day: date, open_: bool) -> None:
    assert is_business_day(day) is open_


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 12, 21), 20, date(2027, 1, 20)),
        (date(2026, 11, 24), 0, date(2026, 11, 24)),
        (date(2026, 11, 28), 0, date(2026, 11, 28)),
        (date(2026, 11, 27), 1, date(2026, 11, 30)),
        (date(2026, 11, 28), 1, date(2026, 11, 30)),
        (date(2026, 12, 24), 1, date(2026, 12, 28)),
        (date(2027, 3, 25), 1, date(2027, 3, 30)),
    ],
)
def test_business_days_are_counted_over_weekends_and_holidays(start: date, days: int, end: date) -> None:
    assert add_business_days(start, days) == end


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(1, 40))
def test_the_last_day_counted_is_a_business_day_and_one_more_is_later(start: date, days: int) -> None:
    end = add_business_days(start, days)
    assert is_business_day(end)
    assert add_business_days(start, days + 1) > end > start


def test_days_cannot_be_counted_backwards() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        add_business_days(date(2026, 1, 1), -1)
