"""What must come of a deed, worked out from the domain's tables and not by the code under test (domain C1, 3.4 and 3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recourse.cancellations.requests import RequestView
from recourse.orders.rules import OrderView


def may_cancel(order: OrderView, now: datetime, pending: bool, earlier: int) -> str:
    """The verdict on cancelling: instant, request, intercept or no."""
    if order.frozen or order.issue or pending:
        return "no"
    if order.state in ("awaiting_payment", "payment_review"):
        return "instant"
    used_up = order.policy.max_requests_per_order is not None and earlier >= order.policy.max_requests_per_order
    late = order.ship_by is not None and now >= order.ship_by
    if order.state == "to_ship":
        return "no" if late or used_up else "request"
    if order.state == "partially_shipped":
        return "no" if late or used_up or not order.policy.partial_cancel else "request"
    if order.state == "shipped" and order.policy.after_shipment == "ask_seller" and not used_up:
        arrived = any(parcel.state == "delivered" for parcel in order.parcels)
        return "no" if arrived else "intercept"
    return "no"


def owner(request: RequestView, now: datetime) -> str:
    """Who decides a request at ``now``: seller, timer, platform, or nobody any more (invariant 16)."""
    if request.state != "pending_seller":
        return "nobody"
    if request.escalated_at is not None:
        return "platform"
    return "timer" if request.respond_by is not None and now >= request.respond_by else "seller"


def silence(request: RequestView, order: OrderView) -> str:
    """What an unanswered request becomes; after shipment silence is never a yes (invariant 5)."""
    rule = order.policy.on_silence
    if rule == "approve":
        unsent = order.state in ("to_ship", "partially_shipped")
        return "approved" if request.kind == "request" and unsent and not order.frozen else "expired"
    return "expired" if rule == "reject" else "escalated"


def may_approve(request: RequestView, order: OrderView, now: datetime) -> bool:
    """Will a yes of the seller take effect?"""
    callable_back = request.kind != "intercept" or order.state == "shipped"
    return owner(request, now) == "seller" and not order.frozen and callable_back


@dataclass
class Shown:
    """A quote that a buyer has seen."""

    id: str
    number: str
    buyer: str
    order_version: int
    kind: str
    at: datetime
