"""Reading an order together with its cancellation and its refund, in a few queries whatever the number of orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.cancellations.rules import NO, Rule, can_cancel
from recourse.cancellations.service import RequestView
from recourse.core.errors import NotFound
from recourse.core.money import Money
from recourse.core.transitions import log_of
from recourse.orders import service as orders
from recourse.orders.rules import OrderView, projection
from recourse.refunds import service as refunds
from recourse.refunds.service import RefundView

CANCELLABLE = ("awaiting_payment", "payment_review", "to_ship")
"""Statuses in which a cancellation can begin; the verdict itself comes from ``cancellations.rules``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One order, its latest cancellation request and its latest refund, read in one moment."""

    order: OrderView
    request: RequestView | None
    refund: RefundView | None

    @property
    def pending(self) -> bool:
        """Is the seller's answer to a request awaited?"""
        return self.request is not None and self.request.state == "pending_seller"

    @property
    def label(self) -> str:
        """Key of what the buyer sees as the status."""
        return projection(self.order.state, self.order.frozen, self.pending)

    @property
    def verdict(self) -> Rule:
        """May it be cancelled?"""
        return can_cancel(self.order.state, self.order.frozen, self.pending)


def cases(session: Session, views: Sequence[OrderView], now: datetime) -> list[Case]:
    """``views`` with what hangs on them, in the same order."""
    ids = [view.id for view in views]
    requests = cancellations.latest_of(session, ids) if ids else {}
    granted = refunds.of_orders(session, ids, now.date()) if ids else {}
    return [Case(view, requests.get(view.id), granted.get(view.id)) for view in views]


def case(session: Session, customer_id: str, number: str, now: datetime) -> Case:
    """The buyer's own order ``number`` with what hangs on it. Raises NotFound."""
    return cases(session, [orders.get_own(session, customer_id, number)], now)[0]


def page(session: Session, customer_id: str, now: datetime, limit: int, offset: int = 0) -> tuple[list[Case], int]:
    """A page of the buyer's orders, newest first, and how many there are."""
    views = orders.list_for(session, customer_id, limit=limit, offset=offset)
    return cases(session, views, now), orders.count_for(session, customer_id)


def cancellable(session: Session, customer_id: str, now: datetime, limit: int = 50) -> list[Case]:
    """The buyer's newest orders that can be cancelled now."""
    views = orders.list_for(session, customer_id, CANCELLABLE, limit=limit)
    return [item for item in cases(session, views, now) if item.verdict.kind != NO]


def with_refund(session: Session, customer_id: str, now: datetime, limit: int = 50) -> list[Case]:
    """The buyer's newest orders for which a refund is on record."""
    views = orders.list_for(session, customer_id, limit=200)
    having = refunds.orders_with_refund(session, [view.id for view in views])
    return cases(session, [view for view in views if view.id in having][:limit], now)


def of_request(session: Session, request_id: str, now: datetime) -> Case:
    """The case that a cancellation request belongs to. Raises NotFound."""
    request = cancellations.get(session, request_id)
    return cases(session, [orders.get_by_id(session, request.order_id)], now)[0]


def operator_list(
    session: Session, now: datetime, buyer: str | None, states: Sequence[str], scenario: str | None
) -> list[dict[str, Any]]:
    """All orders in short, as plain JSON values: for ``recourse orders list``."""
    return [_brief(item) for item in cases(session, orders.everything(session, buyer, states, scenario), now)]


def operator_view(session: Session, number: str, now: datetime) -> dict[str, Any]:
    """One order in full, as plain JSON values: for ``recourse orders show``. Raises NotFound."""
    view = orders.get_by_number(session, number)
    item = cases(session, [view], now)[0]
    requests = cancellations.all_of(session, view.id)
    moves = [(view.id, "order")] + [(request.id, "cancellation_request") for request in requests]
    return {
        **_brief(item),
        "seller": view.seller,
        "placed_at": _iso(view.placed_at),
        "paid_at": _iso(view.paid_at),
        "ship_by": _iso(view.ship_by),
        "shipped_at": _iso(view.shipped_at),
        "delivered_at": _iso(view.delivered_at),
        "cancelled_at": _iso(view.cancelled_at),
        "close_reason": view.close_reason,
        "frozen": view.frozen,
        "policy": view.policy.to_json(),
        "lines": [
            {"title": line.title, "qty": line.qty, "unit_price": _money(view.money(line.unit_price))} for line in view.lines
        ],
        "payments": [
            {"method": t.method, "instrument": t.instrument, "amount": _money(view.money(t.amount)), "captured": t.captured}
            for t in view.tenders
        ],
        "coupons": [{"code": c.code, "amount": _money(view.money(c.amount)), "state": c.state} for c in view.coupons],
        "shipments": [
            {"carrier": p.carrier, "tracking": p.tracking, "shipped_at": _iso(p.shipped_at)} for p in view.parcels
        ],
        "cancellation_requests": [_request(request) for request in requests],
        "refunds": [_refund(granted) for granted in refunds.all_of(session, view.id, now.date())],
        "transitions": [
            {"entity": kind, "id": row_id, "from": row.from_state, "to": row.to_state, "actor": row.actor_type,
             "reason": row.reason, "at": _iso(row.at)}
            for row_id, kind in moves
            for row in log_of(session, row_id)
        ],
    }  # fmt: skip


def request_ref(session: Session, reference: str) -> str:
    """The id of the cancellation request that an operator means: its id, or the order number of an open one.

    Raises NotFound.
    """
    if not reference.upper().startswith("RC-"):
        return cancellations.get(session, reference).id
    view = orders.get_by_number(session, reference.upper())
    open_ones = [request for request in cancellations.all_of(session, view.id) if request.state == "pending_seller"]
    if not open_ones:
        raise NotFound(f"order {view.number} has no open cancellation request")
    return open_ones[0].id


def _brief(item: Case) -> dict[str, Any]:
    view = item.order
    return {
        "number": view.number,
        "buyer": view.customer_id,
        "status": view.state,
        "scenario": view.scenario,
        "cancellation": item.request.state if item.request else None,
        "title": view.title,
        "total": _money(view.total),
    }


def _request(request: RequestView) -> dict[str, Any]:
    return {
        "id": request.id,
        "state": request.state,
        "reason": request.reason_code,
        "note": request.note,
        "requested_at": _iso(request.requested_at),
        "respond_by": _iso(request.respond_by),
        "decided_by": request.decided_by,
        "decided_at": _iso(request.decided_at),
        "reject_reason": request.reject_reason,
        "proof_tracking": request.proof_tracking,
    }


def _refund(granted: RefundView) -> dict[str, Any]:
    return {
        "id": granted.id,
        "cause": granted.cause_type,
        "cause_id": granted.cause_id,
        "accepted_at": _iso(granted.accepted_at),
        "fee": _money(granted.fee),
        "legs_total": _money(granted.legs_total),
        "coupon_credit": _money(granted.coupon_credit),
        "legs": [
            {
                "id": leg.id,
                "method": leg.method,
                "instrument": leg.instrument,
                "amount": _money(leg.amount),
                "state": leg.state,
                "expected_from": leg.expected_from.isoformat(),
                "expected_to": leg.expected_to.isoformat(),
                "reference": leg.reference,
                "overdue": leg.overdue,
            }
            for leg in granted.legs
        ],
    }


def _money(money: Money) -> dict[str, Any]:
    return {"amount_minor": money.amount_minor, "currency": money.currency}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
