"""Chargebacks: the buyer's bank wants a payment back. While one is open the orders are on hold and no refund is made, because
the same money would be given twice (invariant 18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.errors import Conflict, InvalidInput, NotFound
from recourse.core.money import Money
from recourse.core.transitions import Actor, change_state, created
from recourse.disputes.decisions import issue_of
from recourse.fulfilment import service as fulfilment
from recourse.orders import payments
from recourse.orders import service as orders
from recourse.payments import rules
from recourse.payments.models import Chargeback
from recourse.payments.rules import CHARGEBACK_MACHINE
from recourse.refunds import leg_rows, legs, routes
from recourse.refunds.rules import CHARGED_BACK

_PSP, _PLATFORM, _TIMER = Actor("psp"), Actor("platform"), Actor("timer")
_LOST = CHARGED_BACK


@dataclass(frozen=True, slots=True)
class ChargebackView:
    """One chargeback. ``due_by``: until when the shop may answer. ``order_ids``: the orders that the payment pays for."""

    id: str
    payment_id: str
    psp_ref: str
    state: str
    reason: str
    amount: Money
    opened_at: datetime
    due_by: datetime
    closed_at: datetime | None
    order_ids: tuple[str, ...]


def opened(
    session: Session, payment_id: str, psp_ref: str, amount: Money, reason: str, due_by: datetime, now: datetime
) -> ChargebackView:
    """The bank disputes a payment: its orders go on hold. A chargeback that is known already is returned as it is.

    Raises NotFound for an unknown payment and InvalidInput for an amount that cannot be of it.
    """
    payment = payments.get(session, payment_id)
    payments.lock_orders(session, payment_id)
    known = session.scalars(select(Chargeback).where(Chargeback.psp_ref == psp_ref)).one_or_none()
    if known is not None:
        return _view(session, known)
    if amount.currency != payment.currency or amount.amount_minor <= 0:
        raise InvalidInput(f"a chargeback of payment {payment_id} must be more than zero and in {payment.currency}")
    row = Chargeback(
        payment_id=payment_id,
        psp_ref=psp_ref,
        state="needs_response",
        reason=reason[:40],
        amount=amount.amount_minor,
        currency=amount.currency,
        opened_at=now,
        due_by=due_by,
    )
    session.add(row)
    session.flush()
    created(session, row, CHARGEBACK_MACHINE, _PSP, now, reason)
    for order_id in payment.order_ids:
        fulfilment.freeze(session, order_id, "chargeback", now)
        orders.set_issue(session, order_id, "chargeback")
    outbox.alert_staff(session, payment.customer_id, "chargeback_opened", now, chargeback_id=row.id)
    return _view(session, row)


def evidence_submitted(session: Session, chargeback_id: str, actor: Actor, now: datetime) -> ChargebackView:
    """Staff have answered the bank with evidence. Raises NotFound, NotAllowed once it is closed, Conflict after ``due_by``."""
    row = _locked(session, chargeback_id)
    if row.state == "needs_response" and now >= row.due_by:
        raise Conflict(f"the time to answer ended at {row.due_by.isoformat()}; the chargeback is lost")
    if row.state != "under_review":
        change_state(session, row, "under_review", CHARGEBACK_MACHINE, actor, now, "evidence submitted")
    return _view(session, row)


def accept(session: Session, chargeback_id: str, actor: Actor, now: datetime) -> ChargebackView:
    """Staff do not dispute it: the money stays with the buyer. Raises NotFound, or NotAllowed once it was answered."""
    row = _locked(session, chargeback_id)
    if row.state != "lost":
        _lose(session, row, actor, now, "accepted")
    return _view(session, row)


def decided(session: Session, psp_ref: str, outcome: str, now: datetime) -> ChargebackView:
    """The bank has decided: ``outcome`` is ``won`` (the shop keeps the money) or ``lost``. A repeat changes nothing.

    Raises NotFound for an unknown chargeback.
    """
    if outcome not in rules.OUTCOMES:
        raise InvalidInput(f"{outcome!r} is not an outcome of a chargeback; those are {', '.join(rules.OUTCOMES)}")
    found = session.scalar(select(Chargeback.id).where(Chargeback.psp_ref == psp_ref))
    if found is None:
        raise NotFound("no such chargeback")
    row = _locked(session, found)
    for to, actor_type in rules.closing_path(row.state, outcome, row.due_by, now):
        actor = Actor(actor_type)
        if to == "lost":
            _lose(session, row, actor, now, "decided by the bank")
        elif to == "won":
            change_state(session, row, "won", CHARGEBACK_MACHINE, actor, now, "decided by the bank", closed_at=now)
            _give_free(session, row, now)
        else:
            change_state(session, row, to, CHARGEBACK_MACHINE, actor, now, "answered at the provider")
    return _view(session, row)


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of chargebacks that nobody answered in time, the longest overdue first."""
    return session.scalars(
        select(Chargeback.id)
        .where(Chargeback.state == "needs_response", Chargeback.due_by <= now)
        .order_by(Chargeback.due_by)
        .limit(limit)
    ).all()


