"""Payments of a checkout, for the parts that talk to payment providers. A payment may pay for several orders (invariant 22)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from recourse.core.errors import NotFound
from recourse.core.money import split
from recourse.core.transitions import Actor, change_state
from recourse.orders.models import OrderGroup, Payment, PaymentAlloc
from recourse.orders.rules import PAYMENT_MACHINE
from recourse.orders.service import get_by_id, touch

_PSP = Actor("psp")


@dataclass(frozen=True, slots=True)
class PaymentView:
    """One tender of a checkout; amounts in minor units of ``currency``.

    ``reference``: the name that the provider knows it by. ``order_ids``: what it pays for, sorted. ``presentment_*``: what the
    buyer's bank shows, where that is another currency.
    """

    id: str
    customer_id: str
    method: str
    instrument: str
    currency: str
    authorised: int
    captured: int
    state: str
    psp: str
    reference: str
    order_ids: tuple[str, ...]
    presentment_currency: str | None
    presentment_amount: int | None


def get(session: Session, payment_id: str) -> PaymentView:
    """One payment. Raises NotFound."""
    row = session.get(Payment, payment_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no payment {payment_id}")
    return _view(session, row)


def by_reference(session: Session, reference: str) -> PaymentView | None:
    """The payment that the provider calls ``reference``; our own id where it was never told another name."""
    row = session.scalars(
        select(Payment).where(or_(Payment.psp_ref == reference, Payment.id == reference)).limit(1)
    ).one_or_none()
    return _view(session, row) if row else None


def lock_orders(session: Session, payment_id: str) -> tuple[str, ...]:
    """Lock every order that the payment pays for, always in the order of their ids, and return these ids."""
    ids = _orders_of(session, payment_id)
    for order_id in ids:
        get_by_id(session, order_id, lock=True)
    return ids


def part_of(session: Session, payment_id: str, order_id: str) -> int:
    """How much of a payment pays for one order, in minor units. Raises NotFound."""
    row = session.get(PaymentAlloc, (payment_id, order_id))
    if row is None:
        raise NotFound(f"payment {payment_id} does not pay for order {order_id}")
    return row.amount


def mark_captured(session: Session, payment_id: str, at: datetime) -> bool:
    """The provider has taken the money: what was authorised, less what was let go before. The orders must be locked.

    What the buyer paid from the balance in the same checkout is taken with it. False where the payment has ended meanwhile;
    a repeat changes nothing and is True.
    """
    row = session.get_one(Payment, payment_id, populate_existing=True, with_for_update=True)
    if row.state not in ("pending", "authorised", "captured"):
        return False
    others = select(Payment).where(
        Payment.group_id == row.group_id, Payment.method == "balance", Payment.state == "authorised"
    )
    for each in [row, *session.scalars(others.order_by(Payment.id))]:
        if each.state == "pending":
            change_state(session, each, "authorised", PAYMENT_MACHINE, _PSP, at)
        if each.state == "authorised":
            taken = each.authorised - each.voided
            change_state(session, each, "captured", PAYMENT_MACHINE, _PSP, at, captured=taken)
    return True


def mark_failed(session: Session, payment_id: str, at: datetime, reason: str | None) -> None:
    """The provider could not reserve or take the money. Does nothing where the payment has ended or was taken."""
    row = session.get_one(Payment, payment_id, populate_existing=True, with_for_update=True)
    if row.state in ("pending", "authorised"):
        change_state(session, row, "failed", PAYMENT_MACHINE, _PSP, at, reason)


def take_back(session: Session, payment_id: str, amount: int) -> int:
    """The buyer's bank has taken ``amount`` of a payment back for good: that part can no longer be refunded.

    It is shared over the orders in proportion to what each could still give back. Returns what was still there to take: the
    rest had been refunded before, and is lost twice. The orders must be locked.
    """
    rows = session.scalars(
        select(PaymentAlloc)
        .where(PaymentAlloc.payment_id == payment_id, PaymentAlloc.voided.is_(False))
        .order_by(PaymentAlloc.order_id)
        .execution_options(populate_existing=True)
    ).all()
    left = [row.amount - row.refunded - row.charged_back for row in rows]
    taken = min(amount, sum(left))
    for row, part in zip(rows, split(taken, left), strict=True):
        row.charged_back += part
    session.flush()
    for row in rows:
        touch(session, row.order_id)
    return taken


def _orders_of(session: Session, payment_id: str) -> tuple[str, ...]:
    query = select(PaymentAlloc.order_id).where(PaymentAlloc.payment_id == payment_id).order_by(PaymentAlloc.order_id)
    return tuple(session.scalars(query))


def _view(session: Session, row: Payment) -> PaymentView:
    return PaymentView(
        id=row.id,
        customer_id=session.get_one(OrderGroup, row.group_id).customer_id,
        method=row.method,
        instrument=row.instrument,
        currency=row.currency,
        authorised=row.authorised,
        captured=row.captured,
        state=row.state,
        psp=row.psp,
        reference=row.psp_ref or row.id,
        order_ids=_orders_of(session, row.id),
        presentment_currency=row.presentment_currency,
        presentment_amount=row.presentment_amount,
    )
