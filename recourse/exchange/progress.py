"""What is new about an order that the store has already, and how it takes effect: through the machines, never around them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recourse.core.errors import InvalidInput, NotAllowed
from recourse.core.transitions import Actor
from recourse.exchange.records import Incoming, difference
from recourse.fulfilment import service as fulfilment
from recourse.orders import arrivals, deadlines, departures
from recourse.orders import service as orders
from recourse.orders.arrivals import Arrival, ArrivedParcel
from recourse.orders.rules import PARCEL_STATES, OrderView
from recourse.refunds import service as refunds

_TIMER = Actor("timer")


def says_nothing_new(stored: Arrival, refunds_stored: int, wanted: Incoming) -> bool:
    """Does the order ``stored`` (with so many refunds) say already all that ``wanted`` says? Pure."""
    order = wanted.order
    known = {parcel.tracking: parcel for parcel in stored.parcels}
    return (
        difference(stored, order) is None
        and order.status == stored.status
        and order.on_hold in (None, stored.on_hold)
        and len(wanted.refunds) <= refunds_stored
        and [(each.method, each.amount, each.state) for each in order.payments]
        == [(each.method, each.amount, each.state) for each in stored.payments]
        and all(_is_known(known.get(parcel.tracking), parcel) for parcel in order.parcels)
    )


def _is_known(before: ArrivedParcel | None, parcel: ArrivedParcel) -> bool:
    return (
        before is not None
        and before.pieces == parcel.pieces
        and PARCEL_STATES.index(parcel.state) <= PARCEL_STATES.index(before.state)
        and all(scan in before.events for scan in parcel.events)
    )


def advance(session: Session, view: OrderView, stored: Arrival, wanted: Incoming, now: datetime) -> bool:
    """Bring the order in ``view`` (locked; ``stored`` says the same) to where ``wanted`` says it is. Returns whether anything
    changed.

    A record that is older than what the store knows changes nothing (invariant 24). Raises InvalidInput for what can never
    change, NotAllowed and Conflict for steps that are not legal now.
    """
    order = wanted.order
    different = difference(stored, order)
    if different:
        raise InvalidInput(different)
    before = view.version, view.state
    _same_refunds(session, view, wanted)
    if order.status != view.state and order.status in departures.reached(session, view.id):
        return False
    if order.on_hold and not view.frozen:
        fulfilment.freeze(session, view.id, order.on_hold, now)
    _pay(session, view, order, now)
    changed = _send(session, view, stored, order, now)
    _end(session, view, order, now)
    after = orders.get_by_id(session, view.id)
    if after.state != order.status and order.status not in departures.reached(session, view.id):
        raise NotAllowed(f"the order is {after.state} in the store and cannot become {order.status} from there")
    return changed or (after.version, after.state) != before


def _same_refunds(session: Session, view: OrderView, wanted: Incoming) -> None:
    if len(wanted.refunds) > len(refunds.all_of(session, view.id, view.placed_at.date())):
        raise NotAllowed(
            "refunds of an order that is in the store are made by Recourse; leave `refunds` out, and the money goes back once"
        )


def _pay(session: Session, view: OrderView, order: Arrival, now: datetime) -> None:
    """Payments that were announced, reserved or taken since."""
    if view.state not in ("awaiting_payment", "payment_review") or order.status == "cancelled":
        return
    at = order.paid_at or now
    if at > now or deadlines.ship_deadline(at, view.policy) <= now:
        at = now
    arrivals.bring_payments(session, view.id, order.payments, at)
    if order.paid_at:
        fulfilment.payment_captured(session, view.id, at)
    elif order.status == "payment_review":
        fulfilment.review_started(session, view.id, at)


def _send(session: Session, view: OrderView, stored: Arrival, order: Arrival, now: datetime) -> bool:
    """Parcels that are new, and what carriers said of all of them."""
    known = {parcel.tracking: parcel for parcel in stored.parcels}
    seller = Actor("seller", view.seller_id)
    news = False
    for parcel in order.parcels:
        before = known.get(parcel.tracking)
        if before is None:
            pieces = {view.lines[place - 1].id: qty for place, qty in parcel.pieces}
            fulfilment.seller_ships(
                session, view.number, parcel.carrier, parcel.tracking, now, seller, pieces, parcel.shipped_at,
                parcel.promised_by,
            )  # fmt: skip
            news = True
        elif before.pieces and before.pieces != parcel.pieces:
            raise InvalidInput(f"shipment {parcel.tracking} has other lines in the store")
        news |= _report(session, before, parcel, now)
    return news


def _report(session: Session, before: ArrivedParcel | None, parcel: ArrivedParcel, now: datetime) -> bool:
    """Pass on the carrier's scans that are new, and the parcel's state where no scan says it."""
    old = before.events if before else ()
    state = before.state if before else "in_transit"
    scans = [
        (scan["state"], datetime.fromisoformat(scan["at"]), scan["text"]) for scan in parcel.events if scan not in old
    ]
    if PARCEL_STATES.index(parcel.state) > max(map(PARCEL_STATES.index, [state, *(scan[0] for scan in scans)])):
        scans.append((parcel.state, parcel.delivered_at or now, ""))
    for reported, at, text in scans:
        fulfilment.carrier_reports(session, parcel.tracking, reported, at, text, now, parcel.carrier)
    return bool(scans)


def _end(session: Session, view: OrderView, order: Arrival, now: datetime) -> None:
    """Received, taken as received, or cancelled by the shop."""
    state = orders.get_by_id(session, view.id).state
    if order.status == "cancelled" and state != "cancelled":
        if state == "payment_review":
            fulfilment.review_failed(session, view.id, now)
        else:
            reason = order.close_reason or "cancelled by the shop"
            fulfilment.seller_cancels(session, view.number, reason, now, Actor("seller", view.seller_id))
    if order.delivered_at and state == "shipped":
        for parcel in orders.get_by_id(session, view.id).parcels:
            if parcel.state != "delivered":
                fulfilment.carrier_reports(session, parcel.tracking, "delivered", order.delivered_at, "", now)
        state = orders.get_by_id(session, view.id).state
    if order.status == "completed" and state in ("shipped", "delivered"):
        current = orders.get_by_id(session, view.id)
        if current.frozen or current.issue:
            raise NotAllowed(
                f"the order has an open {current.issue or 'hold'} and cannot be completed before that ends"
            )
        at = min(order.completed_at or now, now)
        orders.move(session, view.id, "completed", _TIMER, now, arrivals.REASON, completed_at=at)