def settle(session: Session, chargeback_id: str, now: datetime) -> ChargebackView | None:
    """Let the timer lose a chargeback that nobody answered in time; None when there is nothing to do any more."""
    row = _locked(session, chargeback_id)
    if row.state != "needs_response" or now < row.due_by:
        return None
    _lose(session, row, _TIMER, now, "not answered in time")
    return _view(session, row)


def get(session: Session, chargeback_id: str) -> ChargebackView:
    """One chargeback. Raises NotFound."""
    row = session.get(Chargeback, chargeback_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no chargeback {chargeback_id}")
    return _view(session, row)


def is_open(session: Session, payment_id: str) -> bool:
    """Is a bank disputing this payment now?"""
    query = select(Chargeback.id).where(Chargeback.payment_id == payment_id, Chargeback.state.in_(rules.OPEN)).limit(1)
    return session.scalar(query) is not None


def of_payments(session: Session, payment_ids: Sequence[str]) -> list[ChargebackView]:
    """Every chargeback of these payments, oldest first."""
    rows = session.scalars(
        select(Chargeback)
        .where(Chargeback.payment_id.in_(list(payment_ids)))
        .order_by(Chargeback.opened_at, Chargeback.id)
    )
    return [_view(session, row) for row in rows]


def _lose(session: Session, row: Chargeback, actor: Actor, now: datetime, why: str) -> None:
    """The money is gone. What was promised of it and not sent is stopped, and orders of which nothing is left have ended."""
    change_state(session, row, "lost", CHARGEBACK_MACHINE, actor, now, why, closed_at=now)
    payment = payments.get(session, row.payment_id)
    stopped = sum(_stop_legs(session, order_id, payment, now) for order_id in payment.order_ids)
    taken = payments.take_back(session, row.payment_id, row.amount)
    if taken + stopped < row.amount:
        outbox.alert_staff(session, payment.customer_id, "chargeback_paid_twice", now, chargeback_id=row.id)
    for order_id in payment.order_ids:
        _end_order(session, order_id, payment, now)


def _stop_legs(session: Session, order_id: str, payment: payments.PaymentView, now: datetime) -> int:
    """Stop what was promised of the payment and has not gone out; returns how much that is, in minor units."""
    stopped = 0
    for leg in leg_rows.of_payment(session, order_id, payment.id):
        if legs.stop_for_good(session, leg.id, now):
            stopped += leg.amount
        elif leg.state in ("submitted", "processing"):
            outbox.alert_staff(session, payment.customer_id, "refund_of_charged_back_money", now, leg_id=leg.id)
    return stopped


def _end_order(session: Session, order_id: str, payment: payments.PaymentView, now: datetime) -> None:
    """Cancel or close an order whose money was taken back. One that cannot end stays on hold until a person decides."""
    if _still_disputed(session, order_id):
        return
    order = orders.get_by_id(session, order_id)
    gone = not any(tender.left for tender in order.tenders)
    if gone and order.state == "to_ship":
        orders.move(
            session, order_id, "cancelled", _PLATFORM, now, "chargeback lost", cancelled_at=now, close_reason=_LOST
        )
        orders.cancel_pieces(session, order_id, order.unsent)
    elif gone and order.state in ("shipped", "delivered", "completed"):
        orders.move(session, order_id, "closed", _PLATFORM, now, "chargeback lost", close_reason=_LOST)
    orders.set_issue(session, order_id, issue_of(session, order_id))
    if orders.get_by_id(session, order_id).state in ("cancelled", "closed"):
        fulfilment.unfreeze(session, order_id, now)
    else:
        fulfilment.freeze(session, order_id, _LOST, now)
        outbox.alert_staff(session, payment.customer_id, "order_without_money", now, order_id=order_id)


def _give_free(session: Session, row: Chargeback, now: datetime) -> None:
    for order_id in payments.get(session, row.payment_id).order_ids:
        if _still_disputed(session, order_id):
            continue
        orders.set_issue(session, order_id, issue_of(session, order_id))
        fulfilment.unfreeze(session, order_id, now)
        routes.resume_reversed(session, order_id, row.payment_id, now)


def _still_disputed(session: Session, order_id: str) -> bool:
    """Does another chargeback hold this order, of the same payment or of another one?"""
    return any(is_open(session, tender.payment_id) for tender in orders.get_by_id(session, order_id).tenders)


def _locked(session: Session, chargeback_id: str) -> Chargeback:
    """The orders first, in the order of their ids, then the chargeback, read fresh."""
    row = session.get(Chargeback, chargeback_id)
    if row is None:
        raise NotFound(f"no chargeback {chargeback_id}")
    payments.lock_orders(session, row.payment_id)
    return session.get_one(Chargeback, chargeback_id, populate_existing=True, with_for_update=True)


def _view(session: Session, row: Chargeback) -> ChargebackView:
    return ChargebackView(
        row.id, row.payment_id, row.psp_ref, row.state, row.reason, Money(row.amount, row.currency), row.opened_at,
        row.due_by, row.closed_at, payments.get(session, row.payment_id).order_ids,
    )  # fmt: skip
