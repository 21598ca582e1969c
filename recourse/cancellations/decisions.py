"""How a request is decided: by the seller, by the platform, or by its deadline; exactly one of them (invariant 16).

Functions that take a ``session`` run in the caller's transaction; nothing here commits. ``now`` is aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.cancellations import requests, rules
from recourse.cancellations.models import CancellationRequest
from recourse.cancellations.requests import RequestView
from recourse.cancellations.rules import INTERCEPT, REQUEST_MACHINE
from recourse.core import outbox
from recourse.core.errors import Conflict, InvalidInput, NotAllowed
from recourse.core.transitions import Actor, change_state
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.rules import Days


def seller_approves(session: Session, request_id: str, now: datetime, actor: Actor) -> RequestView:
    """The seller says yes: what the request names is cancelled (or the parcel called back) and its refund granted.

    Raises NotFound, Conflict (decided already, or the deadline has passed) or NotAllowed (the order is on hold, where the
    money may be taken back by the bank: invariants 18 and 30).
    """
    row, order = _to_decide(session, request_id, now, by_platform=False)
    _approve(session, row, order, actor, "seller", now)
    return requests.view(row)


def seller_rejects(
    session: Session,
    request_id: str,
    reason: str,
    tracking: str | None,
    now: datetime,
    actor: Actor,
    shipped_at: datetime | None = None,
) -> RequestView:
    """The seller says no, with a reason of at most 500 characters that the buyer will read.

    "Already shipped" needs the tracking number and when it was shipped (``shipped_at``, aware, not in the future) as proof
    (domain 3.4), except where the store itself knows that it was. Raises NotFound, InvalidInput (no reason, no proof) or
    Conflict.
    """
    reason = _reason(reason)
    tracking = requests.short("tracking number", tracking)
    row, order = _to_decide(session, request_id, now, by_platform=False)
    if rules.claims_shipped(reason) and row.kind != INTERCEPT and not (tracking and shipped_at):
        raise InvalidInput("'already shipped' needs the tracking number and the date of shipment as proof")
    if shipped_at is not None:
        _check_shipped_at(shipped_at, order, now)
    _reject(session, row, actor, "seller", reason, now, tracking=tracking or None, shipped_at=shipped_at)
    return requests.view(row)


def platform_decides(
    session: Session, request_id: str, approve: bool, reason: str, now: datetime, actor: Actor
) -> RequestView:
    """A person of the platform decides an open request; ``actor`` is Actor("platform", agent id). The buyer reads a no's reason.

    Allowed before the deadline, and after it where silence hands the request to the platform (``escalate``). Raises NotFound,
    InvalidInput (no reason), NotAllowed (approval of an order on hold) or Conflict (decided already, or left to the timer).
    """
    reason = _reason(reason)
    row, order = _to_decide(session, request_id, now, by_platform=True)
    if approve:
        _approve(session, row, order, actor, "platform", now, reason)
    else:
        _reject(session, row, actor, "platform", reason, now)
    return requests.view(row)


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of open requests whose time is over at ``now``, the longest overdue first. Escalated ones wait for a person."""
    found: Sequence[str] = session.scalars(requests.due_query(now, limit)).all()
    return found


def settle(session: Session, request_id: str, now: datetime) -> RequestView | None:
    """Let the timer decide one due request: silence approves an unsent order, where the policy says so [SEED 1].

    Returns the request as it then is, or None when there is nothing to do (any more). Doing it twice changes nothing.
    """
    row, order = requests.lock_order_of(session, request_id)
    outcome = requests.silence_decides(row, order, now) if row is not None else None
    if row is None or outcome is None or _ship_deadline_was_first(row, order, now):
        return None
    if outcome == "approved":
        _approve(session, row, order, Actor("timer"), "system_timeout", now)
    elif outcome == "escalated":
        _escalate(session, row, now)
    else:
        change_state(
            session, row, "expired", REQUEST_MACHINE, Actor("timer"), now, "no answer in time",
            decided_by="system_timeout", decided_at=now,
        )  # fmt: skip
        outbox.notify_buyer(session, row.customer_id, "request_expired", now, request_id=row.id)
    return requests.view(row)


