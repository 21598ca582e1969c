"""Which deadline an order has, and what a seller or a carrier may report. Pure; times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from recourse.orders.deadlines import GONE as GONE
from recourse.orders.deadlines import PROTECTION as PROTECTION
from recourse.orders.deadlines import REVIEW_WITHIN as REVIEW_WITHIN
from recourse.orders.deadlines import all_delivered as all_delivered
from recourse.orders.deadlines import all_gone as all_gone
from recourse.orders.deadlines import ship_deadline as ship_deadline
from recourse.orders.rules import OrderView

SHIPPABLE = ("to_ship", "partially_shipped")
SELLER_MAY_CANCEL = ("awaiting_payment", "to_ship")
"""Where a seller may cancel by itself (domain 3.4): not while a payment is checked, and nothing of which a part has left."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far a carrier's or a seller's clock may be ahead of ours."""

SHORT_TEXT = 40
REASON_MAX = 500
SCAN_TEXT_MAX = 200


def deadline_of(order: OrderView) -> datetime | None:
    """The deadline at which the timer moves ``order`` on from its status, or None where it waits for nobody (domain 3.4)."""
    return {
        "awaiting_payment": order.pay_by,
        "payment_review": order.review_by,
        "to_ship": order.ship_by,
        "partially_shipped": order.ship_by,
        "shipped": order.protect_until,
        "delivered": order.protect_until,
    }.get(order.state)


def is_due(order: OrderView, now: datetime) -> bool:
    """May the timer move ``order`` at ``now``? Not on hold, and a sent order not while a dispute or a return owns it."""
    deadline = deadline_of(order)
    if deadline is None or now < deadline or order.frozen:
        return False
    return order.issue is None or order.state not in ("shipped", "delivered")


def request_comes_first(respond_by: datetime | None, ship_by: datetime | None, now: datetime) -> bool:
    """Was the seller's time to answer a request over before its time to ship (or at the same moment)? The earlier deadline
    decides, however late the timer looks."""
    if respond_by is None or now < respond_by:
        return False
    return ship_by is None or respond_by <= ship_by


def wrong_pieces(order: OrderView, pieces: Mapping[str, int]) -> str | None:
    """What is wrong with sending ``pieces`` (line id -> how many) now, as a sentence, or None."""
    if not pieces:
        return "say which pieces are in the parcel"
    for line_id, qty in pieces.items():
        line = order.line(line_id)
        if line is None:
            return f"order {order.number} has no such line"
        if not 0 < qty <= line.unsent:
            return f"of {line.sku} {line.unsent} can be sent, not {qty}"
    return None


def not_given_back(order: OrderView) -> dict[str, int]:
    """Line id -> pieces that no refund has paid for yet, for lines that have any."""
    return {line.id: line.qty - line.qty_refunded for line in order.lines if line.qty > line.qty_refunded}
