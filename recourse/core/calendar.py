"""Business days. Ranges like "3 to 20 business days" are counted on a bank calendar, not on a wall calendar."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import holidays

_BANK_HOLIDAYS = "ECB"
"""TARGET2 closing days: the calendar of the euro payment system, and a fair default where no country is known."""


@cache
def _closed(year: int) -> frozenset[date]:
    return frozenset(holidays.financial_holidays(_BANK_HOLIDAYS, years=year))


def is_business_day(day: date) -> bool:
    """Monday to Friday and not a bank holiday."""
    return day.weekday() < 5 and day not in _closed(day.year)


def add_business_days(start: date, days: int) -> date:
    """The ``days``-th business day after ``start``; the start day itself never counts (Reg. 1182/71)."""
    if days < 0:
        raise ValueError("days must not be negative")
    day = start
    while days:
        day += timedelta(days=1)
        days -= is_business_day(day)
    return day


def is_public_working_day(day: date, country: str) -> bool:
    """Monday to Friday and no public holiday in ``country`` (ISO 3166-1, two letters), as Reg. 1182/71 Art. 2 means it.

    For a country without a known calendar it is a business day of the banks.
    """
    if country not in _countries():
        return is_business_day(day)
    return day.weekday() < 5 and day not in _public_holidays(country, day.year)


@cache
def _countries() -> frozenset[str]:
    return frozenset(holidays.list_supported_countries())


@cache
def _public_holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))