def _ship_deadline_was_first(row: CancellationRequest, order: OrderView, now: datetime) -> bool:
    """Had the seller's time to ship passed before its time to answer? Then the order's own timer ends it, however late it is."""
    if order.frozen or order.state not in ("to_ship", "partially_shipped") or order.ship_by is None:
        return False
    return now >= order.ship_by and row.respond_by is not None and order.ship_by < row.respond_by


def _to_decide(
    session: Session, request_id: str, now: datetime, *, by_platform: bool
) -> tuple[CancellationRequest, OrderView]:
    """The open request and its locked order, if it is this side's to decide now."""
    row, order = requests.lock_order_of(session, request_id)
    if row is None:
        state = requests.get(session, request_id).state
        raise Conflict(f"request {request_id} is {state}; there is nothing left to decide")
    if row.escalated_at is not None:
        if not by_platform:
            raise Conflict(f"the time to answer ended at {_iso(row.respond_by)}; the platform decides now")
        return row, order
    outcome = requests.silence_decides(row, order, now)
    if outcome is not None and not (by_platform and outcome == "escalated"):
        raise Conflict(f"the time to answer ended at {_iso(row.respond_by)}; the deadline decides now")
    return row, order


def _approve(
    session: Session,
    row: CancellationRequest,
    order: OrderView,
    actor: Actor,
    decided_by: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    if order.frozen:
        raise NotAllowed(
            f"order {order.number} is on hold ({order.frozen_reason}); nothing can be refunded until it is over"
        )
    if row.kind == INTERCEPT and order.state != "shipped":
        raise NotAllowed(f"order {order.number} is {order.state}; only a parcel that is on its way can be called back")
    change_state(session, row, "approved", REQUEST_MACHINE, actor, now, reason, decided_by=decided_by, decided_at=now)
    pieces = requests.pieces_of(row, order)
    days = Days(refunds.ranges(session), now.date(), now.date())
    refund = rules.refund_of(order, row.kind, pieces, row.fault, days)
    requests.carry_out(session, order, row, refund, actor, now)
    outbox.notify_buyer(session, row.customer_id, "request_approved", now, request_id=row.id)


def _reject(
    session: Session,
    row: CancellationRequest,
    actor: Actor,
    decided_by: str,
    reason: str,
    now: datetime,
    tracking: str | None = None,
    shipped_at: datetime | None = None,
) -> None:
    change_state(
        session, row, "rejected", REQUEST_MACHINE, actor, now, reason, decided_by=decided_by, decided_at=now,
        reject_reason=reason, proof_tracking=tracking, proof_shipped_at=shipped_at,
    )  # fmt: skip
    outbox.notify_buyer(session, row.customer_id, "request_rejected", now, request_id=row.id)


def _escalate(session: Session, row: CancellationRequest, now: datetime) -> None:
    """Hand the request to the platform: it stays open, and neither the seller nor the timer decides it any more."""
    row.escalated_at = now
    session.flush()
    outbox.notify_buyer(session, row.customer_id, "request_escalated", now, request_id=row.id)


def _reason(value: str) -> str:
    text = requests.clean(value)
    if not text:
        raise InvalidInput("a decision needs a reason that the buyer can read")
    if len(text) > rules.NOTE_MAX:
        raise InvalidInput(f"a reason has at most {rules.NOTE_MAX} characters")
    return text


def _check_shipped_at(shipped_at: datetime, order: OrderView, now: datetime) -> None:
    if shipped_at.tzinfo is None:
        raise InvalidInput("the date of shipment needs its zone")
    if shipped_at > now:
        raise InvalidInput("the date of shipment is in the future")
    if shipped_at < order.placed_at:
        raise InvalidInput("the date of shipment is before the order")


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""
