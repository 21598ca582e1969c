"""How an order comes into the store and what the shop's own systems do to it: checkout, payment, parcels, receipt.

Everything is written with the machines and the log, so that every amount adds up and every history can be replayed.
Amounts are minor units, times aware UTC, and nothing commits. Whole orders with a past come in through ``arrivals``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recourse.core.db import new_id
from recourse.core.errors import InvalidInput
from recourse.core.money import split
from recourse.core.transitions import Actor, change_state, created
from recourse.orders import deadlines, search
from recourse.orders.models import (
    CouponUse,
    Order,
    OrderGroup,
    OrderLine,
    OrderTerm,
    Payment,
    PaymentAlloc,
    Shipment,
    ShipmentLine,
)
from recourse.orders.rules import COUPON_MACHINE, ORDER_MACHINE, PAYMENT_MACHINE
from recourse.sellers import service as sellers
from recourse.sellers.rules import Policy

PAY_WITHIN = timedelta(days=3)
"""How long an order waits for its payment before it ends, unless the shop says otherwise."""

_SYSTEM, _PSP = Actor("system"), Actor("psp")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a basket; ``unit_price`` in minor units. ``withdrawal_exempt``: made to order, sealed and the like."""

    sku: str
    title: str
    unit_price: int
    qty: int = 1
    withdrawal_exempt: bool = False


@dataclass(frozen=True, slots=True)
class Voucher:
    """A coupon that takes ``amount`` off the goods. ``kind``: platform, seller, promo or coins."""

    code: str
    amount: int
    valid_until: datetime
    kind: str = "platform"


@dataclass(frozen=True, slots=True)
class Given:
    """What a buyer pays with: a means of payment and how much of it."""

    method: str
    instrument: str
    amount: int


@dataclass(frozen=True, slots=True)
class Shares:
    """What one line has of an order's coupons, shipping and tax, and what it costs with all of that."""

    coupon: int
    shipping: int
    tax: int
    cost: int


def shares(prices: Sequence[int], discount: int, shipping: int, tax: int) -> list[Shares]:
    """Spread coupons, shipping and tax of an order over its lines, in proportion to their ``prices`` (largest remainder).

    Goods that cost nothing carry equal parts of shipping and tax. Raises InvalidInput for a discount above the price.
    """
    if discount > sum(prices):
        raise InvalidInput(f"the coupons take {discount} minor units off goods that cost {sum(prices)}")
    weights = prices if any(prices) else [1] * len(prices)
    parts = zip(prices, *(split(total, weights) for total in (discount, shipping, tax)), strict=True)
    return [Shares(coupon, ship, levy, price - coupon + ship + levy) for price, coupon, ship, levy in parts]


def place(
    session: Session,
    *,
    number: str,
    customer_id: str,
    seller_id: str,
    policy: Policy,
    currency: str,
    items: Sequence[Item],
    at: datetime,
    shipping: int = 0,
    tax: int = 0,
    voucher: Voucher | None = None,
    scenario: str | None = None,
    group: OrderGroup | None = None,
    external_id: str | None = None,
) -> Order:
    """Check out a basket of one seller: an order that awaits payment. ``group``: the checkout it belongs to, if shared.

    The policy must be stored already; it is frozen into the order. Coupon, shipping and ``tax`` (what is added to the
    prices, 0 where they include it) are shared over the lines in proportion to their price (largest remainder).
    """
    if group is None:
        group = OrderGroup(id=new_id(), customer_id=customer_id, currency=currency, placed_at=at)
        session.add(group)
        session.flush()
    prices = [item.unit_price * item.qty for item in items]
    off = voucher.amount if voucher else 0
    order = Order(
        id=new_id(),
        number=number,
        external_id=external_id,
        group_id=group.id,
        customer_id=customer_id,
        seller_id=seller_id,
        state="awaiting_payment",
        currency=currency,
        gross=sum(prices),
        discount=off,
        shipping=shipping,
        tax=tax,
        total_paid=0,
        policy_id=policy.id,
        policy_snapshot=policy.to_json(),
        placed_at=at,
        pay_by=at + PAY_WITHIN,
        scenario=scenario,
        created_at=at,
        updated_at=at,
    )
    order.lines = [
        OrderLine(
            id=new_id(), order_id=order.id, position=position, sku=item.sku, title=item.title, qty=item.qty,
            unit_price=item.unit_price, coupon_alloc=share.coupon, shipping_alloc=share.shipping, tax_alloc=share.tax,
            withdrawal_exempt=item.withdrawal_exempt,
        )
        for position, (item, share) in enumerate(zip(items, shares(prices, off, shipping, tax), strict=True), start=1)
    ]  # fmt: skip
    session.add(order)
    session.flush()
    created(session, order, ORDER_MACHINE, Actor("buyer", customer_id), at)
    if voucher:
        _reserve(session, order, voucher, at)
    name = sellers.names(session, [seller_id])[seller_id]
    for term in sorted(search.terms([item.title for item in items], name)):
        session.add(OrderTerm(customer_id=customer_id, term=term, order_id=order.id))
    session.flush()
    return order


def due(order: Order) -> int:
    """What the order costs the buyer, paid or not."""
    return order.gross - order.discount + order.shipping + order.tax


