"""Rows of refund legs for the modules that move them: writing one, and reading one under the lock of its order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.errors import NotFound
from recourse.core.transitions import Actor, created
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import rules
from recourse.refunds.models import Refund, RefundLeg
from recourse.refunds.rules import LEG_MACHINE

REFUND_LEG = "refund_leg"
"""Outbox topic: a refund leg that waits to be sent to its provider. Payload: ``{"leg_id"}``, and ``details`` for a bank form."""


def add_leg(
    session: Session,
    refund: Refund,
    customer_id: str,
    leg: rules.Leg,
    rank: int,
    at: datetime,
    *,
    replaces: RefundLeg | None = None,
    reason: str | None = None,
    details: str | None = None,
) -> RefundLeg:
    """Write a leg in state ``created`` with its idempotency key, and queue it for the worker."""
    attempt = replaces.attempt + 1 if replaces else 1
    row = RefundLeg(
        refund_id=refund.id,
        payment_id=leg.payment_id,
        replaces_leg_id=replaces.id if replaces else None,
        attempt=attempt,
        rank=rank,
        method=leg.method,
        instrument=leg.instrument,
        amount=leg.amount,
        currency=refund.currency,
        state="created",
        expected_from=leg.expected_from,
        expected_to=leg.expected_to,
        idempotency_key=f"{refund.id}:{rank}" if attempt == 1 else f"{refund.id}:{rank}:{attempt}",
    )
    session.add(row)
    session.flush()
    created(session, row, LEG_MACHINE, Actor("system"), at, reason)
    given = {"details": details} if details else {}
    outbox.send(session, REFUND_LEG, customer_id, row.id, at, leg_id=row.id, **given)
    return row


def locked(session: Session, leg_id: str) -> tuple[OrderView, RefundLeg]:
    """The leg's order, locked, and then the leg, read fresh."""
    leg = session.get(RefundLeg, leg_id)
    if leg is None:
        raise NotFound(f"no refund leg {leg_id}")
    order = orders.get_by_id(session, session.get_one(Refund, leg.refund_id).order_id, lock=True)
    return order, session.get_one(RefundLeg, leg_id, populate_existing=True, with_for_update=True)


def of_payment(session: Session, order_id: str, payment_id: str) -> list[RefundLeg]:
    """The legs of one payment in the refunds of one order that no other leg has replaced, read fresh."""
    rows = session.scalars(
        select(RefundLeg)
        .join(Refund, Refund.id == RefundLeg.refund_id)
        .where(Refund.order_id == order_id, RefundLeg.payment_id == payment_id)
        .order_by(RefundLeg.id)
        .execution_options(populate_existing=True)
    ).all()
    replaced = {row.replaces_leg_id for row in rows}
    return [row for row in rows if row.id not in replaced]
