"""How an order ends with its money: cancelled before it left, its unsent rest dropped, or closed after its parcels were lost.

Each runs in the caller's transaction on an order that was read locked in it. Money that was taken is refunded, money that was
only reserved is let go; other orders of the checkout keep theirs (invariant 22).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core import outbox
from recourse.core.transitions import Actor
from recourse.fulfilment import rules
from recourse.orders import service as orders
from recourse.orders import transit
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.rules import Days, of_pieces


def cancel(
    session: Session, order: OrderView, actor: Actor, now: datetime, reason: str, close_reason: str, cause: str
) -> None:  # fmt: skip
    """Cancel an order of which nothing was sent, without a request: all that was paid comes back, without a fee (invariant 13).

    ``cause``: the refund's ``cause_type``, with the order as its id.
    """
    cancellations.end_open_request(session, order, reason, now)
    orders.move(
        session, order.id, "cancelled", actor, now, reason, cancelled_at=now, close_reason=close_reason
    )  # fmt: skip
    unsent = order.unsent
    orders.cancel_pieces(session, order.id, unsent)
    orders.release_coupons(session, order.id, now)
    cancellations.release_reserved(session, order, now)
    _refund(session, order, unsent, cause, now)


def drop_unsent(session: Session, order: OrderView, now: datetime) -> None:
    """The shipping deadline of a partly sent order has passed: what is unsent is cancelled and refunded, the rest is shipped."""
    unsent = order.unsent
    cancellations.end_open_request(session, order, "not shipped in time", now)
    orders.cancel_pieces(session, order.id, unsent)
    _refund(session, order, unsent, "ship_timeout", now)
    transit.all_sent(session, order.id, Actor("timer"), now, "the rest was not shipped in time")
    outbox.notify_buyer(session, order.customer_id, "order_part_not_shipped", now, order_id=order.id)


def close_lost(session: Session, order: OrderView, now: datetime) -> None:
    """No parcel of a sent order will arrive: it is closed, and what was not given back before is refunded."""
    returned = all(parcel.state == "returned" for parcel in order.parcels)
    why = "returned_to_sender" if returned else "lost"
    cancellations.end_open_request(session, order, "parcels lost or returned", now)
    orders.move(session, order.id, "closed", Actor("carrier"), now, why.replace("_", " "), close_reason=why)
    _refund(session, order, rules.not_given_back(order), "carrier", now)
    outbox.notify_buyer(session, order.customer_id, "order_lost", now, order_id=order.id)


def was_disputed(session: Session, order: OrderView, now: datetime) -> bool:
    """Did a dispute settle the money of this order? What was agreed then stands, whatever the carrier says."""
    return any(refund.cause_type == "dispute" for refund in refunds.all_of(session, order.id, now.date()))


def _refund(session: Session, order: OrderView, pieces: Mapping[str, int], cause: str, now: datetime) -> None:
    days = Days(refunds.ranges(session), now.date(), now.date())
    refunds.grant(session, order, cause, order.id, of_pieces(order, pieces, days), now)
