"""What a refund looks like to rules and replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.errors import NotFound
from recourse.core.money import Money
from recourse.refunds.models import Refund, RefundLeg, RefundSla
from recourse.refunds.rules import CHARGED_BACK, LOST, is_overdue


@dataclass(frozen=True, slots=True)
class LegView:
    """One refund leg as the row says it now. ``overdue``: past its last expected business day.

    ``attempt`` counts the legs of one tender from 1; ``replaced_by`` is the leg that took the place of this one. ``action_url``
    and ``action_by``: where and until when the buyer gives bank details. ``reference``: what the buyer's bank can search for.
    """

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
    refund_id: str = ""
    order_id: str = ""
    payment_id: str = ""
    attempt: int = 1
    replaces_leg_id: str | None = None
    replaced_by: str | None = None
    submitted_at: datetime | None = None
    action_by: datetime | None = None
    action_url: str | None = None
    tries: int = 0
    psp_refund_ref: str | None = None

    @property
    def missing(self) -> bool:
        """Does the buyer lack this money, with nobody sending it any more?"""
        return self.state in LOST and self.replaced_by is None and self.failure_reason != CHARGED_BACK


@dataclass(frozen=True, slots=True)
class RefundLineView:
    """What a refund pays for: ``qty`` pieces of a line (0: an amount only), their cash and their coupon value."""

    line_id: str
    qty: int
    paid: Money
    coupon: Money


@dataclass(frozen=True, slots=True)
class RefundView:
    """One refund. ``legs`` are those that count, one a tender; ``attempts`` also those that another leg has replaced.

    ``legs_total`` + ``fee`` = ``paid_part``, the cash of the pieces without ``shipping_kept``. ``coupon_part``: what these pieces
    used of coupons; ``coupon_credit``: what of it came to the platform balance.
    """

    id: str
    cause_type: str
    cause_id: str
    accepted_at: datetime
    fee: Money
    legs_total: Money
    coupon_credit: Money
    legs: tuple[LegView, ...]
    order_id: str = ""
    paid_part: Money | None = None
    coupon_part: Money | None = None
    shipping_kept: Money | None = None
    lines: tuple[RefundLineView, ...] = ()
    attempts: tuple[LegView, ...] = ()

    @property
    def overdue(self) -> bool:
        """True when any leg is late."""
        return any(leg.overdue for leg in self.legs)

    @property
    def troubled(self) -> bool:
        """True when any leg is late or missing: a person should look at it."""
        return any(leg.overdue or leg.missing for leg in self.legs)

    @property
    def settled(self) -> bool:
        """True when every leg has arrived."""
        return all(leg.state == "succeeded" for leg in self.legs)


def ranges(session: Session) -> dict[str, tuple[int, int]]:
    """Business-day range by method, from ``refund_sla``."""
    return {row.method: (row.min_bd, row.max_bd) for row in session.scalars(select(RefundSla))}


def of_orders(session: Session, order_ids: Sequence[str], today: date) -> dict[str, RefundView]:
    """Order id -> its latest refund, for those of ``order_ids`` that have one, in one query."""
    return {order_id: found[-1] for order_id, found in of_orders_all(session, order_ids, today).items()}


def of_orders_all(session: Session, order_ids: Sequence[str], today: date) -> dict[str, list[RefundView]]:
    """Order id -> all its refunds, oldest first, for those of ``order_ids`` that have any, in one query."""
    rows = session.scalars(
        select(Refund)
        .where(Refund.order_id.in_(list(order_ids)))
        .order_by(Refund.accepted_at, Refund.created_at, Refund.id)
        .execution_options(populate_existing=True)
    )
    found: dict[str, list[RefundView]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(view(row, today))
    return found


def all_of(session: Session, order_id: str, today: date) -> list[RefundView]:
    """Every refund of an order, oldest first."""
    return of_orders_all(session, [order_id], today).get(order_id, [])


def orders_with_refund(session: Session, order_ids: Sequence[str]) -> set[str]:
    """Those of ``order_ids`` that have a refund."""
    return set(session.scalars(select(Refund.order_id).where(Refund.order_id.in_(list(order_ids)))))


def get(session: Session, refund_id: str, today: date) -> RefundView:
    """One refund. Raises NotFound."""
    row = session.get(Refund, refund_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no refund {refund_id}")
    return view(row, today)


def get_leg(session: Session, leg_id: str, today: date) -> LegView:
    """One refund leg, replaced or not. Raises NotFound."""
    row = session.get(RefundLeg, leg_id)
    if row is not None:
        for leg in get(session, row.refund_id, today).attempts:
            if leg.id == leg_id:
                return leg
    raise NotFound(f"no refund leg {leg_id}")


def view(row: Refund, today: date) -> RefundView:
    """The refund of ``row``; ``today`` decides what is late."""

    def money(amount: int) -> Money:
        return Money(amount, row.currency)

    replaced = {leg.replaces_leg_id: leg.id for leg in row.legs if leg.replaces_leg_id}
    legs = tuple(_leg(leg, row.order_id, replaced.get(leg.id), today) for leg in row.legs)
    return RefundView(
        id=row.id,
        cause_type=row.cause_type,
        cause_id=row.cause_id,
        accepted_at=row.accepted_at,
        fee=money(row.fee),
        legs_total=money(row.legs_total),
        coupon_credit=money(row.coupon_credit),
        legs=tuple(leg for leg in legs if leg.replaced_by is None),
        order_id=row.order_id,
        paid_part=money(row.paid_part),
        coupon_part=money(row.coupon_part),
        shipping_kept=money(row.shipping_kept),
        lines=tuple(RefundLineView(each.line_id, each.qty, money(each.paid), money(each.coupon)) for each in row.lines),
        attempts=legs,
    )


def _leg(leg: RefundLeg, order_id: str, replaced_by: str | None, today: date) -> LegView:
    return LegView(
        id=leg.id,
        method=leg.method,
        instrument=leg.instrument,
        amount=Money(leg.amount, leg.currency),
        state=leg.state,
        expected_from=leg.expected_from,
        expected_to=leg.expected_to,
        reference=leg.reference,
        failure_reason=leg.failure_reason,
        settled_at=leg.settled_at,
        overdue=replaced_by is None and is_overdue(leg.state, leg.expected_to, today),
        refund_id=leg.refund_id,
        order_id=order_id,
        payment_id=leg.payment_id,
        attempt=leg.attempt,
        replaces_leg_id=leg.replaces_leg_id,
        replaced_by=replaced_by,
        submitted_at=leg.submitted_at,
        action_by=leg.action_by,
        action_url=leg.action_url,
        tries=leg.tries,
        psp_refund_ref=leg.psp_refund_ref,
    )
