"""Granting and reading refunds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from recourse.core.errors import NotAllowed
from recourse.core.money import Money
from recourse.demo import shop
from recourse.demo.shop import Item
from recourse.orders import service as orders
from recourse.refunds import service as refunds
from recourse.refunds.models import Refund, RefundLeg, WalletEntry
from recourse.refunds.rules import Days, of_amount
from recourse.refunds.service import RefundView
from tests.unit.world import BALANCE, BUYER, CARD, World


def refund_of(world: World, number: str, later: timedelta = timedelta()) -> RefundView | None:
    order = world.see(number)
    with world.reading() as session:
        return refunds.of_orders(session, [order.id], (world.now + later).date()).get(order.id)


def cancelled(world: World, **order: object) -> str:
    number = world.order(**order)  # type: ignore[arg-type]
    world.approve(world.ask(number))
    return number


def test_a_refund_has_one_leg_a_tender_in_the_order_they_were_given(world: World) -> None:
    number = cancelled(world, ways=(CARD, BALANCE), shares=(1500,))
    refund = refund_of(world, number)
    assert refund is not None
    assert [(leg.instrument, leg.amount, leg.state) for leg in refund.legs] == [
        ("Visa ending 4242", Money(1500, "EUR"), "created"),
        ("your shop balance", Money(1000, "EUR"), "created"),
    ]
    assert refund.legs_total == Money(2500, "EUR")
    assert refund.fee == Money(0, "EUR")
    assert refund.accepted_at == world.now
    assert not refund.overdue


def test_a_used_coupon_goes_to_the_wallet_once(world: World) -> None:
    number = cancelled(world, coupon=500)
    refund = refund_of(world, number)
    assert refund is not None
    assert (refund.legs_total, refund.coupon_credit) == (Money(2000, "EUR"), Money(500, "EUR"))
    with world.reading() as session:
        (entry,) = session.scalars(select(WalletEntry)).all()
    assert (entry.customer_id, entry.amount, entry.kind, entry.source_id) == (BUYER, 500, "coupon_value", refund.id)


def test_a_coupon_that_paid_for_everything_leaves_a_refund_without_legs(world: World) -> None:
    number = cancelled(world, coupon=2500, ways=())
    refund = refund_of(world, number)
    assert refund is not None
    assert refund.legs == ()
    assert refund.coupon_credit == Money(2500, "EUR")


def test_a_refund_becomes_overdue_after_its_last_day(world: World) -> None:
    number = cancelled(world)
    fresh, late = refund_of(world, number), refund_of(world, number, timedelta(days=40))
    assert fresh is not None and not fresh.overdue
    assert late is not None and late.overdue


def goodwill(world: World, number: str, amount: int, cause_id: str) -> str | None:
    days = Days({}, world.now.date(), world.now.date())
    with world.transaction() as session:
        order = orders.get_by_id(session, world.see(number).id, lock=True)
        return refunds.grant(session, order, "goodwill", cause_id, of_amount(order, amount, days), world.now)


def test_one_cause_has_one_refund(world: World) -> None:
    number = world.order()
    goodwill(world, number, 100, "case-1")
    with pytest.raises(IntegrityError):
        goodwill(world, number, 100, "case-1")


def test_an_order_may_have_several_refunds_and_the_latest_is_told(world: World) -> None:
    number = world.order()
    made = []
    for step in range(3):
        made.append(goodwill(world, number, 100 + step, f"case-{step}"))
        world.now += timedelta(minutes=1)
    order = world.see(number)
    with world.reading() as session:
        (found,) = refunds.of_orders_all(session, [order.id, "other"], world.now.date()).values()
        assert [each.id for each in found] == made
        assert refunds.of_orders(session, [order.id], world.now.date())[order.id].id == made[-1]
    assert order.tenders[0].returned == 100 + 101 + 102
    assert [(line.qty, line.paid, line.coupon) for line in found[0].lines] == [(0, Money(100, "EUR"), Money(0, "EUR"))]


def test_nothing_is_granted_while_the_bank_disputes_the_payment(world: World) -> None:
    number = world.order()
    world.set_order(number, issue="chargeback", frozen=True, frozen_reason="chargeback")
    world.exempt = {30}  # no chargeback is on record
    with pytest.raises(NotAllowed, match="bank dispute"):
        goodwill(world, number, 100, "case-1")
    assert world.refunds(number) == []


def test_nothing_paid_means_no_refund_row(world: World) -> None:
    number = world.order("awaiting_payment")
    world.cancel(number)
    assert refund_of(world, number) is None
    with world.reading() as session:
        assert session.scalar(select(func.count()).select_from(Refund)) == 0


def test_several_orders_are_read_at_once(world: World) -> None:
    first, second, third = cancelled(world), cancelled(world), world.order()
    ids = [world.see(number).id for number in (first, second, third)]
    with world.reading() as session:
        assert set(refunds.of_orders(session, ids, world.now.date())) == set(ids[:2])
        assert refunds.orders_with_refund(session, ids) == set(ids[:2])
        assert refunds.of_orders(session, [], world.now.date()) == {}


def test_ranges_come_from_the_table(world: World) -> None:
    with world.reading() as session:
        assert refunds.ranges(session)["card"] == (3, 20)


def test_a_leg_that_arrived_shows_its_reference_and_credits_the_balance(world: World) -> None:
    number = cancelled(world, items=(Item("LAMP", "Desk lamp", 9000),), ways=(CARD, BALANCE), shares=(6000,))
    with world.transaction() as session:
        card, balance = session.scalars(select(RefundLeg).order_by(RefundLeg.rank)).all()
        shop.advance_leg(session, card, "failed", world.now, failure="expired_or_canceled_card")
        shop.advance_leg(session, balance, "succeeded", world.now, reference="R-77")
    refund = refund_of(world, number)
    assert refund is not None
    assert [(leg.state, leg.failure_reason, leg.reference) for leg in refund.legs] == [
        ("failed", "expired_or_canceled_card", None),
        ("succeeded", None, "R-77"),
    ]
    assert all(leg.settled_at == world.now for leg in refund.legs)
    with world.reading() as session:
        assert session.scalar(select(func.sum(WalletEntry.amount))) == 3000


def test_amounts_of_any_currency_fit(world: World) -> None:
    """64 bits: a house in rupiah, in hundredths."""
    number = cancelled(world, items=(Item("HOUSE", "Garden house", 95_000_000_000),), currency="IDR")
    assert world.see(number).total_paid == 95_000_000_000
    with world.reading() as session:
        order = orders.get_by_number(session, number)
        assert (
            refunds.of_orders(session, [order.id], world.now.date())[order.id].legs_total.amount_minor == 95_000_000_000
        )