def transfer(session: Session, orders: Sequence[Order], given: Sequence[Given], at: datetime) -> list[Payment]:
    """Announce payments that are still on their way, such as a bank transfer. Raises InvalidInput unless they add up."""
    whole = sum(due(order) for order in orders)
    if sum(tender.amount for tender in given) != whole or any(tender.amount <= 0 for tender in given):
        raise InvalidInput(f"the payments must add up to {whole} minor units, each of them positive")
    payments = []
    for rank, tender in enumerate(given):
        payment = Payment(
            id=new_id(),
            group_id=orders[0].group_id,
            method=tender.method,
            instrument=tender.instrument,
            currency=orders[0].currency,
            authorised=tender.amount,
            captured=0,
            state="pending",
            tender_rank=rank,
        )
        session.add(payment)
        created(session, payment, PAYMENT_MACHINE, _SYSTEM, at)
        payments.append(payment)
    session.flush()
    _allocate(session, orders, payments)
    return payments


def authorise(session: Session, orders: Sequence[Order], given: Sequence[Given], at: datetime) -> list[Payment]:
    """Reserve the money at the providers and put the orders under payment review for a day."""
    payments = transfer(session, orders, given, at)
    _authorise(session, orders, payments, at)
    for order in orders:
        review_by = at + deadlines.REVIEW_WITHIN
        change_state(session, order, "payment_review", ORDER_MACHINE, _PSP, at, review_by=review_by)
    return payments


def capture(session: Session, orders: Sequence[Order], payments: Sequence[Payment], at: datetime) -> None:
    """Take the money (review passed, or none needed): the orders wait for the seller, their coupons are used."""
    for payment in payments:
        change_state(session, payment, "captured", PAYMENT_MACHINE, _PSP, at, captured=payment.authorised)
    for order in orders:
        ship_by = deadlines.ship_deadline(at, Policy.from_json(order.policy_snapshot))
        change_state(session, order, "to_ship", ORDER_MACHINE, _PSP, at, paid_at=at, ship_by=ship_by)
        for coupon in order.coupons:
            change_state(session, coupon, "used", COUPON_MACHINE, _SYSTEM, at)


def pay(session: Session, orders: Sequence[Order], given: Sequence[Given], at: datetime) -> list[Payment]:
    """Pay at once, without a review."""
    payments = transfer(session, orders, given, at)
    _authorise(session, orders, payments, at)
    capture(session, orders, payments, at)
    return payments


def ship_part(session: Session, order: Order, lines: int, carrier: str, tracking: str, at: datetime) -> None:
    """Send the first ``lines`` lines of an order; the rest follows later."""
    change_state(session, order, "partially_shipped", ORDER_MACHINE, Actor("seller", order.seller_id), at)
    parcel = Shipment(
        id=new_id(), order_id=order.id, carrier=carrier, tracking=tracking, shipped_at=at,
        promised_by=at + timedelta(days=7),
    )  # fmt: skip
    session.add(parcel)
    session.flush()
    for line in order.lines[:lines]:
        line.qty_shipped = line.qty
        session.add(ShipmentLine(shipment_id=parcel.id, line_id=line.id, qty=line.qty))
    session.flush()


def deliver(session: Session, order: Order, at: datetime) -> None:
    """The carrier hands over every parcel."""
    until = deadlines.protection_after_delivery(at, Policy.from_json(order.policy_snapshot))
    change_state(session, order, "delivered", ORDER_MACHINE, Actor("carrier"), at, delivered_at=at, protect_until=until)
    session.refresh(order, ["shipments"])
    for parcel in order.shipments:
        parcel.delivered_at, parcel.state = at, "delivered"
    session.flush()


def complete(session: Session, order: Order, at: datetime) -> None:
    """The buyer said nothing against a delivered order: it is taken as received."""
    change_state(session, order, "completed", ORDER_MACHINE, Actor("timer"), at, "auto-confirmed", completed_at=at)


def _reserve(session: Session, order: Order, voucher: Voucher, at: datetime) -> None:
    coupon = CouponUse(
        id=new_id(), order_id=order.id, code=voucher.code, amount=voucher.amount, kind=voucher.kind, state="reserved",
        valid_until=voucher.valid_until,
    )  # fmt: skip
    order.coupons.append(coupon)
    created(session, coupon, COUPON_MACHINE, _SYSTEM, at)


def _authorise(session: Session, orders: Sequence[Order], payments: Sequence[Payment], at: datetime) -> None:
    for payment in payments:
        change_state(session, payment, "authorised", PAYMENT_MACHINE, _PSP, at)
    for order in orders:
        order.total_paid = due(order)
        for line in order.lines:
            line.paid_alloc = line.unit_price * line.qty - line.coupon_alloc + line.shipping_alloc + line.tax_alloc


def _allocate(session: Session, orders: Sequence[Order], payments: Sequence[Payment]) -> None:
    """Cover the orders one after the other from the payments in their order; both sides add up exactly."""
    open_of = {order.id: due(order) for order in orders}
    for payment in payments:
        left = payment.authorised
        for order in orders:
            part = min(left, open_of[order.id])
            if part:
                session.add(PaymentAlloc(payment_id=payment.id, order_id=order.id, amount=part))
                left -= part
                open_of[order.id] -= part
    session.flush()
    for order in orders:
        session.refresh(order, ["allocations"])
