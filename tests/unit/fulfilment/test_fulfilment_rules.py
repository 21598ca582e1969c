"""Deadlines and parcels, without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recourse.fulfilment import rules
from recourse.orders import deadlines
from recourse.sellers.rules import Policy


@pytest.mark.parametrize(
    ("paid", "days", "until"),
    [
        ("2026-11-23T10:00", 7, "2026-12-03T00:00"),  # Monday; the weekend does not count
        ("2026-11-20T23:59", 1, "2026-11-24T00:00"),  # Friday
        ("2026-11-21T00:00", 1, "2026-11-24T00:00"),  # Saturday: the same Monday
        ("2026-12-23T12:00", 2, "2026-12-29T00:00"),  # Christmas Day is closed, the 26th is a Saturday
        ("2028-02-28T12:00", 1, "2028-03-01T00:00"),  # leap day
        ("2026-10-23T12:00", 2, "2026-10-28T00:00"),  # over the night in which the clocks change
        ("2026-12-31T23:00", 1, "2027-01-05T00:00"),  # New Year's Day is closed
    ],
)
def test_the_shipping_deadline_is_the_end_of_a_business_day(paid: str, days: int, until: str) -> None:
    policy = Policy(ship_deadline_bd=days)
    at = datetime.fromisoformat(paid).replace(tzinfo=UTC)
    assert rules.ship_deadline(at, policy) == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_the_shipping_deadline_is_counted_in_utc() -> None:
    tokyo = timedelta(hours=9)
    at = datetime(2026, 11, 24, 0, 30, tzinfo=UTC).astimezone()
    assert rules.ship_deadline(at, Policy(ship_deadline_bd=1)) == datetime(2026, 11, 26, tzinfo=UTC)
    assert rules.ship_deadline(at - tokyo, Policy(ship_deadline_bd=1)) == datetime(2026, 11, 25, tzinfo=UTC)


def test_protection_lasts_sixty_days_or_as_long_as_was_promised() -> None:
    sent = datetime(2026, 11, 24, 12, tzinfo=UTC)
    late = sent + timedelta(days=90)
    assert deadlines.protection_after_sending(sent, [None]) == sent + timedelta(days=60)
    assert deadlines.protection_after_sending(sent, [sent + timedelta(days=3), None]) == sent + timedelta(days=60)
    assert deadlines.protection_after_sending(sent, [None, late]) == late
    assert deadlines.protection_after_delivery(sent, Policy(dispute_close_after_days=10)) == sent + timedelta(days=10)


@pytest.mark.parametrize(
    ("now", "reported", "then"),
    [
        ("in_transit", "out_for_delivery", "out_for_delivery"),
        ("out_for_delivery", "in_transit", "out_for_delivery"),
        ("in_transit", "label", "in_transit"),
        ("in_transit", "delivered", "delivered"),
        ("delivered", "out_for_delivery", "delivered"),
        ("delivered", "lost", "delivered"),
        ("delivered", "returned", "delivered"),
        ("in_transit", "lost", "lost"),
        ("lost", "in_transit", "lost"),
        ("lost", "delivered", "lost"),
        ("lost", "returned", "returned"),
        ("returned", "lost", "returned"),
        ("returned", "delivered", "returned"),
    ],
)
def test_a_parcel_never_moves_back(now: str, reported: str, then: str) -> None:
    assert deadlines.parcel_state(now, reported) == then


@pytest.mark.parametrize(
    ("respond", "ship", "first"),
    [(0, 1, True), (1, 1, True), (2, 1, False), (0, None, True), (None, 1, False), (9, 12, False)],
)
def test_the_earlier_of_two_deadlines_comes_first(respond: int | None, ship: int | None, first: bool) -> None:
    start = datetime(2026, 11, 24, tzinfo=UTC)

    def at(hours: int | None) -> datetime | None:
        return None if hours is None else start + timedelta(hours=hours)

    assert rules.request_comes_first(at(respond), at(ship), start + timedelta(hours=5)) is first
