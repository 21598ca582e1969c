"""Who may dispute what, and when: every boundary one second before, at and after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core.errors import InvalidInput
from recourse.disputes import rules
from recourse.disputes.rules import NOT_AS_DESCRIBED, NOT_RECEIVED, Facts, can_dispute
from recourse.orders.rules import Parcel
from recourse.sellers.rules import Policy
from tests.unit.disputes.cases import DAY, SECOND, mug, order_view
from tests.unit.world import NOW

NOTHING = Facts()


def verdict(order, at, facts=NOTHING):
    return can_dispute(order, order.lines[0], at, facts)


# --- when it opens


@pytest.mark.parametrize(("late", "kind"), [(-SECOND, "not_yet"), (0 * SECOND, "yes"), (SECOND, "yes")])
def test_a_missing_parcel_can_be_disputed_from_day_ten_after_shipment(late, kind):
    found = verdict(order_view(), NOW + 10 * DAY + late)
    assert found.kind == kind
    assert found.opens_at == NOW + 10 * DAY
    assert found.types == ((NOT_RECEIVED,) if kind == "yes" else ())


@pytest.mark.parametrize(("late", "kind"), [(-SECOND, "not_yet"), (0 * SECOND, "yes"), (SECOND, "yes")])
def test_but_not_before_it_was_promised(late, kind):
    promised = NOW + 20 * DAY
    assert verdict(order_view(promised_by=promised), promised + late).kind == kind


def test_promised_within_five_days_it_opens_at_that_promise():
    fast = order_view(promised_by=NOW + 5 * DAY - SECOND)
    assert verdict(fast, NOW + DAY).opens_at == NOW + 5 * DAY - SECOND
    slow = order_view(promised_by=NOW + 5 * DAY)
    assert verdict(slow, NOW + DAY).opens_at == NOW + 10 * DAY


@pytest.mark.parametrize("state", ["lost", "returned"])
def test_a_parcel_that_will_not_come_can_be_disputed_at_once(state):
    parcel = Parcel("Parcelway", "PW1", NOW, NOW + 20 * DAY, None, "p1", state, (("l1", 1),))
    assert verdict(order_view(parcels=(parcel,)), NOW).types == (NOT_RECEIVED,)


def test_what_has_arrived_can_be_disputed_at_once_and_for_either_reason():
    order = order_view(state="delivered", delivered_at=NOW + DAY, promised_by=NOW + 9 * DAY)
    assert verdict(order, NOW + DAY - SECOND).kind == "not_yet"
    assert verdict(order, NOW + DAY).types == (NOT_RECEIVED, NOT_AS_DESCRIBED)


def test_what_has_not_arrived_cannot_be_judged():
    assert NOT_AS_DESCRIBED not in verdict(order_view(), NOW + 30 * DAY).types


def test_the_parcel_of_the_line_counts_not_another():
    here = Parcel("Parcelway", "PW1", NOW, None, None, "p1", "in_transit", (("l1", 1),))
    other = Parcel("Parcelway", "PW2", NOW - 9 * DAY, None, NOW - DAY, "p2", "delivered", (("l2", 1),))
    assert verdict(order_view(parcels=(other, here)), NOW + DAY).opens_at == NOW + 10 * DAY


# --- when it closes


@pytest.mark.parametrize(("late", "kind"), [(-SECOND, "yes"), (0 * SECOND, "no"), (SECOND, "no")])
@pytest.mark.parametrize(
    "order",
    [
        order_view(state="delivered", delivered_at=NOW + 3 * DAY),
        order_view(state="completed", completed_at=NOW + 3 * DAY),
        order_view(protect_until=NOW + 3 * DAY, policy=Policy(dispute_open_after_days=1)),
    ],
)
def test_it_closes_fifteen_days_after_delivery_completion_or_protection(order, late, kind):
    found = verdict(order, NOW + 18 * DAY + late)
    assert found.kind == kind
    assert found.closes_at == NOW + 18 * DAY
    if kind == "no":
        assert found.why == "window_closed"
        assert "withdrawal" in found.alternatives


def test_an_order_without_any_end_does_not_close():
    assert verdict(order_view(), NOW + 900 * DAY).closes_at is None


def test_the_windows_are_those_of_the_orders_policy():
    order = order_view(
        policy=Policy(dispute_open_after_days=3, dispute_close_after_days=2), protect_until=NOW + 4 * DAY
    )
    found = verdict(order, NOW + 3 * DAY)
    assert (found.kind, found.closes_at) == ("yes", NOW + 6 * DAY)


@pytest.mark.parametrize(
    "sent",
    [
        datetime(2026, 3, 28, 12, 0, tzinfo=ZoneInfo("Europe/Berlin")),  # clocks go forward the night after
        datetime(2026, 10, 24, 12, 0, tzinfo=ZoneInfo("Europe/Berlin")),  # and back
        datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC),  # a leap day follows
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_days_are_elapsed_days_whatever_the_clocks_and_the_calendar_do(sent):
    sent = sent.astimezone(UTC)
    opens = verdict(order_view(shipped_at=sent), sent).opens_at
    assert opens is not None
    assert (opens - sent).total_seconds() == 10 * 86_400


# --- what stands in the way


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts(open_dispute=True), "dispute_open"),
        (Facts(open_return=True), "return_open"),
        (Facts(open_request=True), "request_open"),
        (Facts(decided=1), "already_decided"),
    ],
)
def test_no_second_path_to_the_same_money(facts, why):
    found = verdict(order_view(), NOW + 11 * DAY, facts)
    assert (found.kind, found.why) == ("no", why)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (order_view(frozen=True), "frozen"),
        (order_view(issue="chargeback", frozen=True), "bank_dispute"),
        (order_view(mug(sent=0), state="to_ship", shipped_at=None), "not_sent"),
        (order_view(mug(sent=0), state="cancelled", shipped_at=None), "nothing_left"),
        (order_view(state="closed"), "nothing_left"),
        (order_view(mug(qty_refunded=1, refunded=2500)), "nothing_left"),
        (order_view(mug(qty_returned=1)), "nothing_left"),
        (order_view(mug(refunded=2500)), "nothing_left"),
        (order_view(mug(paid=0)), "nothing_left"),
    ],
)
def test_orders_that_cannot_be_disputed(order, why):
    found = verdict(order, NOW + 11 * DAY)
    assert (found.kind, found.why) == ("no", why)
    assert found.alternatives


def test_only_pieces_that_were_sent_and_are_still_the_buyers():
    line = mug(10, sent=6, qty_cancelled=2, qty_refunded=3, refunded=7500, qty_returned=1)
    assert verdict(order_view(line), NOW + 11 * DAY).qty == 5
    assert verdict(order_view(line), NOW + 11 * DAY, Facts(decided=2)).qty == 3


# --- a property: one rule says it all


@given(
    open_after=st.integers(0, 40),
    close_after=st.integers(1, 40),
    promised=st.none() | st.integers(0, 40),
    delivered=st.none() | st.integers(0, 40),
    protected=st.none() | st.integers(0, 80),
    at=st.integers(0, 130),
    second=st.sampled_from([-1, 0, 1]),
)
def test_a_verdict_is_yes_exactly_inside_its_window(
    open_after, close_after, promised, delivered, protected, at, second
):
    def day(days: int | None) -> datetime | None:
        return None if days is None else NOW + days * DAY

    order = order_view(
        state="shipped" if delivered is None else "delivered",
        promised_by=day(promised), delivered_at=day(delivered), protect_until=day(protected),
        policy=Policy(dispute_open_after_days=open_after, dispute_close_after_days=close_after),
    )  # fmt: skip
    now = NOW + at * DAY + timedelta(seconds=second)
    found = verdict(order, now)
    end = delivered if delivered is not None else protected
    opens = [max(0 if promised is not None and promised < 5 else open_after, promised or 0)]
    opens += [] if delivered is None else [delivered]
    after_opening = now >= NOW + min(opens) * DAY
    before_closing = end is None or now < NOW + (end + close_after) * DAY
    assert (found.kind == "yes") == (after_opening and before_closing)
    assert (found.kind == "no") == (not before_closing)
    assert bool(found.types) == (found.kind == "yes")


# --- amounts and reasons


@pytest.mark.parametrize("amount", [0, -1, 2501, None, True, 10.0, "10"])
def test_a_part_is_at_least_one_unit_and_at_most_the_line(amount):
    with pytest.raises(InvalidInput, match="from 1 to 2500"):
        rules.checked_amount("partial", amount, 2500)


def test_a_part_may_be_one_unit_or_all():
    assert rules.checked_amount("partial", 1, 2500) == 1
    assert rules.checked_amount("partial", 2500, 2500) == 2500


def test_a_full_refund_is_what_the_pieces_cost():
    assert rules.checked_amount("full", None, 2500) == 2500
    assert rules.checked_amount("return_refund", 2500, 2500) == 2500
    with pytest.raises(InvalidInput, match="2500 minor units"):
        rules.checked_amount("full", 2499, 2500)


@given(qty=st.integers(1, 7), paid=st.integers(1, 10_000), refunded=st.integers(0, 10_000))
def test_pieces_are_never_worth_more_than_what_is_left_of_the_line(qty, paid, refunded):
    order = order_view(mug(qty, paid=paid, refunded=min(refunded, paid)))
    values = [rules.worth(order, "l1", pieces, None) for pieces in range(1, qty + 1)]
    assert values == sorted(values)
    assert values[-1] == paid - min(refunded, paid)


def test_shipping_stays_only_where_the_buyer_chose_badly_and_the_policy_keeps_it():
    line = mug(paid=3000, shipping_alloc=500)
    assert rules.worth(order_view(line), "l1", 1, "damaged") == 3000
    assert rules.worth(order_view(line), "l1", 1, "tracking_invalid") == 3000
    assert rules.worth(order_view(line), "l1", 1, "does_not_fit") == 2500
    assert rules.worth(order_view(line, policy=Policy(refund_shipping="always")), "l1", 1, "does_not_fit") == 3000


def test_a_reason_belongs_to_one_type_of_dispute():
    assert rules.checked_reason(NOT_RECEIVED, "customs").needs == ("tracking",)
    for type_, code in [(NOT_RECEIVED, "damaged"), (NOT_AS_DESCRIBED, "customs"), (NOT_RECEIVED, "because")]:
        with pytest.raises(InvalidInput, match="no reason for"):
            rules.checked_reason(type_, code)


def test_every_reason_says_what_it_needs():
    assert {kind for reason in rules.REASONS.values() for kind in reason.needs} <= set(rules.EVIDENCE_KINDS)
    assert {reason.type for reason in rules.REASONS.values()} == set(rules.TYPES)


def test_every_state_can_be_left_and_the_ends_cannot():
    states = {to for _, to in rules.DISPUTE_MACHINE}
    left = {start for start, _ in rules.DISPUTE_MACHINE if start}
    assert states - left == set(rules.OVER)
