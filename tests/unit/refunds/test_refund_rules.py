"""What comes back, to where, and between which days. Pure."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.orders.rules import Tender
from recourse.refunds.rules import DEFAULT_SLA, LEG_MACHINE, OUTER_RANGE, is_overdue, whole_order

DAY = date(2026, 12, 21)
RANGES = {method: (low, high) for method, (low, high, _) in DEFAULT_SLA.items()}


def tender(amount: int, method: str = "card", captured: bool = True, payment_id: str = "p1") -> Tender:
    return Tender(payment_id, method, f"{method} of the buyer", amount, captured)


def test_each_tender_gets_exactly_what_it_gave() -> None:
    back = whole_order([tender(4000), tender(1999, "balance", payment_id="p2")], 0, True, RANGES, DAY, DAY)
    assert [(leg.payment_id, leg.method, leg.amount) for leg in back.legs] == [
        ("p1", "card", 4000),
        ("p2", "balance", 1999),
    ]
    assert (back.paid_part, back.legs_total, back.fee) == (5999, 5999, 0)


def test_days_are_business_days_over_christmas() -> None:
    (leg,) = whole_order([tender(100)], 0, True, RANGES, DAY, DAY).legs
    assert (leg.expected_from, leg.expected_to) == (date(2026, 12, 24), date(2027, 1, 20))


def test_an_uncertain_acceptance_widens_the_range() -> None:
    (leg,) = whole_order([tender(100)], 0, True, RANGES, DAY, DAY + timedelta(days=1)).legs
    assert (leg.expected_from, leg.expected_to) == (date(2026, 12, 24), date(2027, 1, 21))


def test_a_method_without_figures_gets_the_outer_range() -> None:
    (leg,) = whole_order([tender(100, "boleto")], 0, True, RANGES, DAY, DAY).legs
    (card,) = whole_order([tender(100, "card")], 0, True, {"card": OUTER_RANGE}, DAY, DAY).legs
    assert (leg.expected_from, leg.expected_to) == (card.expected_from, card.expected_to)


def test_money_that_was_only_reserved_makes_no_leg() -> None:
    assert whole_order([tender(100, captured=False)], 0, True, RANGES, DAY, DAY).legs == ()


def test_nothing_paid_is_nothing_back() -> None:
    back = whole_order([], 0, True, RANGES, DAY, DAY)
    assert (back.legs, back.paid_part, back.legs_total) == ((), 0, 0)


@pytest.mark.parametrize(("to_balance", "credit"), [(True, 1500), (False, 0)])
def test_a_used_coupon_is_never_cash(to_balance: bool, credit: int) -> None:
    back = whole_order([tender(5999)], 1500, to_balance, RANGES, DAY, DAY)
    assert (back.legs_total, back.coupon_part, back.coupon_credit) == (5999, 1500, credit)


@given(st.lists(st.integers(0, 10**9), max_size=4), st.integers(0, 10**6), st.booleans())
def test_refunds_and_fees_are_what_was_paid(amounts: list[int], coupon: int, to_balance: bool) -> None:
    tenders = [tender(amount, payment_id=str(place)) for place, amount in enumerate(amounts)]
    back = whole_order(tenders, coupon, to_balance, RANGES, DAY, DAY)
    assert back.legs_total + back.fee == back.paid_part == sum(amounts)
    assert {leg.payment_id: leg.amount for leg in back.legs} == {t.payment_id: t.amount for t in tenders if t.amount}
    assert back.coupon_credit in (0, coupon)


@pytest.mark.parametrize("state", ["created", "submitted", "processing"])
def test_a_refund_is_late_from_the_day_after_the_last_one(state: str) -> None:
    assert not is_overdue(state, DAY, DAY)
    assert is_overdue(state, DAY, DAY + timedelta(days=1))


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "reversed", "requires_action"])
def test_what_does_not_wait_for_the_bank_is_never_late(state: str) -> None:
    assert not is_overdue(state, DAY, DAY + timedelta(days=400))


def test_every_figure_lies_within_the_promise_of_three_to_twenty_days_or_is_quicker() -> None:
    assert all(0 <= low <= high <= OUTER_RANGE[1] for low, high in RANGES.values())
    assert RANGES["card"] == OUTER_RANGE


def test_final_leg_states_have_no_way_out() -> None:
    assert {"cancelled", "failed", "reversed"}.isdisjoint({origin for origin, _ in LEG_MACHINE})
