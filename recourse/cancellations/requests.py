"""Cancellation requests as rows: reading them, what their end does to the order, and what else may end one.

Functions that take a ``session`` run in the caller's transaction; nothing here commits. ``now`` is aware UTC. Whoever writes
has locked the order before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recourse.cancellations import rules
from recourse.cancellations.models import CancellationRequest
from recourse.cancellations.rules import INTERCEPT, REQUEST_MACHINE
from recourse.core import outbox
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state
from recourse.orders import service as orders
from recourse.orders import transit
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.rules import Breakdown

PAYMENT_VOID = "payment_void"
"""Outbox topic: reserved money that the provider must let go. Payload: ``{"payment_id", "order_id"}``."""

_SHORT_TEXT = 40


@dataclass(frozen=True, slots=True)
class RequestView:
    """A cancellation request as its row says it now.

    ``scope``: all or lines; ``kind``: instant, request or intercept; ``pieces``: (line id, how many), whatever the scope.
    ``proof_tracking`` and ``proof_shipped_at``: the parcel that ended it, where one did. ``escalated_at``: since when the
    platform decides.
    """

    id: str
    order_id: str
    customer_id: str
    state: str
    scope: str
    kind: str
    reason_code: str
    note: str | None
    fault: str
    requested_at: datetime
    respond_by: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    reject_reason: str | None
    proof_tracking: str | None
    proof_shipped_at: datetime | None
    escalated_at: datetime | None
    quote_id: str | None
    conversation_id: str | None
    pieces: tuple[tuple[str, int], ...]

    @property
    def open(self) -> bool:
        """Is its answer still awaited?"""
        return self.state == "pending_seller"


def view(row: CancellationRequest) -> RequestView:
    """The row as a view."""
    return RequestView(
        id=row.id,
        order_id=row.order_id,
        customer_id=row.customer_id,
        state=row.state,
        scope=row.scope,
        kind=row.kind,
        reason_code=row.reason_code,
        note=row.reason_note,
        fault=row.fault,
        requested_at=row.requested_at,
        respond_by=row.respond_by,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reject_reason=row.reject_reason,
        proof_tracking=row.proof_tracking,
        proof_shipped_at=row.proof_shipped_at,
        escalated_at=row.escalated_at,
        quote_id=row.quote_id,
        conversation_id=row.conversation_id,
        pieces=tuple((line.line_id, line.qty) for line in row.lines),
    )


def get(session: Session, request_id: str) -> RequestView:
    """One request. Raises NotFound."""
    row = session.get(CancellationRequest, request_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no cancellation request {request_id}")
    return view(row)


def latest_of(session: Session, order_ids: Sequence[str]) -> dict[str, RequestView]:
    """Order id -> its latest request, for those of ``order_ids`` that have one, in one query. An open one is the latest."""
    rows = session.scalars(
        select(CancellationRequest)
        .where(CancellationRequest.order_id.in_(list(order_ids)))
        .order_by(
            CancellationRequest.state == "pending_seller", CancellationRequest.requested_at, CancellationRequest.id
        )
    )
    return {row.order_id: view(row) for row in rows}


def requests_made(session: Session, order_ids: Sequence[str]) -> dict[str, int]:
    """Order id -> how many requests for it have ended, whatever their end, for those that have any, in one query."""
    query = (
        select(CancellationRequest.order_id, func.count())
        .where(CancellationRequest.order_id.in_(list(order_ids)), CancellationRequest.state != "pending_seller")
        .group_by(CancellationRequest.order_id)
    )
    return {order_id: made for order_id, made in session.execute(query)}


def all_of(session: Session, order_id: str) -> list[RequestView]:
    """Every request of an order, oldest first."""
    rows = session.scalars(
        select(CancellationRequest)
        .where(CancellationRequest.order_id == order_id)
        .order_by(CancellationRequest.requested_at, CancellationRequest.id)
    )
    return [view(row) for row in rows]


def pending_of(session: Session, order_id: str) -> CancellationRequest | None:
    """The open request of an order, locked and read fresh, or None."""
    return session.scalars(
        select(CancellationRequest)
        .where(CancellationRequest.order_id == order_id, CancellationRequest.state == "pending_seller")
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def pieces_of(row: CancellationRequest, order: OrderView) -> dict[str, int]:
    """Line id -> pieces that a request is about. One from before requests had lines is about the whole order."""
    return {line.line_id: line.qty for line in row.lines} or rules.open_pieces(order, row.kind)


def silence_decides(row: CancellationRequest, order: OrderView, now: datetime) -> str | None:
    """What the timer is about to make of an open request, or None while its time is not over (or the platform decides)."""
    if row.respond_by is None or row.escalated_at is not None or not rules.belongs_to_timer(row.respond_by, now):
        return None
    return rules.outcome_of_silence(order.policy.on_silence, row.kind, order.state, order.frozen)


def check_may_ship(session: Session, order: OrderView, now: datetime, pieces: Mapping[str, int] | None = None) -> None:
    """May ``pieces`` (line id -> how many; None: all that is unsent) of ``order`` leave now, as far as requests go?

    ``order`` must be locked. Raises NotAllowed where the policy forbids it while a request is open, and Conflict once
    silence has approved the request, even if the timer has not run yet (invariant 16).
    """
    row = pending_of(session, order.id)
    if row is None or not _takes(row, order, pieces):
        return
    if order.policy.ship_while_pending == "block":
        raise NotAllowed(f"order {order.number} has an open cancellation request; answer it first ({row.id})")
    if silence_decides(row, order, now) == "approved":
        raise Conflict(
            f"the time to answer request {row.id} is over and the order is about to be cancelled; do not ship it"
        )


def end_open_request(
    session: Session,
    order: OrderView,
    why: str,
    now: datetime,
    *,
    tracking: str | None = None,
    shipped_at: datetime | None = None,
    pieces: Mapping[str, int] | None = None,
) -> RequestView | None:
    """End the open request of an order that went another way: shipped, timed out, on hold, cancelled by the seller.

    ``order`` must be locked, and read before that happened; ``pieces`` (line id -> how many) are what was sent, where that is
    the reason: a request that they take nothing from stays open. ``tracking`` and ``shipped_at`` are kept as the proof. Tells
    the buyer. Returns the request, or None when there was none to end.
    """
    row = pending_of(session, order.id)
    if row is None or not _takes(row, order, pieces):
        return None
    change_state(
        session, row, "superseded", REQUEST_MACHINE, Actor("system"), now, why,
        decided_by="system", decided_at=now, proof_tracking=tracking, proof_shipped_at=shipped_at,
    )  # fmt: skip
    outbox.notify_buyer(session, row.customer_id, "request_superseded", now, request_id=row.id)
    return view(row)


def carry_out(
    session: Session, order: OrderView, row: CancellationRequest, refund: Breakdown, actor: Actor, now: datetime
) -> None:
    """Do what an approved request asks for, and grant its refund. ``order`` as read, locked, before."""
    if row.kind == INTERCEPT:
        orders.move(
            session, order.id, "closed", actor, now, f"intercepted on request {row.id}", close_reason="intercepted"
        )
    else:
        _cancel_pieces(session, order, row, actor, now)
    refunds.grant(session, order, "cancellation", row.id, refund, now)


def release_reserved(session: Session, order: OrderView, now: datetime) -> None:
    """Let go of the order's part of money that was reserved and not taken: balance goes back to the wallet at once, for
    everything else the provider is told (outbox topic ``payment_void``)."""
    for payment_id, method, amount in orders.release_authorisation(session, order.id, now):
        if method == "balance":
            refunds.release_to_wallet(session, order.customer_id, payment_id, order.id, amount, order.currency, now)
        else:
            outbox.send(
                session, PAYMENT_VOID, order.customer_id, f"{payment_id}:{order.id}", now,
                payment_id=payment_id, order_id=order.id,
            )  # fmt: skip


def _cancel_pieces(session: Session, order: OrderView, row: CancellationRequest, actor: Actor, now: datetime) -> None:
    pieces = pieces_of(row, order)
    orders.cancel_pieces(session, order.id, pieces)
    rest = any(qty > pieces.get(line_id, 0) for line_id, qty in order.unsent.items())
    if rest:
        orders.touch(session, order.id)
    elif any(line.qty_shipped for line in order.lines):
        transit.all_sent(session, order.id, Actor("system"), now, f"the rest was cancelled on request {row.id}")
    else:
        orders.move(
            session, order.id, "cancelled", actor, now, f"cancellation request {row.id}",
            cancelled_at=now, close_reason="buyer_cancelled",
        )  # fmt: skip
        orders.release_coupons(session, order.id, now)
        release_reserved(session, order, now)


def _takes(row: CancellationRequest, order: OrderView, pieces: Mapping[str, int] | None) -> bool:
    """Does sending ``pieces`` take something that the request is about?"""
    if pieces is None:
        return True
    unsent = order.unsent
    return any(unsent.get(line_id, 0) - pieces.get(line_id, 0) < qty for line_id, qty in pieces_of(row, order).items())


def short(what: str, value: str | None) -> str:
    """``value`` without blanks around it; raises InvalidInput where its column could not hold it."""
    text = clean(value)
    if len(text) > _SHORT_TEXT:
        raise InvalidInput(f"a {what} has at most {_SHORT_TEXT} characters")
    return text


def clean(value: str | None) -> str:
    """Text from outside without blanks around it and without NUL, which PostgreSQL does not store."""
    return (value or "").replace("\0", "").strip()


def lock_order_of(session: Session, request_id: str) -> tuple[CancellationRequest | None, OrderView]:
    """The order that a request belongs to, locked first as everywhere, and its row if it is still open. Raises NotFound."""
    order = orders.get_by_id(session, get(session, request_id).order_id, lock=True)
    row = pending_of(session, order.id)
    return (row if row is not None and row.id == request_id else None), order


def due_query(now: datetime, limit: int) -> Any:
    """Open requests whose time is over and that the platform does not decide, the longest overdue first."""
    return (
        select(CancellationRequest.id)
        .where(
            CancellationRequest.state == "pending_seller",
            CancellationRequest.respond_by <= now,
            CancellationRequest.escalated_at.is_(None),
        )
        .order_by(CancellationRequest.respond_by)
        .limit(limit)
    )
