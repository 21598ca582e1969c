"""Use cases of refunds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.money import Money
from recourse.core.transitions import Actor, created
from recourse.orders.rules import OrderView
from recourse.refunds.models import Refund, RefundLeg, RefundSla, WalletEntry
from recourse.refunds.rules import LEG_MACHINE, Breakdown, is_overdue


@dataclass(frozen=True, slots=True)
class LegView:
    """One refund leg as the row says it now. ``overdue``: past its last expected business day."""

    id: str
    method: str
    instrument: str
    amount: Money
    state: str
    expected_from: date
    expected_to: date
    reference: str | None
    failure_reason: str | None
    settled_at: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class RefundView:
    """One refund with its legs. ``coupon_credit`` is what a used coupon brought to the platform balance."""

    id: str
    cause_type: str
    cause_id: str
    accepted_at: datetime
    fee: Money
    legs_total: Money
    coupon_credit: Money
    legs: tuple[LegView, ...]

    @property
    def overdue(self) -> bool:
        """True when any leg is late."""
        return any(leg.overdue for leg in self.legs)


def ranges(session: Session) -> dict[str, tuple[int, int]]:
    """Business-day range by method, from ``refund_sla``."""
    return {row.method: (row.min_bd, row.max_bd) for row in session.scalars(select(RefundSla))}


def grant(
    session: Session, order: OrderView, cause_type: str, cause_id: str, breakdown: Breakdown, at: datetime
) -> str | None:
    """Record the decision to refund ``breakdown``: refund, legs in state ``created``, coupon value to the wallet.

    Returns the refund's id, or None when nothing was paid and nothing is due. One refund per cause: the table refuses
    a second one. No provider is called here; a leg that is ``created`` has not been sent yet.
    """
    if not breakdown.legs and not breakdown.coupon_credit:
        return None
    refund = Refund(
        order_id=order.id,
        cause_type=cause_type,
        cause_id=cause_id,
        currency=order.currency,
        paid_part=breakdown.paid_part,
        fee=breakdown.fee,
        legs_total=breakdown.legs_total,
        coupon_part=breakdown.coupon_part,
        coupon_credit=breakdown.coupon_credit,
        accepted_at=at,
    )
    session.add(refund)
    session.flush()
    for rank, leg in enumerate(breakdown.legs):
        row = RefundLeg(
            refund_id=refund.id,
            payment_id=leg.payment_id,
            rank=rank,
            method=leg.method,
            instrument=leg.instrument,
            amount=leg.amount,
            currency=order.currency,
            state="created",
            expected_from=leg.expected_from,
            expected_to=leg.expected_to,
            idempotency_key=f"{refund.id}:{rank}",
        )
        session.add(row)
        session.flush()
        created(session, row, LEG_MACHINE, Actor("system"), at)
    if breakdown.coupon_credit:
        session.add(
            WalletEntry(
                customer_id=order.customer_id,
                amount=breakdown.coupon_credit,
                currency=order.currency,
                kind="coupon_value",
                source_type="refund",
                source_id=refund.id,
                at=at,
            )
        )
    return refund.id


def of_orders(session: Session, order_ids: Sequence[str], today: date) -> dict[str, RefundView]:
    """Order id -> its latest refund, for those of ``order_ids`` that have one, in one query."""
    rows = session.scalars(select(Refund).where(Refund.order_id.in_(list(order_ids))).order_by(Refund.accepted_at))
    return {row.order_id: _view(row, today) for row in rows}


def all_of(session: Session, order_id: str, today: date) -> list[RefundView]:
    """Every refund of an order, oldest first."""
    rows = session.scalars(select(Refund).where(Refund.order_id == order_id).order_by(Refund.accepted_at, Refund.id))
    return [_view(row, today) for row in rows]


def orders_with_refund(session: Session, order_ids: Sequence[str]) -> set[str]:
    """Those of ``order_ids`` that have a refund."""
    return set(session.scalars(select(Refund.order_id).where(Refund.order_id.in_(list(order_ids)))))


def _view(row: Refund, today: date) -> RefundView:
    def money(amount: int) -> Money:
        return Money(amount, row.currency)

    legs = tuple(
        LegView(
            id=leg.id,
            method=leg.method,
            instrument=leg.instrument,
            amount=money(leg.amount),
            state=leg.state,
            expected_from=leg.expected_from,
            expected_to=leg.expected_to,
            reference=leg.reference,
            failure_reason=leg.failure_reason,
            settled_at=leg.settled_at,
            overdue=is_overdue(leg.state, leg.expected_to, today),
        )
        for leg in row.legs
    )
    return RefundView(
        row.id,
        row.cause_type,
        row.cause_id,
        row.accepted_at,
        money(row.fee),
        money(row.legs_total),
        money(row.coupon_credit),
        legs,
    )
