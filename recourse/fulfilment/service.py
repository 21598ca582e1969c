"""Use cases of fulfilment: shipping, the seller's own cancellation, carriers, confirmation, payment, hold, and the timers.

Functions run in the caller's transaction and lock the order first; nothing here commits. ``now`` is aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core import idempotency, outbox
from recourse.core.clock import require_utc
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor
from recourse.disputes import service as disputes
from recourse.fulfilment import endings, rules
from recourse.orders import service as orders
from recourse.orders import transit
from recourse.orders.rules import PARCEL_STATES, OrderView
from recourse.returns import service as returns
from recourse.sellers import service as sellers

_CONFIRM = "confirm_receipt"
_TIMER, _CARRIER, _PSP = Actor("timer"), Actor("carrier"), Actor("psp")


def get(session: Session, order_id: str) -> OrderView:
    """The order that a notice (``order_id``) speaks of. Raises NotFound."""
    return orders.get_by_id(session, order_id)


def seller_ships(
    session: Session,
    number: str,
    carrier: str,
    tracking: str,
    now: datetime,
    actor: Actor,
    pieces: Mapping[str, int] | None = None,
    shipped_at: datetime | None = None,
    promised_by: datetime | None = None,
) -> OrderView:
    """The seller hands ``pieces`` (line id -> how many; None: all that is unsent) to a carrier, at ``shipped_at`` or now.

    An open cancellation request for any of them ends as superseded, or forbids it where the policy of the order blocks. With
    the last parcel the order is shipped and the buyer's protection begins; ``promised_by`` is when it should arrive.

    Raises NotFound (also for another seller's order), InvalidInput, NotAllowed (wrong status, on hold, or blocked by a request) or
    Conflict (the deadline to ship or to answer has passed, or the parcel was reported before).
    """
    carrier, tracking = _short("carrier", carrier), _short("tracking number", tracking)
    if not carrier or not tracking:
        raise InvalidInput("shipping needs a carrier and a tracking number")
    order = _of_seller(session, number, actor)
    if order.state not in rules.SHIPPABLE:
        raise NotAllowed(
            f"order {number} is {order.state}; only an order that waits to be shipped (to_ship, partially_shipped) can be shipped"
        )
    _not_on_hold(order)
    _before_the_timer(order, now)
    if any(parcel.tracking == tracking for parcel in order.parcels):
        raise Conflict(f"tracking number {tracking} was reported for order {number} before; each parcel has its own")
    pieces = order.unsent if pieces is None else dict(pieces)
    wrong = rules.wrong_pieces(order, pieces)
    if wrong:
        raise InvalidInput(wrong)
    left_at = _moment("the time of shipping", shipped_at, now) or now
    if order.paid_at is not None and left_at < order.paid_at:
        raise InvalidInput(
            f"order {number} was paid at {order.paid_at.isoformat()}; it cannot have been shipped before"
        )
    cancellations.check_may_ship(session, order, now, pieces)
    orders.ship(session, order.id, carrier, tracking, now, actor, pieces, shipped_at=left_at, promised_by=promised_by)
    cancellations.end_open_request(
        session, order, "shipped while pending", now, tracking=tracking, shipped_at=left_at, pieces=pieces
    )  # fmt: skip
    _catch_up(session, order.id, now)
    return orders.get_by_id(session, order.id)


def seller_cancels(session: Session, number: str, reason: str, now: datetime, actor: Actor) -> OrderView:
    """The seller cancels by itself, with a reason: everything is refunded, and where the buyer had paid it counts against the
    seller (domain 3.4). An open request of the buyer ends as superseded.

    Raises NotFound (also for another seller's order), InvalidInput (no reason), NotAllowed (wrong status, on hold) or Conflict (a
    deadline has passed and decides).
    """
    reason = reason.strip()
    if not reason or len(reason) > rules.REASON_MAX:
        raise InvalidInput(f"cancelling an order needs a reason, with at most {rules.REASON_MAX} characters")
    order = _of_seller(session, number, actor)
    if order.state not in rules.SELLER_MAY_CANCEL:
        raise NotAllowed(
            f"order {number} is {order.state}; a seller can cancel an order only while it awaits payment or shipping"
        )
    _not_on_hold(order)
    _before_the_timer(order, now)
    request = cancellations.latest_of(session, [order.id]).get(order.id)
    overdue = request is not None and request.open and rules.request_comes_first(request.respond_by, None, now)
    if request is not None and overdue and request.escalated_at is None:
        raise Conflict(f"the time to answer request {request.id} is over, and the deadline decides now")
    endings.cancel(session, order, actor, now, reason, "seller_cancelled", "seller_cancel")
    if order.state == "to_ship":
        sellers.count_defect(session, order.seller_id)
    outbox.notify_buyer(session, order.customer_id, "order_cancelled_by_seller", now, order_id=order.id)
    return orders.get_by_id(session, order.id)


def carrier_reports(
    session: Session, tracking: str, state: str, at: datetime, text: str, now: datetime, carrier: str | None = None
) -> list[OrderView]:
    """A carrier's scan of a parcel: ``state`` as in ``orders.rules.PARCEL_STATES``, ``at`` when it happened, ``text`` as printed.

    Reports may come late, twice and in any order: a parcel never moves back, and a duplicate changes nothing (invariant 24).
    When all parcels of a fully sent order are delivered, so is the order; when all are lost or returned, it is closed and
    refunded in full. With a ``carrier`` named, the delivery of goods that a buyer sends back is noted as well.

    Returns the orders in the parcel as they then are. Raises NotFound for an unknown number and InvalidInput for an unknown
    state, a time in the future or one without a zone.
    """
    if state not in PARCEL_STATES:
        raise InvalidInput(f"{state!r} is no state of a parcel; there are {', '.join(PARCEL_STATES)}")
    tracking, at = tracking.strip(), _moment("the time of a scan", at, now) or now
    scan = {"at": at.isoformat(), "state": state, "text": text.replace("\0", "").strip()[: rules.SCAN_TEXT_MAX]}
    found = transit.orders_with_parcel(session, tracking, carrier)
    for order_id in found:
        orders.get_by_id(session, order_id, lock=True)
        if transit.note_scan(session, order_id, tracking, carrier, scan, at):
            _catch_up(session, order_id, now)
    back = _received_by_seller(session, carrier, tracking, now) if state == "delivered" and carrier else []
    if not found and not back:
        raise NotFound(f"no parcel with the tracking number {tracking}")
    return [orders.get_by_id(session, order_id, lock=True) for order_id in dict.fromkeys([*found, *back])]


def buyer_confirms(
    session: Session, customer_id: str, number: str, now: datetime, key: str | None = None
) -> OrderView:  # fmt: skip
    """The buyer says that the order has arrived (shipped -> delivered), or that all is well with it (delivered -> completed).

    Two calls are two steps: give an idempotency ``key`` so that a repeated one is not taken for the second. Raises NotFound, also
    for somebody else's order, NotAllowed (wrong status, on hold, or a dispute or return is open) and IdempotencyMismatch.
    """
    order = orders.get_own(session, customer_id, number, lock=True)
    params = {"number": number}
    if key is not None and idempotency.recall(session, _CONFIRM, key, customer_id, params) is not None:
        return order
    _not_on_hold(order)
    if order.issue is not None:
        raise NotAllowed(f"order {number} has an open {order.issue}; end that first")
    if key is not None:
        if idempotency.claim(session, _CONFIRM, key, customer_id, params, now) is not None:
            return order
        idempotency.remember(session, _CONFIRM, key, customer_id, params, {"order_id": order.id}, now)
    actor = Actor("buyer", customer_id)
    if order.state == "shipped":
        _end_request(session, order, "delivered", now)
        transit.mark_delivered(session, order, actor, now, now)
    elif order.state == "delivered":
        orders.move(session, order.id, "completed", actor, now, "confirmed", completed_at=now)
    else:
        raise NotAllowed(f"order {number} is {order.state}; only an order on its way or delivered can be confirmed")
    return orders.get_by_id(session, order.id)


def review_started(session: Session, order_id: str, now: datetime) -> OrderView:
    """The money is reserved and the payment is checked: awaiting_payment -> payment_review. Repeating it changes nothing."""
    order = orders.get_by_id(session, order_id, lock=True)
    if order.state == "awaiting_payment":
        until = now + rules.REVIEW_WITHIN
        orders.move(session, order.id, "payment_review", _PSP, now, "payment is checked", review_by=until)
    return orders.get_by_id(session, order.id)


def payment_captured(session: Session, order_id: str, now: datetime) -> OrderView:
    """A payment of the order was taken: once all of them are, the order waits to be shipped (from awaiting_payment or
    payment_review).

    Returns the order as it then is; repeating it changes nothing. Money that comes for an order that has ended meanwhile
    does not revive it: the caller sees the status and gives the money back.
    """
    order = orders.get_by_id(session, order_id, lock=True)
    if order.state not in ("awaiting_payment", "payment_review"):
        return order
    if not all(tender.captured for tender in order.tenders):
        transit.book_price(session, order)
        return orders.get_by_id(session, order.id, lock=True)
    transit.mark_paid(session, order, _PSP, now, rules.ship_deadline(now, order.policy))
    return orders.get_by_id(session, order.id)


def review_passed(session: Session, order_id: str, now: datetime) -> OrderView:
    """The payment check found nothing and the money was taken: the same step as ``payment_captured``."""
    return payment_captured(session, order_id, now)


def review_failed(session: Session, order_id: str, now: datetime) -> OrderView:
    """The payment check said no: the order is cancelled and reserved money let go. Repeating it changes nothing."""
    order = orders.get_by_id(session, order_id, lock=True)
    if order.state != "payment_review":
        return order
    endings.cancel(session, order, _PSP, now, "payment check failed", "review_failed", "correction")
    outbox.notify_buyer(session, order.customer_id, "order_review_failed", now, order_id=order.id)
    return orders.get_by_id(session, order.id)


def freeze(session: Session, order_id: str, reason: str, now: datetime) -> OrderView:
    """Put an order on hold for ``reason`` (a word of at most 40 characters); an open request ends as superseded (invariant 30).

    Nothing is refunded, shipped or cancelled, and no timer runs, until ``unfreeze``.
    """
    order = orders.get_by_id(session, order_id, lock=True)
    if order.frozen_reason == reason:
        return order
    cancellations.end_open_request(session, order, "order on hold", now)
    orders.set_frozen(session, order.id, reason)
    if not order.frozen:
        # the order's version makes the notice unique: an order may be held more than once, even at one moment
        outbox.notify_buyer(
            session, order.customer_id, "order_on_hold", now, order_id=order.id, version=str(order.version)
        )  # fmt: skip
    return orders.get_by_id(session, order.id)


def unfreeze(session: Session, order_id: str, now: datetime) -> OrderView:
    """Take an order off hold. Deadlines that have passed meanwhile take effect at the timer's next look, so whoever lifts a hold
    after the money was taken back elsewhere (a lost chargeback) must have booked that on the order before.

    Raises NotAllowed while the buyer's bank disputes a payment of it (invariant 18).
    """
    order = orders.get_by_id(session, order_id, lock=True)
    if not order.frozen:
        return order
    if order.issue == "chargeback":
        raise NotAllowed(f"order {order.number} stays on hold until the bank has decided on its payment")
    orders.set_frozen(session, order.id, None)
    outbox.notify_buyer(
        session, order.customer_id, "order_off_hold", now, order_id=order.id, version=str(order.version)
    )
    _catch_up(session, order.id, now)
    return orders.get_by_id(session, order.id)


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of orders with a deadline that is over at ``now``, the longest overdue first; orders on hold are left out."""
    return transit.due(session, now, limit)


def settle(session: Session, order_id: str, now: datetime) -> OrderView | None:
    """Let the timer move one order whose deadline has passed (domain 3.4): not paid, not checked, not shipped, or received
    without a complaint. Where a cancellation request was due before the deadline to ship, it is settled first.

    Returns the order as it then is, or None when there is nothing to do any more. Doing it twice changes nothing.
    """
    order = orders.get_by_id(session, order_id, lock=True)
    if not rules.is_due(order, now):
        return None
    if order.state in rules.SHIPPABLE and _settle_request(session, order, now):
        order = orders.get_by_id(session, order_id, lock=True)
        if not rules.is_due(order, now):
            return order
    if order.state == "awaiting_payment":
        endings.cancel(session, order, _TIMER, now, "not paid in time", "not_paid", "correction")
        outbox.notify_buyer(session, order.customer_id, "order_unpaid_expired", now, order_id=order.id)
    elif order.state == "payment_review":
        _review_timed_out(session, order, now)
    elif order.state == "to_ship":
        endings.cancel(session, order, _TIMER, now, "not shipped in time", "ship_timeout", "ship_timeout")
        sellers.count_defect(session, order.seller_id)
        outbox.notify_buyer(session, order.customer_id, "order_not_shipped", now, order_id=order.id)
    elif order.state == "partially_shipped":
        endings.drop_unsent(session, order, now)
        _catch_up(session, order.id, now)
    elif order.state == "shipped" and rules.all_gone(order.parcels) and not endings.was_disputed(session, order, now):
        endings.close_lost(session, order, now)
    else:
        _end_request(session, order, "order completed", now)
        orders.move(session, order.id, "completed", _TIMER, now, "protection is over", completed_at=now)
    return orders.get_by_id(session, order.id)


def _received_by_seller(session: Session, carrier: str, tracking: str, now: datetime) -> list[str]:
    """Goods of returns and disputes that the carrier has handed to the seller: ids of their orders."""
    received = [returns.get(session, id_).order_id for id_ in returns.carrier_received(session, carrier, tracking, now)]
    disputed = [
        disputes.get(session, id_).order_id for id_ in disputes.carrier_received(session, carrier, tracking, now)
    ]
    return [*received, *disputed]


def _settle_request(session: Session, order: OrderView, now: datetime) -> bool:
    """Settle an open request that was due before the order; True when that was done."""
    request = cancellations.latest_of(session, [order.id]).get(order.id)
    if request is None or not request.open:
        return False
    if not rules.request_comes_first(request.respond_by, order.ship_by, now):
        return False
    return cancellations.settle(session, request.id, now) is not None


def _review_timed_out(session: Session, order: OrderView, now: datetime) -> None:
    endings.cancel(session, order, _TIMER, now, "payment check had no result in time", "review_timeout", "correction")
    outbox.notify_buyer(session, order.customer_id, "order_review_failed", now, order_id=order.id)
    outbox.alert_staff(session, order.customer_id, "review_timeout", now, order_id=order.id)


def _catch_up(session: Session, order_id: str, now: datetime) -> None:
    """Let a fully sent order follow its parcels: delivered when all are, closed when none will arrive.

    Money waits while the order is on hold, and the timer gives it back as soon as that is over. Where a dispute owns the order,
    it decides about the money.
    """
    order = orders.get_by_id(session, order_id, lock=True)
    if order.state != "shipped":
        return
    if rules.all_delivered(order.parcels):
        delivered_at = max(parcel.delivered_at or now for parcel in order.parcels)
        _end_request(session, order, "delivered", now)
        transit.mark_delivered(session, order, _CARRIER, delivered_at, now)
    elif rules.all_gone(order.parcels):
        if order.issue is None and not order.frozen:
            endings.close_lost(session, order, now)
        elif order.issue is None:
            transit.end_protection(session, order.id, now)


def _end_request(session: Session, order: OrderView, why: str, now: datetime) -> None:
    cancellations.end_open_request(session, order, why, now)


def _of_seller(session: Session, number: str, actor: Actor) -> OrderView:
    """The order ``number``, locked, if ``actor`` may act for its seller: its seller itself, or an operator, whose id no seller has."""
    try:
        found = orders.get_by_number(session, number)
    except NotFound:
        found = None
    seller = actor.id if actor.id and sellers.names(session, [actor.id]) else None
    if found is None or seller not in (None, found.seller_id):
        raise NotFound(f"no order {number}" + (" among this seller's orders" if seller else ""))
    return orders.get_by_id(session, found.id, lock=True)


def _not_on_hold(order: OrderView) -> None:
    if order.frozen:
        raise NotAllowed(
            f"order {order.number} is on hold ({order.frozen_reason}); nothing can be changed until it is over"
        )


def _before_the_timer(order: OrderView, now: datetime) -> None:
    deadline = rules.deadline_of(order)
    if deadline is not None and now >= deadline:
        raise Conflict(
            f"the time for this ended at {deadline.isoformat()}; order {order.number} is about to be cancelled"
        )


def _moment(what: str, at: datetime | None, now: datetime) -> datetime | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInput(f"{what} has no time zone; write it like 2026-11-24T12:00:00+00:00")
    if require_utc(at) > now + rules.CLOCK_SKEW:
        raise InvalidInput(f"{what} lies in the future")
    return min(require_utc(at), now)


def _short(what: str, value: str) -> str:
    """``value`` without blanks around it; raises InvalidInput where its column could not hold it."""
    text = value.replace("\0", "").strip()
    if len(text) > rules.SHORT_TEXT:
        raise InvalidInput(f"a {what} has at most {rules.SHORT_TEXT} characters")
    return text
