"""Money of cancellations: successive parts add up to what was paid, and reserved money is let go part by part."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from recourse.cancellations.service import PAYMENT_VOID
from recourse.core.outbox import Outbox
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.orders.models import Order, Payment, PaymentAlloc
from recourse.refunds.models import WalletEntry
from tests.unit.world import BALANCE, BUYER, CARD, WALLET, World

WAYS = (CARD, BALANCE, WALLET)


def test_the_example_of_the_domain(world: World) -> None:
    """Lines 49.99 and 25.00, a coupon of 15.00 split 10.00 and 5.00, paid 40.00 by card and 19.99 from the balance."""
    number = world.order(
        items=(Item("LAMP", "Lamp", 4999), Item("MUG", "Mug", 2500)), coupon=1500, ways=(CARD, BALANCE), shares=(4000,)
    )
    world.approve(world.ask(number, pieces=world.lines(number, LAMP=1)))
    (refund,) = world.refunds(number)
    assert [(leg.method, leg.amount.amount_minor) for leg in refund.legs] == [("card", 2666), ("balance", 1333)]
    assert refund.coupon_credit.amount_minor == 1000
    world.approve(world.ask(number))
    rest = world.refunds(number)[-1]
    assert [(leg.method, leg.amount.amount_minor) for leg in rest.legs] == [("card", 1334), ("balance", 666)]
    assert rest.coupon_credit.amount_minor == 500
    assert [coupon.state for coupon in world.see(number).coupons] == ["converted_to_balance"]


@st.composite
def baskets(draw: st.DrawFn) -> tuple[tuple[Item, ...], int, int, tuple[int, ...]]:
    """Items, coupon, shipping, and what each but the last of one to three tenders pays."""
    items = tuple(
        Item(f"S{i}", f"Thing {i}", draw(st.integers(1, 9999)), draw(st.integers(1, 5)))
        for i in range(draw(st.integers(1, 4)))
    )
    gross = sum(item.unit_price * item.qty for item in items)
    coupon, shipping = draw(st.integers(0, gross - 1)), draw(st.integers(0, 900))
    due = gross - coupon + shipping
    cuts = sorted(draw(st.lists(st.integers(1, due - 1), max_size=2, unique=True))) if due > 1 else []
    return items, coupon, shipping, tuple(b - a for a, b in zip([0, *cuts], cuts, strict=False))


@given(basket=baskets(), data=st.data())
def test_parts_one_after_the_other_give_back_exactly_what_was_paid(
    world: World, basket: tuple[tuple[Item, ...], int, int, tuple[int, ...]], data: st.DataObject
) -> None:
    items, coupon, shipping, shares = basket
    world.clear()
    number = world.order(
        items=items, coupon=coupon, shipping=shipping, ways=WAYS[: len(shares) + 1], shares=shares
    )  # fmt: skip
    whole = world.see(number)
    while world.see(number).state == "to_ship":
        unsent = world.see(number).unsent
        pieces = {line: data.draw(st.integers(0, qty)) for line, qty in unsent.items()}
        pieces = {line: qty for line, qty in pieces.items() if qty} or unsent
        world.now += timedelta(minutes=1)
        world.approve(world.ask(number, pieces=pieces))
    granted = world.refunds(number)
    back = dict.fromkeys((tender.method for tender in whole.tenders), 0)
    for leg in (leg for refund in granted for leg in refund.legs):
        back[leg.method] += leg.amount.amount_minor
    assert back == {tender.method: tender.amount for tender in whole.tenders}
    assert sum(refund.coupon_credit.amount_minor for refund in granted) == coupon
    assert all(line.refunded == line.paid_alloc for line in world.see(number).lines)


# --- reserved money


def test_reserved_balance_is_back_and_the_provider_is_told_of_the_rest(world: World) -> None:
    number = world.order("payment_review", ways=(CARD, BALANCE), shares=(1200,))
    assert wallet(world) == 0
    world.cancel(number)
    assert wallet(world) == 1300
    assert voids(world) == [(world.see(number).id, "card")]


def test_of_a_shared_reservation_each_order_lets_go_of_its_own_part(world: World) -> None:
    first, second = world.order("awaiting_payment"), world.order("awaiting_payment")
    with world.transaction() as session:
        shop.credit(session, BUYER, 4000, "EUR", "adjustment", "gift_card", "g", world.now)
        rows = [session.scalars(select(Order).where(Order.number == number)).one() for number in (first, second)]
        rows[1].group_id = rows[0].group_id
        shop.authorise(session, rows, [Given(*BALANCE, 4000), Given(*CARD, 1000)], world.now)
    world.cancel(first)
    assert (wallet(world), voids(world)) == (2500, [])
    world.cancel(second)
    assert (wallet(world), voids(world)) == (4000, [(world.see(second).id, "card")])
    with world.reading() as session:
        assert set(session.scalars(select(Payment.state))) == {"voided"}
        assert all(session.scalars(select(PaymentAlloc.voided)))


def wallet(world: World) -> int:
    with world.reading() as session:
        return sum(session.scalars(select(WalletEntry.amount)))


def voids(world: World) -> list[tuple[str, str]]:
    """(order id, method) of what providers are told to let go."""
    with world.reading() as session:
        rows = session.scalars(select(Outbox).where(Outbox.topic == PAYMENT_VOID))
        return [(row.payload["order_id"], session.get_one(Payment, row.payload["payment_id"]).method) for row in rows]
