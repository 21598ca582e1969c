"""Rows of orders as the value that rules and replies read: everything of one order, read in one moment."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from recourse.orders.models import Order
from recourse.orders.rules import Coupon, Line, OrderView, Parcel, Tender
from recourse.sellers import service as sellers
from recourse.sellers.rules import Policy


def of_rows(session: Session, rows: Sequence[Order]) -> list[OrderView]:
    """The orders in ``rows``, in the same order; their sellers' names come in one query."""
    named = sellers.names(session, [row.seller_id for row in rows]) if rows else {}
    return [_view(row, named[row.seller_id]) for row in rows]


def _view(row: Order, seller: str) -> OrderView:
    lines = (
        Line(
            line.id, line.title, line.sku, line.qty, line.unit_price, line.paid_alloc, line.coupon_alloc,
            line.shipping_alloc, line.qty_cancelled, line.qty_shipped, line.qty_returned, line.qty_refunded, line.refunded,
            line.coupon_returned, line.withdrawal_exempt,
        )
        for line in row.lines
    )  # fmt: skip
    tenders = sorted(row.allocations, key=lambda alloc: alloc.payment.tender_rank)
    return OrderView(
        id=row.id,
        number=row.number,
        version=row.version,
        group_id=row.group_id,
        customer_id=row.customer_id,
        seller_id=row.seller_id,
        seller=seller,
        state=row.state,
        frozen=row.frozen,
        frozen_reason=row.frozen_reason,
        currency=row.currency,
        total_paid=row.total_paid,
        gross=row.gross,
        discount=row.discount,
        shipping=row.shipping,
        policy=Policy.from_json(row.policy_snapshot),
        placed_at=row.placed_at,
        pay_by=row.pay_by,
        review_by=row.review_by,
        ship_by=row.ship_by,
        paid_at=row.paid_at,
        shipped_at=row.shipped_at,
        delivered_at=row.delivered_at,
        completed_at=row.completed_at,
        cancelled_at=row.cancelled_at,
        close_reason=row.close_reason,
        scenario=row.scenario,
        lines=tuple(lines),
        tenders=tuple(
            Tender(
                a.payment_id,
                a.payment.method,
                a.payment.instrument,
                a.amount,
                a.payment.captured > 0,
                a.amount < a.payment.authorised,
                a.voided,
                a.refunded,
                a.charged_back,
            )
            for a in tenders
        ),
        coupons=tuple(Coupon(c.id, c.code, c.amount, c.state, c.valid_until, c.kind, c.returned) for c in row.coupons),
        parcels=tuple(
            Parcel(
                p.carrier,
                p.tracking,
                p.shipped_at,
                p.promised_by,
                p.delivered_at,
                p.id,
                p.state,
                tuple((each.line_id, each.qty) for each in p.lines),
            )
            for p in row.shipments
        ),
        issue=row.issue,
        tax=row.tax,
        protect_until=row.protect_until,
        external_id=row.external_id,
    )
