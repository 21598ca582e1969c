"""Whole orders as they stand, read back in the form in which they could be brought in (``arrivals``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from recourse.core.transitions import TransitionLog
from recourse.orders.arrivals import (
    BALANCE,
    Arrival,
    ArrivedCoupon,
    ArrivedLine,
    ArrivedParcel,
    ArrivedPayment,
    in_rank,
)
from recourse.orders.models import CouponUse, Order, OrderGroup, PaymentAlloc, Shipment
from recourse.sellers.rules import Policy


def find(session: Session, external_ids: Sequence[str], numbers: Sequence[str]) -> dict[str, str]:
    """The shop's id -> id of the order that the store has for it.

    ``numbers``: also orders with these numbers that have no id of the shop's; they are found by their number.
    """
    query = select(Order.id, Order.external_id, Order.number).where(
        or_(
            Order.external_id.in_(external_ids),
            and_(Order.number.in_(numbers), Order.external_id.is_(None)),
        )
    )
    return {row.external_id or row.number: row.id for row in session.execute(query)}


def read(session: Session, order_ids: Sequence[str]) -> dict[str, Arrival]:
    """Order id -> the order as it stands, in the form in which it could be brought in; a few queries for any number.

    An order without an id of the shop's has its number for one. Checkouts and payments that several orders share have our
    ids where the shop gave none, so that they can be put together again.
    """
    rows = session.scalars(select(Order).where(Order.id.in_(order_ids)).execution_options(populate_existing=True)).all()
    groups = _checkouts(session, {row.group_id for row in rows})
    closed = _closed(session, [row.id for row in rows if row.state == "closed"])
    return {row.id: _read(row, groups[row.group_id], closed.get(row.id)) for row in rows}


def _checkouts(session: Session, group_ids: Collection[str]) -> dict[str, str | None]:
    """Id of a checkout -> what the shop calls it; ours where it has several orders and the shop no name for it."""
    query = (
        select(OrderGroup.id, OrderGroup.external_id, func.count(Order.id).label("orders"))
        .join(Order, Order.group_id == OrderGroup.id)
        .where(OrderGroup.id.in_(group_ids))
        .group_by(OrderGroup.id, OrderGroup.external_id)
    )
    return {row.id: row.external_id or (row.id if row.orders > 1 else None) for row in session.execute(query)}


def _closed(session: Session, order_ids: Collection[str]) -> dict[str, datetime]:
    """When orders were closed, which only the log knows."""
    query = select(TransitionLog.entity_id, TransitionLog.at).where(
        TransitionLog.entity_type == Order.__tablename__,
        TransitionLog.entity_id.in_(order_ids),
        TransitionLog.to_state == "closed",
    )
    return {row.entity_id: row.at for row in session.execute(query)} if order_ids else {}


def _read(row: Order, group: str | None, closed_at: datetime | None) -> Arrival:
    places = {line.id: line.position for line in row.lines}
    return Arrival(
        external_id=row.external_id or row.number,
        customer_id=row.customer_id,
        seller_id=row.seller_id,
        currency=row.currency,
        status=row.state,
        placed_at=row.placed_at,
        lines=tuple(
            ArrivedLine(
                line.sku, line.title, line.qty, line.unit_price, line.withdrawal_exempt, line.qty_cancelled,
                line.qty_returned, line.qty_refunded, line.refunded, line.coupon_returned,
            )
            for line in row.lines
        ),
        policy=Policy.from_json(row.policy_snapshot),
        policy_id=row.policy_id,
        number=row.number,
        group=group,
        coupons=tuple(
            ArrivedCoupon(each.code, each.amount, each.kind, each.valid_until, each.state, each.returned)
            for each in sorted(row.coupons, key=lambda each: (each.code, each.id))
        ),
        payments=tuple(_read_payment(each) for each in in_rank(row.allocations)),
        parcels=tuple(
            ArrivedParcel(
                each.carrier, each.tracking, each.shipped_at,
                tuple(sorted((places[piece.line_id], piece.qty) for piece in each.lines)),
                each.state, each.promised_by, each.delivered_at, tuple(each.events),
            )
            for each in sorted(row.shipments, key=lambda each: (each.shipped_at, each.tracking))
        ),
        shipping=row.shipping,
        tax=row.tax,
        pay_by=row.pay_by,
        review_by=row.review_by,
        paid_at=row.paid_at,
        ship_by=row.ship_by,
        delivered_at=row.delivered_at,
        completed_at=row.completed_at,
        cancelled_at=row.cancelled_at,
        closed_at=closed_at,
        protect_until=row.protect_until,
        close_reason=row.close_reason,
        on_hold=row.frozen_reason,
    )  # fmt: skip


def _read_payment(alloc: PaymentAlloc) -> ArrivedPayment:
    payment = alloc.payment
    shared = alloc.amount < payment.authorised
    shown = payment.presentment_amount
    if shown is not None and shared:
        shown = shown * alloc.amount // payment.authorised
    return ArrivedPayment(
        method=payment.method,
        instrument=payment.instrument,
        amount=alloc.amount,
        state="voided" if alloc.voided else payment.state,
        psp=payment.psp,
        psp_ref=None if payment.method == BALANCE else payment.psp_ref or (payment.id if shared else None),
        presentment_currency=payment.presentment_currency,
        presentment_amount=shown,
        returned=alloc.refunded,
    )


def reached(session: Session, order_id: str) -> set[str]:
    """Every status that the order has been in."""
    query = select(TransitionLog.to_state).where(
        TransitionLog.entity_type == Order.__tablename__, TransitionLog.entity_id == order_id
    )
    return set(session.scalars(query))


def widest(session: Session) -> dict[str, int]:
    """How many payments, coupons and parcels an order has at most: for formats that need to know beforehand."""
    owners = {"payments": PaymentAlloc.order_id, "coupons": CouponUse.order_id, "shipments": Shipment.order_id}
    found = {}
    for name, owner in owners.items():
        counts = select(func.count().label("n")).group_by(owner).select_from(owner.table).subquery()
        found[name] = session.scalar(select(func.max(counts.c.n))) or 0
    return found
