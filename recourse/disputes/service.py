"""Use cases of disputes: what other capabilities may call. Evidence is in ``evidence``.

Nothing here commits; ``now`` is aware UTC, amounts are minor units of the order's currency. The buyer's functions take a
``customer_id`` and the seller's a ``seller_id``; a dispute of somebody else is NotFound.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recourse.core import idempotency
from recourse.core.errors import Conflict, InvalidInput, NotAllowed
from recourse.core.texts import cleaned, required
from recourse.core.transitions import Actor, change_state
from recourse.disputes import rules, views
from recourse.disputes.decisions import carrier_received as carrier_received
from recourse.disputes.decisions import (
    carry_out,
    end_issue,
    locked,
    locked_of_buyer,
    locked_of_seller,
    move,
    note,
    resolve,
    still,
    tell,
)
from recourse.disputes.decisions import due as due
from recourse.disputes.decisions import issue_of as issue_of
from recourse.disputes.decisions import settle as settle
from recourse.disputes.models import Dispute
from recourse.disputes.opening import can_dispute as can_dispute
from recourse.disputes.opening import open_dispute as open_dispute
from recourse.disputes.rules import DISPUTE_MACHINE
from recourse.disputes.views import DisputeView
from recourse.disputes.views import get as get
from recourse.disputes.views import get_own as get_own
from recourse.disputes.views import of_order as of_order
from recourse.disputes.views import of_seller as of_seller
from recourse.disputes.views import open_of as open_of
from recourse.orders.rules import OrderView

_COUNTER, _MESSAGE = "counter_dispute", "message_dispute"
_TALKING = ("awaiting_seller", "negotiating")


def seller_accepts(session: Session, seller_id: str, dispute_id: str, proposal_id: str, now: datetime) -> DisputeView:
    """The seller accepts the buyer's proposal ``proposal_id`` (an event's id); a second time it changes nothing.

    Raises NotFound, Conflict (over, too late, or the buyer has proposed something else) or NotAllowed (order on hold).
    """
    row, order = locked_of_seller(session, seller_id, dispute_id)
    return _accept(session, row, order, Actor("seller", seller_id), "buyer", proposal_id, now)


def seller_rejects(session: Session, seller_id: str, dispute_id: str, reason: str, now: datetime) -> DisputeView:
    """The seller says no, with a reason: the negotiation begins. Raises NotFound, InvalidInput or Conflict."""
    reason = required("the reason", reason, rules.DESCRIPTION_MAX)
    row, order = locked_of_seller(session, seller_id, dispute_id)
    still(row, ("awaiting_seller",), now)
    seller = Actor("seller", seller_id)
    event = note(session, row, "reject", seller, now, text=reason)
    limit = rules.negotiate_by(order.policy, now)
    move(session, row, "negotiating", seller, now, event, reason, negotiate_by=limit)
    return views.view(session, row, order)


def seller_counters(
    session: Session,
    seller_id: str,
    dispute_id: str,
    wanted: str,
    amount_minor: int | None,
    text: str | None,
    key: str,
    now: datetime,
) -> DisputeView:
    """The seller proposes something else, once per ``key``: full, partial with ``amount_minor``, or return_refund.

    The first counter-proposal begins the negotiation. Raises NotFound, InvalidInput, Conflict or IdempotencyMismatch.
    """
    row, order = locked_of_seller(session, seller_id, dispute_id)
    return _counter(session, row, order, Actor("seller", seller_id), _TALKING, wanted, amount_minor, text, key, now)


def seller_received(session: Session, seller_id: str, dispute_id: str, now: datetime) -> DisputeView:
    """The seller has the goods and accepts them: the refund is granted. A second time it changes nothing.

    Raises NotFound, Conflict or NotAllowed (order on hold).
    """
    row, order = locked_of_seller(session, seller_id, dispute_id)
    if row.state == "resolved" and row.decided_by == "seller" and row.outcome == rules.RETURN_REFUND:
        return views.view(session, row, order)
    still(row, ("return_in_transit",), now)
    seller = Actor("seller", seller_id)
    event = note(session, row, "return_received", seller, now)
    resolve(session, row, order, rules.RETURN_REFUND, 0, seller, "seller", event, now, "goods received")
    return views.view(session, row)


def seller_contests(session: Session, seller_id: str, dispute_id: str, reason: str, now: datetime) -> DisputeView:
    """The seller objects to what came back: the platform decides. Raises NotFound, InvalidInput or Conflict."""
    reason = required("the reason", reason, rules.DESCRIPTION_MAX)
    row, order = locked_of_seller(session, seller_id, dispute_id)
    still(row, ("return_in_transit",), now)
    seller = Actor("seller", seller_id)
    event = note(session, row, "contest", seller, now, text=reason)
    move(session, row, "platform_review", seller, now, event, reason)
    return views.view(session, row, order)


def buyer_accepts(session: Session, customer_id: str, dispute_id: str, proposal_id: str, now: datetime) -> DisputeView:
    """The buyer accepts the seller's proposal ``proposal_id`` (an event's id); a second time it changes nothing.

    Raises NotFound, Conflict (over, too late, or the seller has proposed something else) or NotAllowed (order on hold).
    """
    row, order = locked_of_buyer(session, customer_id, dispute_id)
    return _accept(session, row, order, Actor("buyer", customer_id), "seller", proposal_id, now)


def buyer_counters(
    session: Session,
    customer_id: str,
    dispute_id: str,
    wanted: str,
    amount_minor: int | None,
    text: str | None,
    key: str,
    now: datetime,
) -> DisputeView:
    """The buyer proposes something else while negotiating, once per ``key``; it replaces the buyer's proposal before.

    Raises NotFound, InvalidInput, Conflict or IdempotencyMismatch.
    """
    row, order = locked_of_buyer(session, customer_id, dispute_id)
    actor = Actor("buyer", customer_id)
    return _counter(session, row, order, actor, ("negotiating",), wanted, amount_minor, text, key, now)


def escalate(session: Session, customer_id: str, dispute_id: str, now: datetime) -> DisputeView:
    """The buyer asks the platform to decide, from ``escalate_from`` on; a second time it changes nothing.

    Raises NotFound, Conflict, or NotAllowed that says from when it is possible.
    """
    row, order = locked_of_buyer(session, customer_id, dispute_id)
    if row.state == "platform_review":
        return views.view(session, row, order)
    still(row, ("negotiating",), now)
    assert row.negotiate_by is not None
    opens = rules.escalate_from(order.policy, row.negotiate_by)
    if now < opens:
        raise NotAllowed(f"the platform can be asked from {opens.isoformat()} on; until then both sides may agree")
    buyer = Actor("buyer", customer_id)
    event = note(session, row, "escalate", buyer, now)
    move(session, row, "platform_review", buyer, now, event)
    return views.view(session, row, order)


def withdraw(session: Session, customer_id: str, dispute_id: str, now: datetime) -> DisputeView:
    """The buyer gives the dispute up; it can be opened again only while its window is open. A second time changes nothing.

    Raises NotFound or Conflict.
    """
    row, order = locked_of_buyer(session, customer_id, dispute_id)
    if row.state == "withdrawn":
        return views.view(session, row, order)
    still(row, (*_TALKING, "platform_review"), now)
    buyer = Actor("buyer", customer_id)
    note(session, row, "withdrawn", buyer, now)
    change_state(session, row, "withdrawn", DISPUTE_MACHINE, buyer, now)
    end_issue(session, order.id)
    return views.view(session, row, order)


def send_back(
    session: Session, customer_id: str, dispute_id: str, carrier: str, tracking: str, now: datetime
) -> DisputeView:
    """The goods are on their way back. The same tracking number twice changes nothing.

    Raises NotFound, InvalidInput or Conflict (no return was agreed, or ``ship_back_by`` is over).
    """
    carrier, tracking = required("the carrier", carrier, 40), required("the tracking number", tracking, 40)
    row, order = locked_of_buyer(session, customer_id, dispute_id)
    if row.state == "return_in_transit" and (row.return_carrier, row.return_tracking) == (carrier, tracking):
        return views.view(session, row, order)
    still(row, ("awaiting_return",), now)
    buyer = Actor("buyer", customer_id)
    note(session, row, "return_sent", buyer, now, text=f"{carrier} {tracking}")
    change_state(
        session, row, "return_in_transit", DISPUTE_MACHINE, buyer, now, return_carrier=carrier, return_tracking=tracking,
        transit_by=now + timedelta(days=rules.TRANSIT_DAYS),
    )  # fmt: skip
    return views.view(session, row, order)


def add_message(session: Session, customer_id: str, dispute_id: str, text: str, key: str, now: datetime) -> DisputeView:
    """The buyer adds something to an open dispute, once per ``key``. Raises NotFound, InvalidInput or Conflict."""
    text = required("the message", text, rules.DESCRIPTION_MAX)
    key = required("the idempotency key", key, 100)
    params = {"dispute": dispute_id, "text": text}
    row, order = locked_of_buyer(session, customer_id, dispute_id)
    if idempotency.recall(session, _MESSAGE, key, customer_id, params) is not None:
        return views.view(session, row, order)
    if row.state in rules.OVER:
        raise Conflict(f"dispute {row.id} is {row.state}; nothing can be added any more")
    if idempotency.claim(session, _MESSAGE, key, customer_id, params, now) is None:
        event = note(session, row, "message", Actor("buyer", customer_id), now, text=text)
        idempotency.remember(session, _MESSAGE, key, customer_id, params, {"event_id": event.id}, now)
    return views.view(session, row, order)


def decide(
    session: Session,
    dispute_id: str,
    outcome: str,
    amount_minor: int | None,
    reason: str,
    now: datetime,
    actor: Actor,
) -> DisputeView:
    """The platform's verdict: full, partial with ``amount_minor``, return_refund or none. It binds the seller (domain 2.5).

    ``actor`` is of type platform. Raises NotFound, InvalidInput, Conflict or NotAllowed (order on hold).
    """
    reason = required("the reason", reason, rules.DESCRIPTION_MAX)
    row, order = locked(session, dispute_id)
    still(row, ("platform_review",), now)
    if outcome not in (rules.FULL, rules.PARTIAL, rules.RETURN_REFUND, rules.NONE):
        raise InvalidInput(f"{outcome!r} is no outcome; take full, partial, return_refund or none")
    if outcome == rules.RETURN_REFUND and (row.return_tracking or row.type == rules.NOT_RECEIVED):
        raise InvalidInput("there is nothing left to send back: decide full, partial or none")
    most = rules.worth(order, row.line_id, row.qty, row.reason_code)
    amount = 0 if outcome == rules.NONE else rules.checked_amount(outcome, amount_minor, most)
    event = note(session, row, "verdict", actor, now, wanted=outcome, amount=amount, text=reason)
    carry_out(session, row, order, outcome, amount, actor, "platform", event, now, reason)
    return views.view(session, row)


def _accept(
    session: Session, row: Dispute, order: OrderView, actor: Actor, other: str, proposal_id: str, now: datetime
) -> DisputeView:
    """``actor`` accepts the newest proposal of the ``other`` side, which must be the one that was read."""
    proposal = views.newest(row, other)
    if proposal is None or proposal.id != proposal_id:
        raise Conflict(f"this is not the {other}'s proposal (any more); read the dispute again")
    if row.state not in _TALKING and any(e.kind == "accept" and e.actor_type == actor.type for e in row.events):
        return views.view(session, row)
    still(row, _TALKING, now)
    wanted, amount = proposal.wanted or row.wanted, proposal.amount or row.amount
    event = note(session, row, "accept", actor, now, wanted=wanted, amount=amount)
    carry_out(session, row, order, wanted, amount, actor, actor.type, event, now, f"accepted the {other}'s proposal")
    return views.view(session, row)


def _counter(
    session: Session, row: Dispute, order: OrderView, actor: Actor, states: tuple[str, ...], wanted: str,
    amount_minor: int | None, text: str | None, key: str, now: datetime,
) -> DisputeView:  # fmt: skip
    text = cleaned("the message", text, rules.DESCRIPTION_MAX)
    key = required("the idempotency key", key, 100)
    params = {"dispute": row.id, "by": actor.type, "wanted": wanted, "amount": amount_minor, "text": text}
    if idempotency.recall(session, _COUNTER, key, row.customer_id, params) is not None:
        return views.view(session, row, order)
    still(row, states, now)
    possible = rules.COUNTERS[actor.type, row.type]
    if wanted not in possible:
        raise InvalidInput(f"here the {actor.type} can propose {', '.join(possible)}, not {wanted!r}")
    most = rules.worth(order, row.line_id, row.qty, row.reason_code)
    if not most:
        raise Conflict("the money for these pieces has come back already; there is nothing left to propose")
    amount = rules.checked_amount(wanted, amount_minor, most)
    if idempotency.claim(session, _COUNTER, key, row.customer_id, params, now) is not None:
        return views.view(session, row, order)
    event = note(session, row, "proposal", actor, now, wanted=wanted, amount=amount, text=text)
    if actor.type == "buyer":
        row.wanted, row.amount = wanted, amount
        session.flush()
    elif row.state == "awaiting_seller":
        limit = rules.negotiate_by(order.policy, now)
        move(session, row, "negotiating", actor, now, event, "counter-proposal", negotiate_by=limit)
    else:
        tell(session, row, "dispute_countered", event, now)
    idempotency.remember(session, _COUNTER, key, row.customer_id, params, {"event_id": event.id}, now)
    return views.view(session, row, order)
