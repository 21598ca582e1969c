"""The statutory right to withdraw (CRD Art. 9 to 16): a declaration needs no reason and no consent (domain 2.7, F10).

Nothing here commits; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from recourse.core import idempotency
from recourse.core.clock import require_utc
from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotAllowed
from recourse.core.texts import required
from recourse.core.transitions import Actor, change_state
from recourse.customers import service as customers
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.returns import handling, rules, views
from recourse.returns.models import WAITING, Withdrawal
from recourse.returns.rules import RETURN_MACHINE, Right
from recourse.returns.views import WithdrawalView
from recourse.sellers import service as sellers

_DECLARE = "declare_withdrawal"


def right_of(session: Session, order: OrderView, pieces: Mapping[str, int] | None, declared_at: datetime) -> Right:
    """The buyer's right to withdraw from ``order`` for a declaration received at ``declared_at``.

    ``pieces``: line id -> how many; None: all that was sent and is not exempt.
    """
    buyer = customers.get(session, order.customer_id)
    trader = sellers.get(session, order.seller_id).is_trader
    return rules.withdrawal_right(
        order, pieces, declared_at, is_consumer=buyer.is_consumer, is_trader=trader, timezone=buyer.timezone,
        country=buyer.country,
    )  # fmt: skip


def declare_withdrawal(
    session: Session,
    customer_id: str,
    number: str,
    pieces: Mapping[str, int] | None,
    declared_at: datetime,
    now: datetime,
    key: str,
) -> WithdrawalView:
    """Record a declaration that was received at ``declared_at`` and, where the right holds, open the return; once per ``key``.

    It is recorded whatever becomes of it, because its time of receipt may be needed later (invariant 28). An open return of
    another kind that was not sent yet is replaced. Raises NotFound, InvalidInput, IdempotencyMismatch, and NotAllowed for an
    order of which nothing was sent: that is a cancellation.
    """
    params = {"number": number, "pieces": dict(pieces) if pieces is not None else None, "at": declared_at.isoformat()}
    key = required("the idempotency key", key, 100)
    declared_at = require_utc(declared_at)
    if declared_at > now:
        raise InvalidInput("a declaration cannot have been received in the future")
    order = orders.get_own(session, customer_id, number, lock=True)
    saved = idempotency.recall(session, _DECLARE, key, customer_id, params)
    if saved is not None:
        return views.withdrawal(session, customer_id, saved["withdrawal_id"])
    if not any(line.qty_shipped for line in order.lines):
        raise NotAllowed(f"nothing of order {number} was sent yet; cancel it instead")
    if pieces is not None:
        handling.check_pieces(order, pieces, {line.id: line.qty_shipped for line in order.lines})
    saved = idempotency.claim(session, _DECLARE, key, customer_id, params, now)
    if saved is not None:
        return views.withdrawal(session, customer_id, saved["withdrawal_id"])
    row = _record(session, order, right_of(session, order, pieces, declared_at), declared_at, key)
    _open_return(session, row, order, now)
    idempotency.remember(session, _DECLARE, key, customer_id, params, {"withdrawal_id": row.id}, now)
    return views.withdrawal_view(row, order)


def due(session: Session, limit: int = 100) -> Sequence[str]:
    """Ids of declarations that waited for another process and whose order is free now, the oldest first."""
    query = select(Withdrawal.id).where(
        text(WAITING.replace("return_id", "withdrawal.return_id")), ~orders.owned(Withdrawal.order_id)
    )
    return session.scalars(query.order_by(Withdrawal.declared_at, Withdrawal.id).limit(limit)).all()


def settle(session: Session, withdrawal_id: str, now: datetime) -> WithdrawalView | None:
    """Open the return that a waiting declaration is owed; None when it still waits, or waits no more."""
    found = session.get_one(Withdrawal, withdrawal_id)
    order = orders.get_by_id(session, found.order_id, lock=True)
    row = session.get_one(Withdrawal, withdrawal_id, populate_existing=True)
    if row.return_id is not None or row.why != "in_time":
        return None
    left = {line.id: line.kept for line in order.lines}
    pieces = {line_id: min(qty, left.get(line_id, 0)) for line_id, qty in row.pieces.items()}
    if not any(pieces.values()):
        row.why = "nothing_left"  # the other process gave the money for all of it back
        session.flush()
        return views.withdrawal_view(row, order)
    _open_return(session, row, order, now)
    return views.withdrawal_view(row, order) if row.return_id else None


def _record(session: Session, order: OrderView, right: Right, declared_at: datetime, key: str) -> Withdrawal:
    buyer = customers.get(session, order.customer_id)
    reference = new_id()
    row = Withdrawal(
        id=reference,
        order_id=order.id,
        customer_id=order.customer_id,
        declared_at=declared_at,
        deadline=right.deadline,
        within=right.within,
        why=right.why,
        pieces=dict(right.pieces),
        ack_document=rules.acknowledgement(order, right, declared_at, buyer.timezone, reference),
        idempotency_key=f"{_DECLARE}:{key}",
    )
    session.add(row)
    session.flush()
    return row


def _open_return(session: Session, row: Withdrawal, order: OrderView, now: datetime) -> None:
    """Open the return of a declaration, unless there is no right or another process owns the order."""
    if row.why != "in_time" or order.frozen or order.issue in ("dispute", "chargeback"):
        return
    if handling.request_open(session, order.id):
        return
    left = {line.id: line.kept for line in order.lines}
    pieces = {line_id: min(qty, left.get(line_id, 0)) for line_id, qty in row.pieces.items()}
    pieces = {line_id: qty for line_id, qty in pieces.items() if qty}
    if not _make_room(session, row, pieces, now):
        return
    made = handling.insert(
        session, order, "withdrawal", pieces, row.declared_at, f"withdrawal:{row.id}",
        refund_by=row.declared_at + timedelta(days=rules.WITHDRAWAL_DAYS),
    )  # fmt: skip
    handling.approve(session, made, order, Actor("system"), now, "statutory withdrawal")
    row.return_id = made.id
    session.flush()


def _make_room(session: Session, row: Withdrawal, pieces: Mapping[str, int], now: datetime) -> bool:
    """Is there no open return in the way? One of another kind that was not sent yet gives way; an equal one is joined."""
    there = views.open_row(session, row.order_id)
    if there is None:
        return bool(pieces)
    covered = {line.line_id: line.qty for line in there.lines}
    if there.kind == "withdrawal" and all(qty <= covered.get(line_id, 0) for line_id, qty in pieces.items()):
        row.return_id = there.id
        session.flush()
        return False
    limit = {"requested": there.respond_by, "approved": there.ship_back_by}.get(there.state)
    if there.kind == "withdrawal" or limit is None or now >= limit:
        return False
    change_state(
        session, there, "cancelled", RETURN_MACHINE, Actor("buyer", row.customer_id), now, "replaced by a withdrawal"
    )
    return True
