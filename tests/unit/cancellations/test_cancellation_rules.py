"""Who may cancel what, on which terms, and until when. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recourse.cancellations import rules
from recourse.cancellations.rules import ELIGIBILITY, INSTANT, NO, REASONS_PAID, REASONS_UNPAID, REQUEST
from recourse.core.transitions import Machine
from recourse.orders.rules import (
    COUPON_MACHINE,
    ORDER_MACHINE,
    PAYMENT_MACHINE,
    STATES,
    Coupon,
    Line,
    OrderView,
    Tender,
    projection,
)
from recourse.refunds.rules import LEG_MACHINE
from recourse.sellers.rules import Policy
from tests.unit.world import NOW


def view(
    state: str = "to_ship", *, coupons: tuple[Coupon, ...] = (), captured: bool = True, **policy: object
) -> OrderView:
    return OrderView(
        id="o1", number="RC-1042-7713", version=3, group_id="g1", customer_id="b-1", seller_id="acme", seller="Acme",
        state=state, frozen=False, frozen_reason=None, currency="EUR", total_paid=2500, gross=2500, discount=0, shipping=0,
        policy=replace(Policy(), **policy), placed_at=NOW, pay_by=None, review_by=None, ship_by=None, paid_at=NOW,  # type: ignore[arg-type]
        shipped_at=None, delivered_at=None, completed_at=None, cancelled_at=None, close_reason=None, scenario=None,
        lines=(Line("l1", "Mug", "MUG", 1, 2500, 2500, 0),),
        tenders=() if state == "awaiting_payment" else (Tender("p1", "card", "Visa ending 4242", 2500, captured),),
        coupons=coupons, parcels=(),
    )  # fmt: skip


def coupon(state: str) -> Coupon:
    return Coupon("c1", "TEN", 400, state, NOW)


def terms(order: OrderView, kind: str = REQUEST, now: datetime = NOW) -> rules.Terms:
    return rules.terms(order, kind, {"card": (3, 20)}, now)


def test_every_state_of_an_order_has_a_verdict() -> None:
    assert set(ELIGIBILITY) == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_the_verdict_follows_the_state(state: str) -> None:
    expected = {"awaiting_payment": INSTANT, "payment_review": INSTANT, "to_ship": REQUEST}.get(state, NO)
    rule = rules.can_cancel(state, frozen=False, request_open=False)
    assert rule.kind == expected
    assert rule.explanation
    assert bool(rule.alternatives) == (rule.kind == NO), "a no says what can be done instead"


@pytest.mark.parametrize("state", STATES)
def test_a_hold_comes_before_everything_and_an_open_request_before_the_state(state: str) -> None:
    assert rules.can_cancel(state, frozen=True, request_open=True).why == "frozen"
    assert rules.can_cancel(state, frozen=True, request_open=False).why == "frozen"
    assert rules.can_cancel(state, frozen=False, request_open=True).why == "already_requested"


@pytest.mark.parametrize("state", STATES)
def test_a_request_is_never_shown_as_cancelled(state: str) -> None:
    assert projection(state, frozen=False, request_pending=True) == "cancellation_requested"
    assert projection(state, frozen=True, request_pending=True) == "on_hold"
    assert projection(state, frozen=False, request_pending=False) == state


@pytest.mark.parametrize(("seconds", "timers"), [(-1, False), (0, True), (1, True)])
def test_the_last_second_is_the_sellers_and_the_next_the_timers(seconds: int, timers: bool) -> None:
    respond_by = rules.deadline(NOW, 24)
    assert rules.belongs_to_timer(respond_by, respond_by + timedelta(seconds=seconds)) is timers


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 20, 0), datetime(2026, 10, 24, 20, 0)], ids=["spring", "autumn"])  # noqa: DTZ001
def test_a_day_is_24_elapsed_hours_on_the_nights_the_clocks_change(day: datetime) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    asked = day.replace(tzinfo=berlin).astimezone(UTC)
    respond_by = rules.deadline(asked, 24)
    assert respond_by - asked == timedelta(hours=24)
    assert respond_by.astimezone(berlin).hour != 20


@pytest.mark.parametrize("state", STATES)
def test_silence_approves_only_what_is_paid_and_unsent(state: str) -> None:
    assert rules.outcome_of_silence("approve", state, frozen=False) == ("approved" if state == "to_ship" else "expired")
    assert rules.outcome_of_silence("approve", state, frozen=True) == "expired"
    assert rules.outcome_of_silence("reject", state, frozen=False) == "expired"


def test_a_request_has_the_sellers_hours_and_a_range_that_covers_them() -> None:
    made = terms(view(response_hours=48))
    (leg,) = made.refund.legs
    assert made.respond_by == NOW + timedelta(hours=48)
    assert (leg.expected_from.isoformat(), leg.expected_to.isoformat()) == ("2026-11-27", "2026-12-24")
    assert made.on_silence == "approve"


def test_an_instant_cancellation_waits_for_nobody() -> None:
    made = terms(view("awaiting_payment"), INSTANT)
    assert made.respond_by is None
    assert (made.refund.legs, made.voided) == ((), 0)


def test_money_under_review_is_let_go_and_not_refunded() -> None:
    made = terms(view("payment_review", captured=False), INSTANT)
    assert (made.refund.legs, made.voided) == ((), 2500)


@pytest.mark.parametrize(
    ("state", "policy", "effect", "credit"),
    [
        ("used", "balance", "balance", 400),
        ("used", "none", "kept", 0),
        ("reserved", "balance", "released", 0),
        ("released", "balance", "none", 0),
        ("converted_to_balance", "balance", "none", 0),
    ],
)
def test_what_happens_to_a_coupon(state: str, policy: str, effect: str, credit: int) -> None:
    made = terms(view(coupons=(coupon(state),), coupon_on_refund=policy))
    assert (made.coupon_effect, made.refund.coupon_credit) == (effect, credit)


def test_cancelling_before_shipment_is_free() -> None:
    assert terms(view()).refund.fee == 0


def test_the_minute_does_not_change_the_deal() -> None:
    later = terms(view(), now=NOW + timedelta(minutes=29))
    assert terms(view()).fingerprint(3) == later.fingerprint(3)


@pytest.mark.parametrize(
    "other",
    [
        replace(view(), policy=Policy(on_silence="reject")),
        replace(view(), policy=Policy(id="other")),
        replace(view(), tenders=(Tender("p1", "card", "Visa ending 4242", 2499, True),)),
        replace(view(), tenders=(Tender("p2", "card", "Visa ending 4242", 2500, True),)),
        replace(view(), coupons=(coupon("used"),)),
        replace(view(), number="RC-2464-1041"),
        replace(view(), currency="USD"),
    ],
)
def test_anything_that_matters_to_the_buyer_changes_the_deal(other: OrderView) -> None:
    assert terms(other).fingerprint(3) != terms(view()).fingerprint(3)


def test_another_version_or_kind_is_another_deal() -> None:
    assert terms(view()).fingerprint(3) != terms(view()).fingerprint(4)
    assert terms(view()).fingerprint(3) != terms(view(), INSTANT).fingerprint(3)


def test_unpaid_and_paid_orders_have_their_own_reasons() -> None:
    assert rules.reasons_for("awaiting_payment") is REASONS_UNPAID
    assert rules.reasons_for("payment_review") is rules.reasons_for("to_ship") is REASONS_PAID
    assert rules.reason("awaiting_payment", "seller_unreachable") is None
    assert rules.reason("to_ship", "cannot_pay") is None
    assert rules.reason("to_ship", "nonsense") is None


@pytest.mark.parametrize("catalogue", [REASONS_PAID, REASONS_UNPAID])
def test_a_catalogue_starts_neutral_and_ends_open(catalogue: tuple[rules.Reason, ...]) -> None:
    codes = [reason.code for reason in catalogue]
    assert len(set(codes)) == len(codes)
    assert codes[0] == "no_longer_wanted"
    assert codes[-1] == "other"
    assert {reason.fault for reason in catalogue} <= {"buyer", "seller"}


@pytest.mark.parametrize(
    ("state", "text", "code"),
    [
        ("to_ship", "I don't want it any more", "no_longer_wanted"),
        ("to_ship", "I DON’T   WANT it", "no_longer_wanted"),
        ("to_ship", "changed my mind", "no_longer_wanted"),
        ("to_ship", "I ordered it by mistake, wrong size", "ordered_by_mistake"),
        ("to_ship", "it takes forever", "too_late"),
        ("to_ship", "will not arrive on time for christmas", "too_late"),
        ("to_ship", "found it cheaper somewhere", "found_cheaper"),
        ("to_ship", "my address is wrong", "change_address"),
        ("to_ship", "the seller doesn't answer", "seller_unreachable"),
        ("to_ship", "the seller asked me to cancel", "seller_asked"),
        ("to_ship", "something else", "other"),
        ("awaiting_payment", "I want to use another coupon", "change_coupon"),
        ("awaiting_payment", "I can't pay right now", "cannot_pay"),
        ("awaiting_payment", "the seller doesn't answer", None),
        ("to_ship", "", None),
        ("to_ship", "because", None),
    ],
)
def test_a_buyers_own_words_name_a_reason(state: str, text: str, code: str | None) -> None:
    found = rules.match_reason(state, text)
    assert (found.code if found else None) == code


def test_the_first_reason_that_is_named_wins() -> None:
    found = rules.match_reason("to_ship", "found it cheaper and it takes forever")
    assert found is not None
    assert found.code == "found_cheaper"


@pytest.mark.parametrize(
    ("machine", "final"),
    [
        (rules.REQUEST_MACHINE, {"approved", "rejected", "withdrawn", "expired", "superseded"}),
        (ORDER_MACHINE, {"cancelled", "closed"}),
        (PAYMENT_MACHINE, {"captured", "voided", "failed"}),
        (COUPON_MACHINE, {"released", "converted_to_balance"}),
        (LEG_MACHINE, {"cancelled", "failed", "reversed"}),
    ],
)
def test_machines_end_where_they_should_and_every_state_is_reached(machine: Machine, final: set[str]) -> None:
    origins, targets = {origin for origin, _ in machine}, {target for _, target in machine}
    assert targets - origins == final
    assert origins - {None} <= targets
    assert all(machine.values()), "every move has somebody who may make it"


@pytest.mark.parametrize(
    ("reason", "claims"),
    [
        ("Already shipped", True),
        ("It was shipped today.", True),
        ("Not shipped yet, but it is engraved", False),
        ("Made to order", False),
    ],
)
def test_only_a_claim_of_shipment_needs_proof(reason: str, claims: bool) -> None:
    assert rules.claims_shipped(reason) is claims
