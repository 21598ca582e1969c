"""What comes back, to where, and between which days. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.core.money import Money, split
from recourse.orders.rules import Coupon, Line, OrderView, Tender
from recourse.refunds.rules import (
    DEFAULT_SLA,
    EVENTS,
    LEG_MACHINE,
    LOST,
    OUTER_RANGE,
    Breakdown,
    Days,
    LegFact,
    RefundFacts,
    actor_of,
    explain_difference,
    is_overdue,
    leg_path,
    of_amount,
    of_pieces,
)
from recourse.sellers.rules import Policy

DAY = date(2026, 12, 21)
AT = datetime(2026, 12, 21, 9, 0, tzinfo=UTC)
RANGES = {method: (low, high) for method, (low, high, _) in DEFAULT_SLA.items()}
DAYS = Days(RANGES, DAY, DAY)
SAME_DAY = Days(dict.fromkeys(RANGES, (0, 0)), DAY, DAY)


def order(
    lines: Sequence[tuple[int, int]],
    tenders: Sequence[tuple[str, int]] = (),
    *,
    coupon: int = 0,
    coupon_valid: bool = True,
    kind: str = "platform",
    shipping: int = 0,
    currency: str = "EUR",
    captured: bool = True,
    **policy: object,
) -> OrderView:
    """An order of ``lines`` (price of one piece, pieces), paid with ``tenders`` (method, amount); none: all by card."""
    prices = [price * qty for price, qty in lines]
    off, sent = split(coupon, prices), split(shipping, prices)
    made = tuple(
        Line(f"l{i}", f"Line {i}", f"S{i}", qty, price, price * qty - off[i] + sent[i], off[i], sent[i])
        for i, (price, qty) in enumerate(lines)
    )
    due = sum(line.paid_alloc for line in made)
    given_with = tenders or ((("card", due),) if due else ())
    return OrderView(
        id="o", number="RC-1000-0000", version=1, group_id="g", customer_id="b-1", seller_id="acme", seller="Acme",
        state="to_ship", frozen=False, frozen_reason=None, currency=currency, total_paid=due, gross=sum(prices),
        discount=coupon, shipping=shipping, policy=replace(Policy(), **policy),  # type: ignore[arg-type]
        placed_at=AT, pay_by=None, review_by=None, ship_by=None, paid_at=AT, shipped_at=None, delivered_at=None,
        completed_at=None, cancelled_at=None, close_reason=None, scenario=None, lines=made,
        tenders=tuple(
            Tender(f"p{i}", method, f"{method} {i}", amount, captured) for i, (method, amount) in enumerate(given_with)
        ),
        coupons=(
            Coupon("c", "TEN", coupon, "used", AT + timedelta(days=9 if coupon_valid else -1), kind),
        ) if coupon else (),
        parcels=(),
    )  # fmt: skip


def after(before: OrderView, given_back: Breakdown) -> OrderView:
    """The order with a refund booked on it, as the store does."""
    shares = {share.line_id: share for share in given_back.shares}
    legs = {leg.payment_id: leg.amount for leg in given_back.legs}
    coupons = {coupon_id: value for coupon_id, value, how in given_back.coupons if how != "none"}
    lines = tuple(
        replace(
            line,
            qty_refunded=line.qty_refunded + shares[line.id].qty,
            refunded=line.refunded + shares[line.id].cash + shares[line.id].shipping_kept,
            coupon_returned=line.coupon_returned + shares[line.id].coupon,
        )
        if line.id in shares
        else line
        for line in before.lines
    )
    tenders = tuple(replace(each, returned=each.returned + legs.get(each.payment_id, 0)) for each in before.tenders)
    used = tuple(replace(each, returned=each.returned + coupons.get(each.id, 0)) for each in before.coupons)
    return replace(before, lines=lines, tenders=tenders, coupons=used)


def everything(of: OrderView) -> dict[str, int]:
    return {line.id: line.qty - line.qty_refunded for line in of.lines}


def legs(of: Breakdown) -> list[tuple[str, int]]:
    return [(leg.method, leg.amount) for leg in of.legs]


def test_each_tender_gets_exactly_what_it_gave() -> None:
    back = of_pieces(order([(5999, 1)], [("card", 4000), ("balance", 1999)]), {"l0": 1}, DAYS)
    assert legs(back) == [("card", 4000), ("balance", 1999)]
    assert (back.paid_part, back.legs_total, back.fee) == (5999, 5999, 0)


def test_a_part_goes_back_in_proportion() -> None:
    """The worked example of the domain: 49.99 and 25.00, 15.00 off by coupon, paid 40.00 by card and 19.99 from balance."""
    of = order([(4999, 1), (2500, 1)], [("card", 4000), ("balance", 1999)], coupon=1500)
    first = replace(of.lines[0], paid_alloc=3999, coupon_alloc=1000)
    of = replace(of, lines=(first, replace(of.lines[1], paid_alloc=2000, coupon_alloc=500)))
    back = of_pieces(of, {"l0": 1}, DAYS)
    assert legs(back) == [("card", 2666), ("balance", 1333)]
    assert (back.coupon_part, back.coupon_credit) == (1000, 1000)
    rest = of_pieces(after(of, back), {"l1": 1}, DAYS)
    assert legs(rest) == [("card", 1334), ("balance", 666)]
    assert (rest.coupon_part, rest.coupon_credit) == (500, 500)


def test_days_are_business_days_over_christmas() -> None:
    (leg,) = of_pieces(order([(100, 1)]), {"l0": 1}, DAYS).legs
    assert (leg.expected_from, leg.expected_to) == (date(2026, 12, 24), date(2027, 1, 20))


def test_an_uncertain_acceptance_widens_the_range() -> None:
    (leg,) = of_pieces(order([(100, 1)]), {"l0": 1}, Days(RANGES, DAY, DAY + timedelta(days=1))).legs
    assert (leg.expected_from, leg.expected_to) == (date(2026, 12, 24), date(2027, 1, 21))


def test_a_method_without_figures_gets_the_outer_range() -> None:
    (leg,) = of_pieces(order([(100, 1)], [("boleto", 100)]), {"l0": 1}, DAYS).legs
    (card,) = of_pieces(order([(100, 1)]), {"l0": 1}, Days({"card": OUTER_RANGE}, DAY, DAY)).legs
    assert (leg.expected_from, leg.expected_to) == (card.expected_from, card.expected_to)


def test_money_that_was_only_reserved_makes_no_leg() -> None:
    back = of_pieces(order([(100, 1)], captured=False), {"l0": 1}, DAYS)
    assert (back.legs, back.paid_part) == ((), 0)


def test_nothing_paid_is_nothing_back() -> None:
    back = of_pieces(order([(1500, 1)], coupon=1500), {"l0": 1}, DAYS)
    assert (back.legs, back.paid_part, back.legs_total, back.coupon_credit) == ((), 0, 0, 1500)


@pytest.mark.parametrize(
    ("rule", "valid", "kind", "credit", "how"),
    [
        ("balance", True, "platform", 1500, "balance"),
        ("balance", False, "platform", 1500, "balance"),
        ("none", True, "platform", 0, "none"),
        ("restore_if_valid", True, "platform", 0, "restored"),
        ("restore_if_valid", False, "platform", 0, "none"),
        ("none", True, "coins", 0, "restored"),
    ],
)
def test_a_used_coupon_is_never_cash(rule: str, valid: bool, kind: str, credit: int, how: str) -> None:
    of = order([(5999, 1)], coupon=1500, coupon_valid=valid, kind=kind, coupon_on_refund=rule)
    back = of_pieces(of, {"l0": 1}, DAYS)
    assert (back.legs_total, back.coupon_part, back.coupon_credit) == (4499, 1500, credit)
    assert back.coupon_effect == how


def test_a_coupon_is_restored_only_with_the_whole_order() -> None:
    of = order([(1000, 2)], coupon=500, coupon_on_refund="restore_if_valid")
    assert of_pieces(of, {"l0": 1}, DAYS).coupon_effect == "none"


def test_a_fee_is_never_more_than_the_cash() -> None:
    back = of_pieces(order([(1000, 1)]), {"l0": 1}, DAYS, fee=5000)
    assert (back.fee, back.legs_total, back.paid_part) == (1000, 0, 1000)


def test_shipping_that_is_kept_is_not_given_back_by_the_last_piece() -> None:
    of = order([(1000, 3)], shipping=100)
    first = of_pieces(of, {"l0": 1}, DAYS, keep_shipping=True)
    assert (first.paid_part, first.shipping_kept) == (1000, 33)
    rest = of_pieces(after(of, first), {"l0": 2}, DAYS, keep_shipping=True)
    assert (rest.paid_part, rest.shipping_kept) == (2000, 67)


def test_money_that_the_bank_took_back_is_not_refunded_and_the_lines_still_add_up() -> None:
    of = order([(1000, 1), (2000, 1)])
    of = replace(of, tenders=(replace(of.tenders[0], charged_back=1500),))
    back = of_pieces(of, {"l0": 1, "l1": 1}, DAYS)
    assert back.paid_part == back.legs_total == 1500
    assert [share.cash for share in back.shares] == [500, 1000]


def test_an_amount_is_spread_over_lines_by_what_they_can_give() -> None:
    back = of_amount(order([(1000, 1), (3000, 1)]), 1001, DAYS)
    assert [(share.line_id, share.qty, share.cash) for share in back.shares] == [("l0", 0, 250), ("l1", 0, 751)]
    assert (back.paid_part, back.legs_total, back.coupon_part) == (1001, 1001, 0)


@pytest.mark.parametrize("amount", [-1, 0, 1001])
def test_an_amount_that_is_not_there_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 1000"):
        of_amount(order([(1000, 1), (3000, 1)]), amount, DAYS, "l0")


@st.composite
def orders(draw: st.DrawFn) -> OrderView:
    lines = draw(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 5)), min_size=1, max_size=4))
    gross = sum(price * qty for price, qty in lines)
    coupon = draw(st.integers(0, gross))
    shipping = draw(st.integers(0, 5000))
    due = gross - coupon + shipping
    cuts = sorted(draw(st.lists(st.integers(0, due), max_size=2)))
    amounts = [part for part in (b - a for a, b in zip([0, *cuts], [*cuts, due], strict=True)) if part]
    methods = draw(st.permutations(["card", "balance", "paypal"]))
    rule = draw(st.sampled_from(["balance", "none", "restore_if_valid"]))
    return order(
        lines, list(zip(methods, amounts, strict=False)), coupon=coupon, shipping=shipping, coupon_on_refund=rule
    )


@given(orders(), st.data())
def test_successive_parts_add_up_to_the_whole(of: OrderView, data: st.DataObject) -> None:
    paid = sum(each.amount for each in of.tenders)
    fees = kept = credited = 0
    while any(everything(of).values()):
        left = {line_id: qty for line_id, qty in everything(of).items() if qty}
        pieces = {line_id: data.draw(st.integers(0, qty)) for line_id, qty in left.items()}
        if not any(pieces.values()):
            pieces = left
        keep = data.draw(st.booleans())
        back = of_pieces(of, pieces, DAYS, fee=data.draw(st.integers(0, 500)), keep_shipping=keep)
        assert back.legs_total + back.fee == back.paid_part == sum(share.cash for share in back.shares)
        of = after(of, back)
        fees, kept, credited = fees + back.fee, kept + back.shipping_kept, credited + back.coupon_credit
        assert all(each.returned <= each.amount for each in of.tenders)
    assert sum(each.returned for each in of.tenders) + fees + kept == paid
    assert all(line.refunded == line.paid_alloc and line.coupon_returned == line.coupon_alloc for line in of.lines)
    if of.policy.coupon_on_refund == "balance":
        assert credited == of.discount


def test_a_hundred_thousand_partial_refunds_over_several_tenders_sum_exactly() -> None:
    """JPY has no minor unit, KWD a thousand: the arithmetic knows neither and loses nothing in any."""
    chance = random.Random(20261124)
    done = 0
    while done < 100_000:
        currency, largest = chance.choice([("JPY", 90_000), ("USD", 40_000), ("EUR", 40_000), ("KWD", 150_000)])
        lines = [(chance.randint(1, largest), chance.randint(1, 4)) for _ in range(chance.randint(1, 3))]
        gross = sum(price * qty for price, qty in lines)
        coupon, shipping = chance.randint(0, gross // 3), chance.randint(0, 900)
        due = gross - coupon + shipping
        first, second = sorted((chance.randint(0, due), chance.randint(0, due)))
        ways = (("card", first), ("balance", second - first), ("paypal", due - second))
        of = order(lines, [way for way in ways if way[1]], coupon=coupon, shipping=shipping, currency=currency)
        done += _give_back_bit_by_bit(of, chance)


def _give_back_bit_by_bit(of: OrderView, chance: random.Random) -> int:
    steps, due, credit = 0, of.total_paid, 0
    while left := {line_id: qty for line_id, qty in everything(of).items() if qty}:
        line_id = chance.choice(sorted(left))
        back = of_pieces(of, {line_id: chance.randint(1, left[line_id])}, SAME_DAY)
        assert back.legs_total == back.paid_part == sum(share.cash for share in back.shares)
        of, credit, steps = after(of, back), credit + back.coupon_credit, steps + 1
    assert [each.returned for each in of.tenders] == [each.amount for each in of.tenders], of
    assert sum(each.returned for each in of.tenders) == due
    assert credit == of.discount
    return steps


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


STATES = ("created", "submitted", "processing", "requires_action", "succeeded", *LOST)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_whatever_a_provider_says_is_a_path_of_the_machine(state: str, event: str) -> None:
    path = leg_path(state, event, None, AT)
    for origin, to in zip((state, *path), path, strict=False):
        assert actor_of(origin, to) in LEG_MACHINE[(origin, to)]
    assert path == () or path[-1] == event
    if state in LOST or state == event:
        assert path == ()


@pytest.mark.parametrize(
    ("state", "event", "moved"),
    [("requires_action", "processing", "processing"), ("processing", "requires_action", "requires_action")],
)
def test_between_waiting_for_the_bank_and_for_the_buyer_the_newer_event_counts(
    state: str, event: str, moved: str
) -> None:
    second = timedelta(seconds=1)
    assert leg_path(state, event, AT, AT - second) == ()
    assert leg_path(state, event, AT, AT) == ()
    assert leg_path(state, event, AT, AT + second) == (moved,)


def test_a_final_event_counts_even_when_it_overtook_the_others() -> None:
    assert leg_path("submitted", "reversed", None, AT) == ("succeeded", "reversed")
    assert leg_path("succeeded", "processing", AT, AT - timedelta(hours=1)) == ()


def facts(**values: object) -> RefundFacts:
    given_values = {"currency": "EUR", "legs": (LegFact(4499, "succeeded", True),), "captured": 4499, **values}
    return RefundFacts(**given_values)  # type: ignore[arg-type]


def codes(expected: int, of: RefundFacts) -> tuple[bool, dict[str, int], int]:
    found = explain_difference(Money(expected, "EUR"), of)
    return found.explained, {code: money.amount_minor for code, money in found.lines}, found.unexplained.amount_minor


@pytest.mark.parametrize(
    ("expected", "of", "lines"),
    [
        (4499, facts(), {}),
        (5999, facts(coupon_balance=1500), {"coupon_balance": 1500}),
        (5999, facts(coupon_lost=1500), {"coupon_lost": 1500}),
        (5999, facts(coupon_restored=1500), {"coupon_restored": 1500}),
        (4999, facts(fee=500), {"fee": 500}),
        (4898, facts(shipping_kept=399), {"shipping_kept": 399}),
        (5600, facts(coupon_balance=1500, shipping_back=399), {"coupon_balance": 1500, "shipping_back": -399}),
        (5499, facts(legs=(LegFact(4499, "succeeded", True), LegFact(1000, "succeeded", False))), {"other_tender": 1000}),
        (4499, facts(legs=(LegFact(4499, "processing", True),)), {"on_the_way": 4499}),
        (4499, facts(legs=(LegFact(4499, "failed", True),)), {"failed": 4499}),
        (4499, facts(legs=(LegFact(4499, "reversed", True),)), {"reversed": 4499}),
        (4499, facts(legs=(LegFact(4499, "requires_action", True),)), {"needs_details": 4499}),
        (6999, facts(not_refunded=2500), {"not_refunded": 2500}),
        (7499, facts(not_refunded=2500, not_refunded_coupon=500), {"not_refunded": 2500, "not_refunded_coupon": 500}),
        (5499, facts(charged_back=1000), {"charged_back": 1000}),
    ],
)  # fmt: skip
def test_a_difference_is_explained_line_by_line(expected: int, of: RefundFacts, lines: dict[str, int]) -> None:
    assert codes(expected, of) == (True, lines, 0)


def test_what_has_no_explanation_is_said_to_have_none() -> None:
    assert codes(6500, facts(fee=500)) == (False, {"fee": 500}, 1501)
    assert codes(4000, facts(fee=500)) == (False, {}, -499)


def test_two_currencies_are_not_subtracted() -> None:
    of = facts(presentment=Money(4870, "USD"))
    found = explain_difference(Money(4870, "USD"), of)
    assert (found.explained, found.lines) == (True, (("other_currency", Money(4499, "EUR")),))
    other = explain_difference(Money(4900, "USD"), of)
    assert (other.explained, other.unexplained) == (False, Money(4900, "USD"))


_AMOUNT = st.integers(0, 400)
_FACTS = st.builds(
    RefundFacts,
    currency=st.just("EUR"),
    legs=st.lists(st.builds(LegFact, st.integers(1, 400), st.sampled_from(STATES), st.booleans()), max_size=3).map(tuple),
    **{
        name: _AMOUNT
        for name in (
            "fee", "shipping_kept", "shipping_back", "coupon_balance", "coupon_restored", "coupon_lost", "not_refunded",
            "not_refunded_coupon", "charged_back",
        )
    },
)  # fmt: skip


@given(st.integers(0, 3000), _FACTS)
def test_lines_and_what_is_left_are_the_whole_difference(expected: int, of: RefundFacts) -> None:
    found = explain_difference(Money(expected, "EUR"), of)
    lines = sum(money.amount_minor for _, money in found.lines)
    assert lines + found.unexplained.amount_minor == expected - of.actual
    assert found.explained == (found.unexplained.amount_minor == 0)


@given(_FACTS, st.data())
def test_any_part_of_the_truth_is_an_explanation(of: RefundFacts, data: st.DataObject) -> None:
    parts: Mapping[str, int] = {
        "fee": of.fee, "shipping_kept": of.shipping_kept, "coupon_balance": of.coupon_balance, "coupon_lost": of.coupon_lost
    }  # fmt: skip
    chosen = data.draw(st.sets(st.sampled_from(sorted(parts))))
    expected = of.actual + sum(parts[name] for name in chosen)
    assert explain_difference(Money(expected, "EUR"), of).explained
