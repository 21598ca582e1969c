"""What the shop itself does to an order before a buyer asks about it: checkout, payment, parcels, providers' answers.

Recourse reads such rows; in production the shop's own systems write them. Here they are written with the same machines
and the same log as everywhere, so that every amount adds up and every history can be replayed. Amounts are minor units,
times aware UTC, and nothing commits.
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
from recourse.orders.models import CouponUse, Order, OrderGroup, OrderLine, Payment, PaymentAlloc, Shipment
from recourse.orders.rules import COUPON_MACHINE, ORDER_MACHINE, PAYMENT_MACHINE
from recourse.refunds.models import RefundLeg, WalletEntry
from recourse.refunds.rules import LEG_MACHINE
from recourse.sellers.rules import Policy

PAY_WITHIN = timedelta(days=3)
REVIEW_WITHIN = timedelta(hours=24)
SHIP_WITHIN = timedelta(days=6)

_SYSTEM, _PSP, _WORKER = Actor("system"), Actor("psp"), Actor("worker")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a basket; ``unit_price`` in minor units."""

    sku: str
    title: str
    unit_price: int
    qty: int = 1


@dataclass(frozen=True, slots=True)
class Voucher:
    """A coupon that takes ``amount`` off the goods."""

    code: str
    amount: int
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """What a buyer pays with: a means of payment and how much of it."""

    method: str
    instrument: str
    amount: int


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
    voucher: Voucher | None = None,
    scenario: str | None = None,
    group: OrderGroup | None = None,
) -> Order:
    """Check out a basket of one seller: an order that awaits payment. ``group``: the checkout it belongs to, if shared.

    The policy must be stored already; it is frozen into the order. The coupon's value and the shipping are shared over the
    lines in proportion to their price (largest remainder).
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
        group_id=group.id,
        customer_id=customer_id,
        seller_id=seller_id,
        state="awaiting_payment",
        currency=currency,
        gross=sum(prices),
        discount=off,
        shipping=shipping,
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
            unit_price=item.unit_price, coupon_alloc=coupon_part, shipping_alloc=shipping_part,
        )
        for position, (item, coupon_part, shipping_part) in enumerate(
            zip(items, split(off, prices), split(shipping, prices), strict=True), start=1
        )
    ]  # fmt: skip
    session.add(order)
    session.flush()
    created(session, order, ORDER_MACHINE, Actor("buyer", customer_id), at)
    if voucher:
        _reserve(session, order, voucher, at)
    return order


def due(order: Order) -> int:
    """What the order costs the buyer, paid or not."""
    return order.gross - order.discount + order.shipping


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
        change_state(session, order, "payment_review", ORDER_MACHINE, _PSP, at, review_by=at + REVIEW_WITHIN)
    return payments


def capture(session: Session, orders: Sequence[Order], payments: Sequence[Payment], at: datetime) -> None:
    """Take the money (review passed, or none needed): the orders wait for the seller, their coupons are used."""
    for payment in payments:
        change_state(session, payment, "captured", PAYMENT_MACHINE, _PSP, at, captured=payment.authorised)
    for order in orders:
        change_state(session, order, "to_ship", ORDER_MACHINE, _PSP, at, paid_at=at, ship_by=at + SHIP_WITHIN)
        for coupon in order.coupons:
            change_state(session, coupon, "used", COUPON_MACHINE, _SYSTEM, at)


def pay(session: Session, orders: Sequence[Order], given: Sequence[Given], at: datetime) -> list[Payment]:
    """Pay at once, without a review."""
    payments = transfer(session, orders, given, at)
    _authorise(session, orders, payments, at)
    capture(session, orders, payments, at)
    return payments


def ship_part(session: Session, order: Order, lines: int, carrier: str, tracking: str, at: datetime) -> None:
    """Send the first ``lines`` lines of an order."""
    change_state(session, order, "partially_shipped", ORDER_MACHINE, Actor("seller", order.seller_id), at)
    for line in order.lines[:lines]:
        line.qty_shipped = line.qty
    session.add(
        Shipment(
            order_id=order.id, carrier=carrier, tracking=tracking, shipped_at=at, promised_by=at + timedelta(days=7)
        )
    )


def deliver(session: Session, order: Order, at: datetime) -> None:
    """The carrier hands over every parcel."""
    change_state(session, order, "delivered", ORDER_MACHINE, Actor("carrier"), at, delivered_at=at)
    session.refresh(order, ["shipments"])
    for parcel in order.shipments:
        parcel.delivered_at = at


def complete(session: Session, order: Order, at: datetime) -> None:
    """The buyer said nothing against a delivered order: it is taken as received."""
    change_state(session, order, "completed", ORDER_MACHINE, Actor("timer"), at, "auto-confirmed", completed_at=at)


def advance_leg(
    session: Session, leg: RefundLeg, to: str, at: datetime, *, reference: str | None = None, failure: str | None = None
) -> None:
    """A created refund leg is sent and the provider answers: ``to`` is submitted, processing, succeeded or failed.

    Its steps are an hour apart and end at ``at``. Money that comes back to the balance is entered in the wallet.
    """
    change_state(session, leg, "submitted", LEG_MACHINE, _WORKER, at - timedelta(hours=2))
    if to == "submitted":
        return
    if to == "processing" or leg.method != "balance":
        change_state(session, leg, "processing", LEG_MACHINE, _PSP, at - timedelta(hours=1))
    if to == "processing":
        return
    change_state(
        session, leg, to, LEG_MACHINE, _PSP, at, failure, reference=reference, failure_reason=failure, settled_at=at
    )
    if to == "succeeded" and leg.method == "balance":
        customer_id = session.get_one(OrderGroup, session.get_one(Payment, leg.payment_id).group_id).customer_id
        credit(session, customer_id, leg.amount, leg.currency, "refund", "refund_leg", leg.id, at)


def credit(
    session: Session, customer_id: str, amount: int, currency: str, kind: str, source: str, source_id: str, at: datetime
) -> None:
    """One line in the buyer's wallet; a negative ``amount`` takes money out."""
    session.add(
        WalletEntry(
            customer_id=customer_id, amount=amount, currency=currency, kind=kind, source_type=source, source_id=source_id,
            at=at,
        )
    )  # fmt: skip


def _reserve(session: Session, order: Order, voucher: Voucher, at: datetime) -> None:
    coupon = CouponUse(
        id=new_id(), order_id=order.id, code=voucher.code, amount=voucher.amount, state="reserved",
        valid_until=voucher.valid_until,
    )  # fmt: skip
    order.coupons.append(coupon)
    created(session, coupon, COUPON_MACHINE, _SYSTEM, at)


def _authorise(session: Session, orders: Sequence[Order], payments: Sequence[Payment], at: datetime) -> None:
    for payment in payments:
        change_state(session, payment, "authorised", PAYMENT_MACHINE, _PSP, at)
        if payment.method == "balance":
            customer_id = orders[0].customer_id
            credit(session, customer_id, -payment.authorised, payment.currency, "spend", "payment", payment.id, at)
    for order in orders:
        order.total_paid = due(order)
        for line in order.lines:
            line.paid_alloc = line.unit_price * line.qty - line.coupon_alloc + line.shipping_alloc


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
