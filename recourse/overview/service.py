"""Reading an order together with its cancellation and its refund, in a few queries whatever the number of orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.cancellations.rules import NO, Rule, can_cancel
from recourse.cancellations.service import RequestView
from recourse.core.errors import NotFound
from recourse.core.money import Money
from recourse.core.transitions import log_of
from recourse.disputes import views as disputes
from recourse.disputes.views import DisputeView
from recourse.messages import offers
from recourse.messages import service as messages
from recourse.messages.offers import OfferView
from recourse.orders import service as orders
from recourse.orders.rules import OrderView, projection
from recourse.refunds import service as refunds
from recourse.refunds.service import RefundView
from recourse.returns import views as returns
from recourse.returns.views import ReturnView

CANCELLABLE = ("awaiting_payment", "payment_review", "to_ship", "partially_shipped", "shipped")
"""Statuses in which a cancellation can begin; the verdict itself comes from ``cancellations.rules``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One order with what hangs on it, read in one moment: its latest cancellation request and its refunds (``refund`` is the
    latest of ``refunds``). ``verdict``: may it be cancelled?"""

    order: OrderView
    request: RequestView | None
    refund: RefundView | None
    verdict: Rule
    refunds: tuple[RefundView, ...] = ()

    @property
    def pending(self) -> bool:
        """Is the seller's answer to a request awaited?"""
        return self.request is not None and self.request.state == "pending_seller"

    @property
    def label(self) -> str:
        """Key of what the buyer sees as the status."""
        return projection(self.order.state, self.order.frozen, self.pending, self.order.issue)


def cases(session: Session, views: Sequence[OrderView], now: datetime) -> list[Case]:
    """``views`` with what hangs on them, in the same order."""
    ids = [view.id for view in views]
    requests = cancellations.latest_of(session, ids) if ids else {}
    made = cancellations.requests_made(session, ids) if ids else {}
    granted = refunds.of_orders_all(session, ids, now.date()) if ids else {}
    found = []
    for view in views:
        request = requests.get(view.id)
        is_open = request is not None and request.open
        verdict = can_cancel(view, now, request_open=is_open, earlier_requests=made.get(view.id, 0))
        given = tuple(granted.get(view.id, ()))
        found.append(Case(view, request, given[-1] if given else None, verdict, given))
    return found


def case(session: Session, customer_id: str, number: str, now: datetime) -> Case:
    """The buyer's own order ``number`` with what hangs on it. Raises NotFound."""
    return cases(session, [orders.get_own(session, customer_id, number)], now)[0]


def page(session: Session, customer_id: str, now: datetime, limit: int, offset: int = 0) -> tuple[list[Case], int]:
    """A page of the buyer's orders, newest first, and how many there are."""
    views = orders.list_for(session, customer_id, limit=limit, offset=offset)
    return cases(session, views, now), orders.count_for(session, customer_id)


def cancellable(session: Session, customer_id: str, now: datetime, limit: int = 50) -> list[Case]:
    """The buyer's newest orders that can be cancelled now."""
    views = orders.list_for(session, customer_id, CANCELLABLE, limit=200)
    return [item for item in cases(session, views, now) if item.verdict.kind != NO][:limit]


def with_refund(session: Session, customer_id: str, now: datetime, limit: int = 50) -> list[Case]:
    """The buyer's newest orders for which a refund is on record."""
    views = orders.list_for(session, customer_id, limit=200)
    having = refunds.orders_with_refund(session, [view.id for view in views])
    return cases(session, [view for view in views if view.id in having][:limit], now)


def of_order(session: Session, order_id: str, now: datetime) -> Case:
    """The case of an order, whoever owns it: for notices, which name the order by its id. Raises NotFound."""
    return cases(session, [orders.get_by_id(session, order_id)], now)[0]


def of_request(session: Session, request_id: str, now: datetime) -> Case:
    """The case that a cancellation request belongs to, with that request and its own refund. Raises NotFound."""
    request = cancellations.get(session, request_id)
    item = cases(session, [orders.get_by_id(session, request.order_id)], now)[0]
    granted = {refund.cause_id: refund for refund in refunds.all_of(session, request.order_id, now.date())}
    return replace(item, request=request, refund=granted.get(request.id))


