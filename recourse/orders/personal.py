"""A buyer's orders and payments, to export and to erase. What the law keeps stays: goods, amounts, dates, parcels."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.core.personal import Matter
from recourse.orders.models import (
    Order,
    OrderGroup,
    OrderTerm,
    Payment,
    PaymentAlloc,
    Shipment,
)

_BEFORE_SHIPMENT = ("awaiting_payment", "payment_review", "to_ship", "partially_shipped")
_PROTECTED = ("shipped", "delivered")


def numbers(session: Session, customer_id: str) -> dict[str, str]:
    """Order id -> order number of all the buyer's orders."""
    rows = session.execute(select(Order.id, Order.number).where(Order.customer_id == customer_id).order_by(Order.id))
    return {row.id: row.number for row in rows}


def lock_all(session: Session, customer_id: str) -> list[str]:
    """Lock all the buyer's orders, always in the same sequence, and return their ids: first of all locks, as everywhere."""
    query = (
        select(Order.id)
        .where(Order.customer_id == customer_id)
        .order_by(Order.id)
        .with_for_update(of=Order, key_share=True)
    )
    return list(session.scalars(query))


def payments(session: Session, customer_id: str) -> dict[str, list[str]]:
    """Payment id -> ids of the orders that it pays for."""
    rows = session.execute(
        select(PaymentAlloc.payment_id, PaymentAlloc.order_id)
        .join(Order, Order.id == PaymentAlloc.order_id)
        .where(Order.customer_id == customer_id)
        .order_by(PaymentAlloc.payment_id, PaymentAlloc.order_id)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.payment_id, []).append(row.order_id)
    return found


def sellers(session: Session, customer_id: str) -> dict[str, datetime]:
    """Seller id -> when the buyer first ordered there."""
    rows = session.execute(
        select(Order.seller_id, func.min(Order.placed_at).label("first"))
        .where(Order.customer_id == customer_id)
        .group_by(Order.seller_id)
    )
    return {row.seller_id: row.first for row in rows}


def newest(session: Session, customer_id: str) -> datetime | None:
    """When the buyer's last order was placed."""
    return session.scalars(
        select(Order.placed_at).where(Order.customer_id == customer_id).order_by(Order.placed_at.desc()).limit(1)
    ).first()


def open_matters(session: Session, customer_id: str, now: datetime) -> list[Matter]:
    """Orders that are not over: unpaid, unsent or on the way, delivered but inside the protection, or on hold."""
    rows = session.execute(
        select(Order.id, Order.state, Order.protect_until, Order.frozen)
        .where(Order.customer_id == customer_id)
        .order_by(Order.placed_at, Order.id)
    )
    return [
        Matter("order", row.id, row.id)
        for row in rows
        if row.frozen
        or row.state in _BEFORE_SHIPMENT
        or (row.state in _PROTECTED and (row.protect_until is None or now < row.protect_until))
    ]


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Forget search words, what carriers wrote, instruments and reasons in people's own words; returns how many rows.

    ``keep``: ids of orders that are left alone, because something about them is open.
    """
    gone = [order_id for order_id in numbers(session, customer_id) if order_id not in keep]
    kept_payments = {
        payment for payment, ids in payments(session, customer_id).items() if not set(ids).isdisjoint(keep)
    }
    changed = 0
    for some in personal.chunks(gone):
        changed += personal.delete_rows(session, OrderTerm, OrderTerm.order_id.in_(some))
        changed += _erase_scans(session, some)
    spent = [each for each in _payment_ids(session, customer_id) if each not in kept_payments]
    for some in personal.chunks(spent):
        for payment in session.scalars(
            select(Payment).where(Payment.id.in_(some), Payment.instrument != Payment.method)
        ):
            payment.instrument = payment.method
            changed += 1
    session.flush()
    return changed + personal.forget_reasons(session, [*gone, *spent])


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Checkouts, orders, lines, payments, coupons and parcels, oldest first."""
    ids = list(numbers(session, customer_id))
    groups = session.scalars(
        select(OrderGroup).where(OrderGroup.customer_id == customer_id).order_by(OrderGroup.placed_at, OrderGroup.id)
    )
    made = personal.table("order_group", personal.plains(groups, "id currency placed_at"))
    rows = session.scalars(
        select(Order).where(Order.customer_id == customer_id).order_by(Order.placed_at, Order.number)
    ).all()
    for row in rows:
        made += personal.table("orders", [personal.plain(row, _ORDER)])
        made += personal.table("order_line", personal.plains(row.lines, _LINE))
        made += personal.table("coupon_use", personal.plains(row.coupons, _COUPON))
        made += personal.table("shipment", personal.plains(row.shipments, _SHIPMENT))
        made += personal.table(
            "payment_alloc", personal.plains(row.allocations, "payment_id order_id amount refunded charged_back")
        )
    paid = [
        row
        for some in personal.chunks(_payment_ids(session, customer_id))
        for row in session.scalars(select(Payment).where(Payment.id.in_(some)).order_by(Payment.id))
    ]
    made += personal.table("payment", personal.plains(paid, _PAYMENT))
    logged = [*ids, *(row.id for row in paid), *(coupon.id for row in rows for coupon in row.coupons)]
    return made + personal.table("history", personal.history(session, logged))


_ORDER = (
    "id number group_id seller_id state frozen currency issue gross discount shipping tax total_paid placed_at pay_by "
    "ship_by protect_until paid_at shipped_at delivered_at completed_at cancelled_at close_reason external_id"
)
_LINE = (
    "id order_id position sku title qty unit_price coupon_alloc shipping_alloc tax_alloc paid_alloc qty_cancelled "
    "qty_shipped qty_returned qty_refunded refunded coupon_returned withdrawal_exempt"
)
_COUPON = "id order_id code kind amount returned state valid_until"
_SHIPMENT = "id order_id carrier tracking state shipped_at promised_by delivered_at events"
_PAYMENT = (
    "id group_id method instrument currency authorised captured voided state presentment_currency presentment_amount"
)


def _payment_ids(session: Session, customer_id: str) -> list[str]:
    query = select(Payment.id).join(OrderGroup, OrderGroup.id == Payment.group_id)
    return list(session.scalars(query.where(OrderGroup.customer_id == customer_id).order_by(Payment.id)))


def _erase_scans(session: Session, order_ids: list[str]) -> int:
    """Of a carrier's scans keep when and what; its words may name a neighbour."""
    changed = 0
    for parcel in session.scalars(select(Shipment).where(Shipment.order_id.in_(order_ids))):
        bare = [{"at": scan.get("at"), "state": scan.get("state")} for scan in parcel.events]
        if bare != parcel.events:
            parcel.events = bare
            changed += 1
    session.flush()
    return changed
