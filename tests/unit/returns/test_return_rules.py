"""Who may send what back, and until when: every boundary one second before, at and after."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core.calendar import is_public_working_day
from recourse.core.clock import zone
from recourse.orders.rules import Coupon
from recourse.returns import rules
from recourse.sellers.rules import Policy
from tests.unit.disputes.cases import DAY, SECOND, mug, order_view
from tests.unit.world import NOW

ALL = {"is_consumer": True, "is_trader": True, "timezone": "Europe/Berlin", "country": "DE"}


def delivered(*lines, at=NOW, **values):
    return order_view(*lines, state="delivered", delivered_at=at, **values)


# --- the seller's window


@pytest.mark.parametrize(("late", "kind"), [(-SECOND, "yes"), (0 * SECOND, "no"), (SECOND, "no")])
@pytest.mark.parametrize("order", [delivered(), order_view(state="completed", completed_at=NOW)])
def test_the_window_closes_the_policys_days_after_delivery_or_completion(order, late, kind):
    found = rules.can_return(order, NOW + 14 * DAY + late)
    assert (found.kind, found.closes_at) == (kind, NOW + 14 * DAY)
    assert found.why == ("in_window" if kind == "yes" else "window_closed")


def test_a_free_return_needs_no_consent():
    assert rules.can_return(delivered(policy=Policy(free_return=True)), NOW).how == "free"
    assert rules.can_return(delivered(), NOW).how == "agreed"


@pytest.mark.parametrize(
    ("order", "kind", "why"),
    [
        (order_view(), "not_yet", "not_delivered"),
        (order_view(mug(sent=0), state="to_ship", shipped_at=None), "no", "nothing_sent"),
        (order_view(state="closed"), "no", "nothing_left"),
        (delivered(mug(qty_returned=1)), "no", "nothing_left"),
        (delivered(mug(qty_refunded=1, refunded=2500)), "no", "nothing_left"),
        (delivered(frozen=True), "no", "frozen"),
        (delivered(issue="chargeback", frozen=True), "no", "bank_dispute"),
        (delivered(issue="dispute"), "no", "dispute_open"),
    ],
)
def test_orders_of_which_nothing_can_be_returned(order, kind, why):
    found = rules.can_return(order, NOW + DAY)
    assert (found.kind, found.why) == (kind, why)
    assert found.alternatives


def test_no_second_path_to_the_same_money():
    assert rules.can_return(delivered(), NOW, return_open=True).why == "return_open"
    assert rules.can_return(delivered(), NOW, request_open=True).why == "request_open"


# --- the deadline of the law


@pytest.mark.parametrize(
    ("received", "ends"),
    [
        # the day of receipt does not count; the last day ends at midnight where the consumer lives
        (datetime(2026, 11, 10, 12, 0, tzinfo=UTC), datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        (datetime(2026, 11, 10, 22, 59, 59, tzinfo=UTC), datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        (datetime(2026, 11, 10, 23, 0, tzinfo=UTC), datetime(2026, 11, 25, 23, 0, tzinfo=UTC)),
        # a Saturday, a Sunday and Christmas move to the next working day
        (datetime(2026, 11, 7, 12, 0, tzinfo=UTC), datetime(2026, 11, 23, 23, 0, tzinfo=UTC)),
        (datetime(2026, 11, 8, 12, 0, tzinfo=UTC), datetime(2026, 11, 23, 23, 0, tzinfo=UTC)),
        (datetime(2026, 12, 11, 12, 0, tzinfo=UTC), datetime(2026, 12, 28, 23, 0, tzinfo=UTC)),
        # the clocks go back inside the period, and forward over Easter
        (datetime(2026, 10, 12, 12, 0, tzinfo=UTC), datetime(2026, 10, 26, 23, 0, tzinfo=UTC)),
        (datetime(2027, 3, 15, 12, 0, tzinfo=UTC), datetime(2027, 3, 30, 22, 0, tzinfo=UTC)),
        # 29 February, and the turn of a year
        (datetime(2028, 2, 15, 12, 0, tzinfo=UTC), datetime(2028, 2, 29, 23, 0, tzinfo=UTC)),
        (datetime(2026, 12, 17, 12, 0, tzinfo=UTC), datetime(2026, 12, 31, 23, 0, tzinfo=UTC)),
    ],
)
def test_fourteen_days_by_regulation_1182_71_in_germany(received, ends):
    assert rules.withdrawal_deadline(received, "Europe/Berlin", "DE") == ends


def test_the_holidays_are_those_of_the_consumers_country():
    received = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)  # the last day is 14 July
    assert rules.withdrawal_deadline(received, "Europe/Paris", "FR") == datetime(2026, 7, 15, 22, 0, tzinfo=UTC)
    assert rules.withdrawal_deadline(received, "Europe/Berlin", "DE") == datetime(2026, 7, 14, 22, 0, tzinfo=UTC)


def test_an_unknown_country_has_the_banks_calendar():
    assert not is_public_working_day(date(2026, 12, 25), "XX")
    assert not is_public_working_day(date(2026, 11, 21), "XX")
    assert is_public_working_day(date(2026, 11, 23), "XX")


@given(
    received=st.integers(0, 8 * 366 * 86_400).map(lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + seconds * SECOND),
    where=st.sampled_from(
        [
            ("Europe/Berlin", "DE"),
            ("Europe/Lisbon", "PT"),
            ("Europe/Athens", "GR"),
            ("Atlantic/Reykjavik", "IS"),
            ("nowhere", "IE"),
        ]
    ),
)
def test_a_deadline_is_the_end_of_a_working_day_at_least_fourteen_days_later(received, where):
    here = zone(where[0])
    ends = rules.withdrawal_deadline(received, *where).astimezone(here)
    last = (ends - SECOND).date()
    assert (ends.hour, ends.minute, ends.second) == (0, 0, 0)
    assert is_public_working_day(last, where[1])
    days = (last - received.astimezone(here).date()).days
    assert days >= 14
    skipped = [last - timedelta(days=back) for back in range(1, days - 13)]
    assert not any(is_public_working_day(day, where[1]) for day in skipped)


# --- the right


@pytest.mark.parametrize(("late", "why"), [(-SECOND, "in_time"), (0 * SECOND, "too_late"), (SECOND, "too_late")])
def test_only_the_time_of_receipt_counts(late, why):
    ends = rules.withdrawal_deadline(NOW, "Europe/Berlin", "DE")
    right = rules.withdrawal_right(delivered(), None, ends + late, **ALL)
    assert (right.why, right.within, right.deadline) == (why, why == "in_time", ends)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"is_consumer": False}, "not_a_consumer"),
        ({"is_trader": False}, "private_seller"),
        ({"country": "US"}, "other_law"),
        ({"country": "CH"}, "other_law"),
        ({"country": "GB"}, "other_law"),
        ({"country": "NO"}, "in_time"),
    ],
)
def test_it_is_a_consumers_right_against_a_trader_where_the_law_holds(changes, why):
    right = rules.withdrawal_right(delivered(), None, NOW, **{**ALL, **changes})
    assert right.why == why
    assert right.within  # the time is another question


def test_the_time_has_not_begun_while_nothing_has_arrived():
    right = rules.withdrawal_right(order_view(), None, NOW + 99 * DAY, **ALL)
    assert (right.why, right.deadline, dict(right.pieces)) == ("in_time", None, {"l1": 1})


def test_exempt_goods_are_left_out():
    lines = (mug(withdrawal_exempt=True), mug().__class__("l2", "Tray", "TRAY", 2, 100, 200, 0, qty_shipped=2))
    assert dict(rules.withdrawal_right(delivered(*lines), None, NOW, **ALL).pieces) == {"l2": 2}
    only = rules.withdrawal_right(delivered(*lines), {"l1": 1}, NOW, **ALL)
    assert (only.why, dict(only.pieces)) == ("exempt", {})


def test_nothing_is_left_of_a_closed_order():
    assert rules.withdrawal_right(delivered(mug(qty_returned=1)), None, NOW, **ALL).why == "nothing_left"
    assert rules.withdrawal_right(order_view(state="closed"), None, NOW, **ALL).why == "nothing_left"


# --- money, postage and deadlines


@pytest.mark.parametrize(
    ("kind", "reason", "policy", "back"),
    [
        ("withdrawal", None, "never", 3000),
        ("withdrawal", "no_longer_wanted", "unsent_only", 3000),
        ("agreed", "damaged", "never", 3000),
        ("agreed", "does_not_fit", "unsent_only", 2500),
        ("free", "no_longer_wanted", "never", 2500),
        ("free", "no_longer_wanted", "always", 3000),
    ],
)
def test_shipping_comes_back_for_a_withdrawal_the_sellers_fault_or_by_policy(kind, reason, policy, back):
    order = delivered(mug(paid=3000, shipping_alloc=500), policy=Policy(refund_shipping=policy))
    found = rules.worth(order, {"l1": 1}, kind, reason, {}, NOW.date())
    assert (found.paid_part, found.fee, found.shipping_kept) == (back, 0, 3000 - back)


def test_used_coupons_come_back_with_the_pieces():
    line = mug(paid=2000).__class__("l1", "Mug", "MUG", 1, 2500, 2000, 500, qty_shipped=1)
    order = delivered(line, coupons=(Coupon("c1", "FIVE", 500, "used", NOW + DAY),))
    assert rules.worth(order, {"l1": 1}, "withdrawal", None, {}, NOW.date()).coupon_credit == 500


@pytest.mark.parametrize(
    ("kind", "reason", "free", "who"),
    [
        ("free", "no_longer_wanted", True, "seller"),
        ("withdrawal", None, False, "buyer"),
        ("withdrawal", None, True, "seller"),
        ("agreed", "does_not_fit", False, "buyer"),
        ("agreed", "wrong_item", False, "seller"),
    ],
)
def test_who_pays_the_postage(kind, reason, free, who):
    assert rules.label_cost(delivered(policy=Policy(free_return=free)), kind, reason) == who


def test_goods_that_are_still_to_arrive_cannot_be_sent_back_before():
    promised = NOW + 9 * DAY
    assert rules.ship_back_by(order_view(promised_by=promised), "withdrawal", NOW) == promised + 14 * DAY
    assert rules.ship_back_by(delivered(promised_by=promised), "withdrawal", NOW) == NOW + 14 * DAY
    assert rules.ship_back_by(delivered(policy=Policy(ship_back_days=3)), "agreed", NOW) == NOW + 3 * DAY


def test_a_withdrawals_refund_does_not_wait_for_an_inspection():
    assert rules.inspect_by(NOW, None) == NOW + 5 * DAY
    assert rules.inspect_by(NOW, NOW + 9 * DAY) == NOW + 5 * DAY
    assert rules.inspect_by(NOW, NOW + DAY) == NOW + DAY
    assert rules.inspect_by(NOW, NOW - DAY) == NOW


def test_an_acknowledgement_has_the_facts_and_the_time_and_fits():
    lines = tuple(mug().__class__(f"l{i}", "x" * 200, "S", 1, 1, 1, 0, qty_shipped=1) for i in range(40))
    order = delivered(*lines)
    right = rules.withdrawal_right(order, None, NOW, **ALL)
    text = rules.acknowledgement(order, right, NOW, "Europe/Berlin", "ref-1")
    assert len(text) <= 2000
    assert "RC-1042-7713" in text and "2026-11-24 13:00:00 (CET), 2026-11-24 12:00:00 UTC" in text and "ref-1" in text
    assert "and 28 more" in text


def test_every_state_can_be_left_and_the_ends_cannot():
    states = {to for _, to in rules.RETURN_MACHINE}
    left = {start for start, _ in rules.RETURN_MACHINE if start}
    assert states - left == {"cancelled", "declined", "expired", "refunded"}
    assert left == set(rules.OPEN_STATES)
