"""Who may cancel what, on which terms, and until when. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recourse.cancellations import rules
from recourse.cancellations.rules import (
    ELIGIBILITY,
    INSTANT,
    INTERCEPT,
    NO,
    REASONS_PAID,
    REASONS_UNPAID,
    REQUEST,
    Terms,
)
from recourse.core.transitions import Machine
from recourse.orders.rules import (
    COUPON_MACHINE,
    ORDER_MACHINE,
    PAYMENT_MACHINE,
    STATES,
    Coupon,
    Line,
    OrderView,
    Parcel,
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
    expected = {
        "awaiting_payment": INSTANT,
        "payment_review": INSTANT,
        "to_ship": REQUEST,
        "partially_shipped": REQUEST,
    }
    rule = rules.can_cancel(view(state), NOW)
    assert rule.kind == expected.get(state, NO)
    assert rule.explanation
    assert bool(rule.alternatives) == (rule.kind == NO), "a no says what can be done instead"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("facts", "request_open", "why"),
    [
        ({"frozen": True, "issue": "chargeback"}, True, "bank_dispute"),
        ({"frozen": True, "issue": "dispute"}, True, "frozen"),
        ({"frozen": True}, False, "frozen"),
        ({"issue": "dispute"}, True, "in_dispute"),
        ({"issue": "return"}, True, "already_requested"),
        ({}, True, "already_requested"),
        ({"issue": "return"}, False, "return_open"),
    ],
)
def test_what_owns_an_order_comes_before_its_state(
    state: str, facts: dict[str, object], request_open: bool, why: str
) -> None:
    rule = rules.can_cancel(replace(view(state), **facts), NOW, request_open=request_open, earlier_requests=9)  # type: ignore[arg-type]
    assert (rule.kind, rule.why) == (NO, why)


@pytest.mark.parametrize("state", ["to_ship", "partially_shipped"])
@pytest.mark.parametrize(("seconds", "kind"), [(-1, REQUEST), (0, NO), (1, NO)])
def test_from_the_shipping_deadline_on_the_order_ends_by_itself(state: str, seconds: int, kind: str) -> None:
    rule = rules.can_cancel(replace(view(state), ship_by=NOW), NOW + timedelta(seconds=seconds), earlier_requests=9)
    assert rule.kind == kind
    assert kind == REQUEST or rule.why == "ship_deadline_passed"


@pytest.mark.parametrize(("state", "why"), [("awaiting_payment", "unpaid"), ("shipped", "shipped")])
def test_the_shipping_deadline_is_only_for_what_waits_to_be_shipped(state: str, why: str) -> None:
    assert rules.can_cancel(replace(view(state), ship_by=NOW), NOW).why == why


@pytest.mark.parametrize(("most", "made", "kind"), [(None, 99, REQUEST), (1, 0, REQUEST), (1, 1, NO), (2, 1, REQUEST)])
def test_a_policy_may_count_requests(most: int | None, made: int, kind: str) -> None:
    rule = rules.can_cancel(view(max_requests_per_order=most), NOW, earlier_requests=made)
    assert rule.kind == kind
    assert kind == REQUEST or rule.why == "too_many_requests"


def test_a_rest_cannot_be_cancelled_where_the_policy_cancels_no_parts() -> None:
    rule = rules.can_cancel(view("partially_shipped", partial_cancel=False), NOW)
    assert (rule.kind, rule.why) == (NO, "partially_shipped")
    assert rules.can_cancel(view("to_ship", partial_cancel=False), NOW).kind == REQUEST


def test_a_sent_order_may_be_called_back_only_where_the_policy_lets_the_seller_be_asked() -> None:
    asked = view("shipped", after_shipment="ask_seller")
    assert rules.can_cancel(asked, NOW).kind == INTERCEPT
    assert rules.can_cancel(view("shipped"), NOW).kind == NO
    assert rules.can_cancel(view("delivered", after_shipment="ask_seller"), NOW).kind == NO
    arrived = replace(asked, parcels=(Parcel("Parcelway", "PW1", NOW, None, NOW),))
    assert rules.can_cancel(arrived, NOW).why == "shipped", "what has arrived in part is not called back"


def test_nothing_is_left_to_cancel_of_a_rest_that_is_empty() -> None:
    sent = replace(view("partially_shipped"), lines=(Line("l1", "Mug", "MUG", 1, 2500, 2500, 0, qty_shipped=1),))
    assert rules.can_cancel(sent, NOW).why == "shipped"


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
@pytest.mark.parametrize("kind", [REQUEST, INTERCEPT])
def test_silence_approves_only_what_is_paid_and_unsent(state: str, kind: str) -> None:
    unsent = kind == REQUEST and state in ("to_ship", "partially_shipped")
    assert rules.outcome_of_silence("approve", kind, state, frozen=False) == ("approved" if unsent else "expired")
    assert rules.outcome_of_silence("approve", kind, state, frozen=True) == "expired"
    assert rules.outcome_of_silence("reject", kind, state, frozen=False) == "expired"
    assert rules.outcome_of_silence("escalate", kind, state, frozen=False) == "escalated"
    assert rules.outcome_of_silence("escalate", kind, state, frozen=True) == "expired"


@pytest.mark.parametrize(
    ("policy", "fault", "cost"),
    [
        ({}, "buyer", 0),
        ({"fee_value": 300}, "buyer", 0),
        ({"fee_kind": "fixed", "fee_value": 300}, "buyer", 300),
        ({"fee_kind": "fixed", "fee_value": 300}, "seller", 0),
        ({"fee_kind": "fixed", "fee_value": 300, "fee_cap": 200}, "buyer", 200),
        ({"fee_kind": "fixed", "fee_value": 300, "fee_cap": 0}, "buyer", 0),
        ({"fee_kind": "percent", "fee_value": 250}, "buyer", 62),
        ({"fee_kind": "percent", "fee_value": 10_000, "fee_cap": 1000}, "buyer", 1000),
    ],
)
@pytest.mark.parametrize("kind", [INSTANT, REQUEST, INTERCEPT])
def test_only_an_interception_on_the_buyers_account_costs_what_the_policy_says(
    policy: dict[str, object], fault: str, cost: int, kind: str
) -> None:
    rule = replace(Policy(clause="It costs."), **policy)  # type: ignore[arg-type]
    assert rules.fee(rule, kind, fault, 2500) == (cost if kind == INTERCEPT else 0)
    assert rules.fee(replace(rule, clause=None), kind, fault, 2500) == 0, "a price that nobody could read is no price"


SENT = (
    Line("l1", "Mug", "MUG", 2, 2500, 5300, 200, 500, qty_shipped=2),
    Line("l2", "Tray", "TRAY", 1, 900, 1000, 0, 100, qty_shipped=1),
)
OPEN = tuple(replace(line, qty_shipped=0) for line in SENT)


@pytest.mark.parametrize(
    ("kind", "lines", "pieces", "kept"),
    [
        (REQUEST, OPEN, {"l1": 2, "l2": 1}, {"never": False, "unsent_only": False, "always": False}),
        (REQUEST, OPEN, {"l1": 2}, {"never": True, "unsent_only": False, "always": False}),
        (REQUEST, (SENT[0], OPEN[1]), {"l2": 1}, {"never": True, "unsent_only": False, "always": False}),
        (INTERCEPT, SENT, {"l1": 2, "l2": 1}, {"never": True, "unsent_only": True, "always": False}),
    ],
)
def test_shipping_stays_paid_only_for_what_leaves(
    kind: str, lines: tuple[Line, ...], pieces: dict[str, int], kept: dict[str, bool]
) -> None:
    for rule, expected in kept.items():
        order = replace(view(refund_shipping=rule), lines=lines)
        assert rules.keeps_shipping(order, kind, "buyer", pieces) is expected
        if kind == INTERCEPT:
            assert rules.keeps_shipping(order, kind, "seller", pieces) is False


def test_the_price_of_an_interception_is_shown_with_its_clause() -> None:
    order = replace(
        view("shipped", after_shipment="ask_seller", fee_kind="percent", fee_value=1000, clause="Ten per cent."),
        lines=SENT, total_paid=6300, tenders=(Tender("p1", "card", "Visa ending 4242", 6300, True),),
    )  # fmt: skip
    made = terms(order, INTERCEPT)
    assert (made.fee, made.shipping_kept, made.refund.legs_total) == (590, 600, 6300 - 600 - 590)
    assert (made.fee_clause, made.on_silence, made.scope) == ("Ten per cent.", "reject", "all")
    mine = rules.terms(order, INTERCEPT, {"card": (3, 20)}, NOW, fault="seller")
    assert (mine.fee, mine.shipping_kept, mine.refund.legs_total, mine.fee_clause) == (0, 0, 6300, None)


def test_a_part_names_its_lines_and_what_they_are_worth() -> None:
    order = replace(
        view(), lines=OPEN, total_paid=6300, tenders=(Tender("p1", "card", "Visa ending 4242", 6300, True),)
    )
    made = rules.terms(order, REQUEST, {}, NOW, pieces={"l1": 1})
    assert made.scope == "lines"
    assert [(s.line_id, s.title, s.qty, s.cash, s.coupon) for s in made.lines] == [("l1", "Mug", 1, 2650, 100)]
    whole = rules.terms(order, REQUEST, {}, NOW, pieces={"l1": 2, "l2": 1})
    assert (whole.scope, whole.refund.legs_total) == ("all", 6300)


def test_terms_are_read_back_as_they_were_stored() -> None:
    order = replace(view(clause="Our terms."), coupons=(coupon("used"),))
    for kind in (INSTANT, REQUEST, INTERCEPT):
        made = terms(order, kind)
        back = Terms.from_json(json.loads(json.dumps(made.to_json())))
        assert back == made
        assert back.fingerprint(3) == made.fingerprint(3)
        assert made.changes(back) == ()


def test_a_quote_from_before_parts_can_be_read() -> None:
    stored = terms(view()).to_json()
    del stored["scope"], stored["fee_clause"], stored["refund"]["shares"], stored["refund"]["coupons"]
    assert Terms.from_json(stored).scope == "all"


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
    order = view(coupons=(coupon(state),), coupon_on_refund=policy)
    made = terms(replace(order, lines=(replace(order.lines[0], coupon_alloc=400),)))
    assert (made.coupon_effect, made.refund.coupon_credit) == (effect, credit)


def test_cancelling_before_shipment_is_free() -> None:
    assert terms(view()).refund.fee == 0


def test_the_minute_does_not_change_the_deal() -> None:
    later = terms(view(), now=NOW + timedelta(minutes=29))
    assert terms(view()).fingerprint(3) == later.fingerprint(3)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (replace(view(), policy=Policy(on_silence="reject")), "policy"),
        (replace(view(), policy=Policy(id="other")), "policy"),
        (replace(view(), tenders=(Tender("p1", "card", "Visa ending 4242", 2499, True),)), "amount"),
        (replace(view(), tenders=(Tender("p2", "card", "Visa ending 4242", 2500, True),)), "amount"),
        (replace(view(), coupons=(coupon("used"),)), "coupon"),
        (replace(view(), number="RC-2464-1041"), "kind"),
        (replace(view(), currency="USD"), "kind"),
        (replace(view(), lines=OPEN[:1]), "lines"),
        (replace(view(), policy=Policy(response_hours=72)), "deadline"),
    ],
)
def test_anything_that_matters_to_the_buyer_changes_the_deal_and_is_named(other: OrderView, code: str) -> None:
    if code == "coupon":
        other = replace(other, lines=(replace(other.lines[0], coupon_alloc=400),))
    assert terms(other).fingerprint(3) != terms(view()).fingerprint(3)
    assert code in terms(view()).changes(terms(other))


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
        (COUPON_MACHINE, {"released", "converted_to_balance", "restored"}),
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
        ("It was shipped yesterday, I could not stop it", True),
        ("Dispatched this morning", True),
        ("The parcel is on its way", True),
        ("We can't cancel: handed to the carrier", True),
        ("Not shipped yet, but it is engraved", False),
        ("It hasn't been sent, but it is engraved", False),
        ("Made to order", False),
    ],
)
def test_only_a_claim_of_shipment_needs_proof(reason: str, claims: bool) -> None:
    assert rules.claims_shipped(reason) is claims
