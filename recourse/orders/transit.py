"""Orders on their way: payment that arrives, parcels and what carriers say of them, and which orders have a deadline.

The decisions are in ``recourse/fulfilment``; this page reads and writes the tables for them. Nothing here commits, times are
aware UTC, and whoever writes has locked the order before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import merge

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session, lazyload

from recourse.core.transitions import Actor, change_state
from recourse.orders import deadlines
from recourse.orders import service as orders
from recourse.orders.models import CouponUse, Order, Shipment
from recourse.orders.rules import COUPON_MACHINE, OrderView

_DEADLINES = (
    (Order.pay_by, "orders.status = 'awaiting_payment'"),
    (Order.review_by, "orders.status = 'payment_review'"),
    (Order.ship_by, "orders.status IN ('to_ship', 'partially_shipped')"),
    (Order.protect_until, "orders.status IN ('shipped', 'delivered')"),
)
"""Deadline columns with the condition of their partial indexes, word for word: otherwise the index is not used."""


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of orders with a deadline that is over at ``now``, the longest overdue first.

    Orders on hold are left out, and sent ones that a dispute or a return owns: no timer moves them (invariant 30).
    """
    found = [[(at, order_id) for at, order_id in session.execute(query)] for _, query in due_queries(now, limit)]
    return [order_id for _, order_id in merge(*found)][:limit]


def due_queries(now: datetime, limit: int) -> list[tuple[str, Select[datetime | None, str]]]:
    """The name of each deadline column, and the query for the (deadline, order id) pairs that are due by it, oldest first."""
    queries = []
    for column, condition in _DEADLINES:
        query = select(column, Order.id).where(text(condition), column <= now, Order.frozen.is_(False))
        if column is Order.protect_until:
            query = query.where(Order.issue.is_(None))
        queries.append((column.key, query.order_by(column).limit(limit)))
    return queries


def mark_paid(session: Session, order: OrderView, actor: Actor, at: datetime, ship_by: datetime) -> None:
    """All money of ``order`` was taken: the seller has until ``ship_by``, and its coupons are used."""
    book_price(session, order)
    orders.move(session, order.id, "to_ship", actor, at, "paid", paid_at=at, ship_by=ship_by)
    for coupon in session.scalars(select(CouponUse).where(CouponUse.order_id == order.id)):
        if coupon.state == "reserved":
            change_state(session, coupon, "used", COUPON_MACHINE, Actor("system"), at)


def book_price(session: Session, order: OrderView) -> None:
    """Money of ``order`` has come, even if not all of it: write what its lines cost, so that it can be given back."""
    if order.total_paid:
        return
    row = session.get_one(Order, order.id)
    row.total_paid = order.total.amount_minor
    for line in row.lines:
        line.paid_alloc = line.unit_price * line.qty - line.coupon_alloc + line.shipping_alloc + line.tax_alloc
    session.flush()


def all_sent(session: Session, order_id: str, actor: Actor, at: datetime, reason: str) -> None:
    """Nothing of a partly sent order is left to send: it is shipped, and delivered where its parcels have arrived already.

    For whoever cancels the rest: ``actor`` is the timer, or the system after a cancellation request. Where all its parcels
    are lost, its protection ends at once, so that the timer gives the money back.
    """
    order = orders.get_by_id(session, order_id, lock=True)
    sent_at = max(parcel.shipped_at for parcel in order.parcels)
    until = deadlines.protection_after_sending(sent_at, [parcel.promised_by for parcel in order.parcels])
    if deadlines.all_gone(order.parcels):
        until = at
    orders.move(session, order_id, "shipped", actor, at, reason, shipped_at=sent_at, protect_until=until)
    if deadlines.all_delivered(order.parcels):
        arrived = max(parcel.delivered_at or at for parcel in order.parcels)
        mark_delivered(session, order, Actor("carrier"), arrived, at)


def mark_delivered(session: Session, order: OrderView, actor: Actor, delivered_at: datetime, at: datetime) -> None:
    """``order`` has arrived at ``delivered_at``, as we learn at ``at``; from then on the dispute window runs."""
    until = deadlines.protection_after_delivery(delivered_at, order.policy)
    orders.move(
        session, order.id, "delivered", actor, at, "all parcels delivered" if actor.type == "carrier" else "confirmed",
        delivered_at=delivered_at, protect_until=until,
    )  # fmt: skip


def end_protection(session: Session, order_id: str, at: datetime) -> None:
    """Let the timer look at a sent order from ``at`` on: its parcels are gone, and nothing is left to wait for."""
    row = session.scalars(select(Order).where(Order.id == order_id).options(lazyload("*"))).one()
    row.protect_until = min(at, row.protect_until or at)
    session.flush()


def orders_with_parcel(session: Session, tracking: str, carrier: str | None = None) -> list[str]:
    """Ids of the orders that have a parcel with this number, in the order in which to lock them.

    A seller may send several orders of one buyer in one parcel.
    """
    query = select(Shipment.order_id).where(Shipment.tracking == tracking)
    if carrier:
        query = query.where(Shipment.carrier == carrier)
    return sorted(set(session.scalars(query)))


def note_scan(
    session: Session, order_id: str, tracking: str, carrier: str | None, scan: Mapping[str, str], at: datetime
) -> bool:
    """Add one carrier's ``scan`` ({"at", "state", "text"}, ``at`` as ISO text) to a parcel; False when it is there already.

    Scans are kept in the order in which they happened, whenever they come in.
    """
    query = select(Shipment).where(Shipment.order_id == order_id, Shipment.tracking == tracking)
    news = False
    for parcel in session.scalars(query.execution_options(populate_existing=True)):
        if (carrier and parcel.carrier != carrier) or scan in parcel.events:
            continue
        news = True
        parcel.events = sorted([*parcel.events, dict(scan)], key=lambda each: datetime.fromisoformat(each["at"]))
        before, parcel.state = parcel.state, deadlines.parcel_state(parcel.state, scan["state"])
        if before != parcel.state == "delivered":
            parcel.delivered_at = at
    session.flush()
    return news