def operator_list(
    session: Session,
    now: datetime,
    buyer: str | None,
    states: Sequence[str],
    scenario: str | None,
    limit: int | None = None,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Orders in short, as plain JSON values, ``limit`` at most, behind the order ``after``: for ``recourse orders list``."""
    found = orders.everything(session, buyer, states, scenario, limit, after)
    return [_brief(item) for item in cases(session, found, now)]


def operator_view(session: Session, number: str, now: datetime) -> dict[str, Any]:
    """One order in full, as plain JSON values: for ``recourse orders show``. Raises NotFound."""
    view = orders.get_by_number(session, number)
    item = cases(session, [view], now)[0]
    requests = cancellations.all_of(session, view.id)
    claims, backs = disputes.of_order(session, view.id), returns.of_order(session, view.id)
    granted = refunds.all_of(session, view.id, now.date())
    moves = [(view.id, "order")] + [(request.id, "cancellation_request") for request in requests]
    moves += [(leg.id, "refund_leg") for refund in granted for leg in refund.attempts or refund.legs]
    moves += [(claim.id, "dispute") for claim in claims] + [(back.id, "return_request") for back in backs]
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
        "frozen_reason": view.frozen_reason,
        "issue": view.issue,
        "external_id": view.external_id,
        "protect_until": _iso(view.protect_until),
        "policy": view.policy.to_json(),
        "lines": [
            {
                "title": line.title, "sku": line.sku, "qty": line.qty, "unit_price": _money(view.money(line.unit_price)),
                "cancelled": line.qty_cancelled, "shipped": line.qty_shipped, "returned": line.qty_returned,
                "refunded": _money(view.money(line.refunded)),
            }
            for line in view.lines
        ],
        "payments": [
            {"method": t.method, "instrument": t.instrument, "amount": _money(view.money(t.amount)), "captured": t.captured}
            for t in view.tenders
        ],
        "coupons": [{"code": c.code, "amount": _money(view.money(c.amount)), "state": c.state} for c in view.coupons],
        "shipments": [
            {"carrier": p.carrier, "tracking": p.tracking, "state": p.state, "shipped_at": _iso(p.shipped_at)}
            for p in view.parcels
        ],
        "cancellation_requests": [_request(request) for request in requests],
        "refunds": [_refund(each) for each in granted],
        "disputes": [_dispute(claim) for claim in claims],
        "returns": [_return(back) for back in backs],
        "offers": [_offer(offer) for offer in offers.all_of(session, view.id)],
        "messages": [
            {"author": message.author, "text": message.text, "sent_at": _iso(message.sent_at)}
            for message in messages.thread(session, view.id)
        ],
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


def _dispute(claim: DisputeView) -> dict[str, Any]:
    return {
        "id": claim.id,
        "title": claim.title,
        "state": claim.state,
        "reason": claim.reason_code,
        "wanted": claim.wanted,
        "amount": _money(claim.amount),
        "opened_at": _iso(claim.opened_at),
        "respond_by": _iso(claim.respond_by),
        "negotiate_by": _iso(claim.negotiate_by),
        "ship_back_by": _iso(claim.ship_back_by),
        "outcome": claim.outcome,
        "outcome_amount": _money(claim.outcome_amount) if claim.outcome_amount else None,
        "decided_by": claim.decided_by,
    }


def _return(back: ReturnView) -> dict[str, Any]:
    return {
        "id": back.id,
        "kind": back.kind,
        "state": back.state,
        "requested_at": _iso(back.requested_at),
        "ship_back_by": _iso(back.ship_back_by),
        "tracking": back.tracking,
    }


def _offer(offer: OfferView) -> dict[str, Any]:
    return {
        "id": offer.id,
        "state": offer.state,
        "amount": _money(offer.amount),
        "text": offer.text,
        "open_until": _iso(offer.open_until),
    }


def _money(money: Money) -> dict[str, Any]:
    return {"amount_minor": money.amount_minor, "currency": money.currency}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
