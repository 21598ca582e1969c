"""What the seller of an order does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core.transitions import Actor
from recourse.disputes import service as disputes
from recourse.fulfilment import service as fulfilment
from recourse.messages import asks, offers
from recourse.messages import service as messages
from recourse.orders.rules import OrderView
from recourse.returns import service as returns
from recourse_world.steps.hands import Hands, line_ids, minor_units, new_key
from recourse_world.steps.open_things import dispute_of, offer_of, request_of, return_of
from recourse_world.steps.shapes import SellerStep

_REFUSAL = "The order is already packed"
_CARRIER, _TRACKING = "Parcel Express", "PX123456789"


def _approve(s: Session, hands: Hands, order: OrderView, _step: SellerStep) -> None:
    cancellations.seller_approves(s, request_of(s, order).id, hands.now(), _seller(order))


def _reject(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    now = hands.now()
    reason, shipped_at = step.reason or _REFUSAL, now if step.tracking else None
    cancellations.seller_rejects(s, request_of(s, order).id, reason, step.tracking, now, _seller(order), shipped_at)


def _ship(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    tracking = step.tracking or f"{_TRACKING[:-1]}{len(order.parcels)}"
    carrier = step.carrier or _CARRIER
    pieces = line_ids(order, step.pieces)
    fulfilment.seller_ships(s, order.number, carrier, tracking, hands.now(), _seller(order), pieces)


def _cancel(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    fulfilment.seller_cancels(s, order.number, step.reason or "out of stock", hands.now(), _seller(order))


def _write(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    messages.send(s, _seller(order), order.number, step.text or "", new_key(), hands.now())


def _ask(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    kind = "form" if step.url else "info"
    asks.ask(s, order.seller_id, request_of(s, order).id, kind, step.text or "", step.url, hands.now())


def _offer(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    amount = minor_units(step.amount or 0, order.currency)
    text = step.text or "A part of the price back if you keep it."
    offers.offer(s, order.seller_id, order.number, amount, text, hands.now())


def _retract_offer(s: Session, hands: Hands, order: OrderView, _step: SellerStep) -> None:
    offers.retract_offer(s, order.seller_id, offer_of(s, order), hands.now())


def _accept_dispute(s: Session, hands: Hands, order: OrderView, _step: SellerStep) -> None:
    dispute = dispute_of(s, order)
    disputes.seller_accepts(s, order.seller_id, dispute.id, dispute.buyer_proposal.id, hands.now())


def _reject_dispute(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    reason = step.reason or "It left us in perfect condition."
    disputes.seller_rejects(s, order.seller_id, dispute_of(s, order).id, reason, hands.now())


def _counter(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    amount = None if step.amount is None else minor_units(step.amount, order.currency)
    dispute, wanted = dispute_of(s, order), step.wanted or ""
    disputes.seller_counters(s, order.seller_id, dispute.id, wanted, amount, step.text, new_key(), hands.now())


def _received(s: Session, hands: Hands, order: OrderView, _step: SellerStep) -> None:
    if order.issue == "dispute":
        disputes.seller_received(s, order.seller_id, dispute_of(s, order).id, hands.now())
    else:
        returns.seller_received(s, order.seller_id, return_of(s, order).id, hands.now())


def _contest(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    reason = step.reason or "Parts are missing."
    disputes.seller_contests(s, order.seller_id, dispute_of(s, order).id, reason, hands.now())


def _accept_return(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    returns.seller_approves(s, order.seller_id, return_of(s, order).id, step.text, hands.now())


def _decline_return(s: Session, hands: Hands, order: OrderView, step: SellerStep) -> None:
    reason = step.reason or "It was made for you."
    returns.seller_declines(s, order.seller_id, return_of(s, order).id, reason, hands.now())


def _seller(order: OrderView) -> Actor:
    return Actor("seller", order.seller_id)


def seller_does(session: Session, hands: Hands, step: SellerStep) -> None:
    """Carry it out. Raises WorldError."""
    _DOES[step.does](session, hands, hands.order(session, step.order), step)


_DOES: Mapping[str, Callable[[Session, Hands, OrderView, SellerStep], None]] = {
    "approve": _approve,
    "reject": _reject,
    "ship": _ship,
    "cancel": _cancel,
    "write": _write,
    "ask": _ask,
    "offer": _offer,
    "retract_offer": _retract_offer,
    "accept_dispute": _accept_dispute,
    "reject_dispute": _reject_dispute,
    "counter": _counter,
    "received": _received,
    "contest": _contest,
    "accept_return": _accept_return,
    "decline_return": _decline_return,
}
