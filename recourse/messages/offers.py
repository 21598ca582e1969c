"""A part of the money back if the buyer keeps the order [SEED 14.2]: the seller offers, the buyer decides, the timer ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.cancellations.rules import belongs_to_timer
from recourse.cancellations.service import RequestView
from recourse.core import outbox
from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.money import Money
from recourse.core.transitions import Actor, change_state, created
from recourse.messages import rules
from recourse.messages.models import SellerOffer
from recourse.messages.rules import OFFER_MACHINE
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import rules as refund_rules
from recourse.refunds import service as refunds


@dataclass(frozen=True, slots=True)
class OfferView:
    """One offer. ``request_id``: the cancellation request that accepting it would withdraw, if there was one.

    ``state``: open, accepted, declined, expired or retracted. ``open_until``: the moment from which it is void.
    """

    id: str
    order_id: str
    customer_id: str
    request_id: str | None
    amount: Money
    text: str
    state: str
    offered_at: datetime
    open_until: datetime
    decided_at: datetime | None


def refundable(order: OrderView) -> int:
    """What can still come back of an order in cash, in minor units of its currency."""
    return min(sum(line.refundable for line in order.lines), sum(tender.left for tender in order.tenders))


def offer(
    session: Session,
    seller_id: str,
    number: str,
    amount_minor: int,
    text: str,
    now: datetime,
    expires_in: timedelta = rules.OFFER_LASTS,
) -> OfferView:
    """Offer ``amount_minor`` (minor units of the order's currency) if the buyer keeps the order.

    It stands for ``expires_in``, but never longer than the open cancellation request, if there is one. Raises NotFound (also
    for another seller's order), InvalidInput (amount, text, time) or NotAllowed (the order's status or another open offer).
    """
    text = rules.checked("text", text, rules.ASK_MAX)
    order = orders.get_of_seller(session, seller_id, number, lock=True)
    _require_offerable(order)
    most = refundable(order)
    if isinstance(amount_minor, bool) or not isinstance(amount_minor, int) or not 0 < amount_minor <= most:
        raise InvalidInput(f"the amount must be from 1 to {most} in minor units of {order.currency}")
    request = _open_request(session, order.id)
    respond_by = request.respond_by if request else None
    if respond_by is not None and belongs_to_timer(respond_by, now):
        raise Conflict("the time to answer the cancellation request is over; the deadline decides now")
    ends = rules.offer_ends(now, expires_in, respond_by)
    earlier = _open_of(session, order.id)
    if earlier is not None and not belongs_to_timer(earlier.expires_at, now):
        raise NotAllowed(f"offer {earlier.id} is open already; retract it first (DELETE /offers/{earlier.id})")
    if earlier is not None:
        _expire(session, earlier, order, now)
    row = SellerOffer(
        id=new_id(), order_id=order.id, request_id=request.id if request else None, amount=amount_minor,
        currency=order.currency, text=text, state="open", offered_at=now, expires_at=ends,
    )  # fmt: skip
    session.add(row)
    session.flush()
    created(session, row, OFFER_MACHINE, Actor("seller", seller_id), now)
    outbox.notify_buyer(session, order.customer_id, "seller_offers", now, offer_id=row.id)
    return _view(row, order)


def accept_offer(session: Session, customer_id: str, offer_id: str, now: datetime) -> OfferView:
    """The buyer takes the money and keeps the order: the open cancellation request is withdrawn, the amount is refunded.

    A repeated yes changes nothing. Raises NotFound (also for somebody else's), Conflict (decided or over) or NotAllowed (the
    order has moved on meanwhile, or less than the offer is left to refund).
    """
    row, order = _own(session, customer_id, offer_id)
    if row.state == "accepted":
        return _view(row, order)
    _require_standing(row, now)
    _require_offerable(order)
    if row.amount > refundable(order):
        raise NotAllowed(f"only {order.money(refundable(order)).format()} of order {order.number} is left to refund")
    change_state(session, row, "accepted", OFFER_MACHINE, Actor("buyer", customer_id), now, decided_at=now)
    request = _open_request(session, order.id)
    if request is not None:
        cancellations.withdraw(session, customer_id, request.id, now)
    order = orders.get_by_id(session, order.id, lock=True)
    days = refund_rules.Days(refunds.ranges(session), now.date(), now.date())
    refunds.grant(session, order, "goodwill", row.id, refund_rules.of_amount(order, row.amount, days), now)
    orders.touch(session, order.id)
    return _view(row, order)


def decline_offer(session: Session, customer_id: str, offer_id: str, now: datetime) -> OfferView:
    """The buyer does not want it; a request that is open stays open. Raises NotFound or Conflict; a repeat changes nothing."""
    row, order = _own(session, customer_id, offer_id)
    if row.state != "declined":
        _require_standing(row, now)
        change_state(session, row, "declined", OFFER_MACHINE, Actor("buyer", customer_id), now, decided_at=now)
    return _view(row, order)


def retract_offer(session: Session, seller_id: str, offer_id: str, now: datetime) -> OfferView:
    """The seller takes an open offer back. Raises NotFound (also for another seller's) or Conflict; a repeat changes nothing."""
    seen = session.get(SellerOffer, offer_id)
    order = orders.get_by_id(session, seen.order_id, lock=True) if seen else None
    if order is None or order.seller_id != seller_id:
        raise NotFound(f"no offer {offer_id} among this seller's orders")
    row = _locked(session, offer_id)
    if row.state != "retracted":
        _require_standing(row, now)
        change_state(session, row, "retracted", OFFER_MACHINE, Actor("seller", seller_id), now, decided_at=now)
    return _view(row, order)


def get(session: Session, offer_id: str) -> OfferView:
    """One offer. Raises NotFound."""
    row = session.get(SellerOffer, offer_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no offer {offer_id}")
    return _view(row, orders.get_by_id(session, row.order_id))


def open_offer(session: Session, order_id: str, now: datetime) -> OfferView | None:
    """The offer that the buyer can take right now, or None."""
    row = _open_of(session, order_id)
    order = orders.get_by_id(session, order_id)
    standing = row is not None and not belongs_to_timer(row.expires_at, now) and _refusal(order) is None
    return _view(row, order) if row is not None and standing else None


def all_of(session: Session, order_id: str) -> list[OfferView]:
    """Every offer for an order, oldest first."""
    order = orders.get_by_id(session, order_id)
    rows = session.scalars(
        select(SellerOffer)
        .where(SellerOffer.order_id == order_id)
        .order_by(SellerOffer.offered_at, SellerOffer.id)
        .execution_options(populate_existing=True)
    )
    return [_view(row, order) for row in rows]


def due(session: Session, now: datetime, limit: int) -> Sequence[str]:
    """Ids of open offers whose time is over at ``now``, the longest overdue first."""
    return session.scalars(
        select(SellerOffer.id)
        .where(SellerOffer.state == "open", SellerOffer.expires_at <= now)
        .order_by(SellerOffer.expires_at, SellerOffer.id)
        .limit(limit)
    ).all()


def settle(session: Session, offer_id: str, now: datetime) -> OfferView | None:
    """End an offer whose time is over. None: nothing to do (any more)."""
    seen = session.get(SellerOffer, offer_id)
    if seen is None:
        return None
    order = orders.get_by_id(session, seen.order_id, lock=True)  # the order first, as everywhere
    row = _locked(session, offer_id)
    if row.state != "open" or not belongs_to_timer(row.expires_at, now):
        return None
    _expire(session, row, order, now)
    return _view(row, order)


def _expire(session: Session, row: SellerOffer, order: OrderView, now: datetime) -> None:
    """The buyer is told, unless the order has ended and the offer means nothing any more."""
    change_state(session, row, "expired", OFFER_MACHINE, Actor("timer"), now, "not taken in time", decided_at=now)
    if order.state not in ("cancelled", "closed"):
        outbox.notify_buyer(session, order.customer_id, "offer_expired", now, offer_id=row.id)


def _own(session: Session, customer_id: str, offer_id: str) -> tuple[SellerOffer, OrderView]:
    seen = session.get(SellerOffer, offer_id)
    order = orders.get_by_id(session, seen.order_id, lock=True) if seen else None
    if order is None or order.customer_id != customer_id:
        raise NotFound("no such offer to this buyer")
    return _locked(session, offer_id), order


def _locked(session: Session, offer_id: str) -> SellerOffer:
    return session.get_one(SellerOffer, offer_id, populate_existing=True, with_for_update=True)


def _open_of(session: Session, order_id: str) -> SellerOffer | None:
    query = select(SellerOffer).where(SellerOffer.order_id == order_id, SellerOffer.state == "open")
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _open_request(session: Session, order_id: str) -> RequestView | None:
    request = cancellations.latest_of(session, [order_id]).get(order_id)
    return request if request is not None and request.state == "pending_seller" else None


def _require_standing(row: SellerOffer, now: datetime) -> None:
    if row.state != "open":
        raise Conflict(f"the offer was {row.state} already")
    if belongs_to_timer(row.expires_at, now):
        raise Conflict(f"the offer ended at {row.expires_at.isoformat()}")


def _require_offerable(order: OrderView) -> None:
    why = _refusal(order)
    if why is not None:
        raise NotAllowed(f"order {order.number} {why}")


def _refusal(order: OrderView) -> str | None:
    """Why a part of the money cannot be offered or taken now; None where it can."""
    if order.frozen:
        return "is on hold; nothing can be refunded until it is over"
    if order.state not in rules.HAS_PAID:
        return f"is {order.state}; a part of the money can be offered only for a paid order that goes on"
    if order.issue is not None:
        return f"has an open {order.issue}; settle it there, there is no second way to the money"
    return None


def _view(row: SellerOffer, order: OrderView) -> OfferView:
    return OfferView(
        row.id, row.order_id, order.customer_id, row.request_id, Money(row.amount, row.currency), row.text, row.state,
        row.offered_at, row.expires_at, row.decided_at,
    )  # fmt: skip
