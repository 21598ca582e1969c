"""Refunds of the past, as a shop's systems bring them with an order: written as they stand, and read back in the same form.

Recourse sends none of this money: it only tells the buyer where it is. A leg that Recourse has yet to send counts as
submitted to whoever reads it. Amounts are minor units, times aware UTC, nothing commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.db import new_id
from recourse.core.errors import InvalidInput
from recourse.core.transitions import TransitionLog
from recourse.orders.rules import OrderView
from recourse.refunds.models import Refund, RefundLeg, RefundLine, WalletEntry
from recourse.refunds.rules import LEG_MACHINE, LOST

CAUSE = "shop"
"""``cause_type`` of a refund that was decided elsewhere."""

REASON = "brought in"

_PASTS = {
    "submitted": ("created", "submitted"),
    "requires_action": ("created", "submitted", "requires_action"),
    "processing": ("created", "submitted", "processing"),
    "succeeded": ("created", "submitted", "processing", "succeeded"),
    "failed": ("created", "submitted", "processing", "failed"),
    "cancelled": ("created", "cancelled"),
    "reversed": ("created", "submitted", "processing", "succeeded", "reversed"),
}
LEG_STATES = tuple(_PASTS)


@dataclass(frozen=True, slots=True)
class ArrivedLeg:
    """What goes to one means of payment (``payment``: its place on the order, from 1). Several legs of one payment follow each
    other: each replaces the one before, which failed."""

    payment: int
    amount: int
    state: str
    expected_from: date
    expected_to: date
    reference: str | None = None
    failure_reason: str | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ArrivedShare:
    """What the refund pays for: ``qty`` pieces of the line at place ``line`` (from 1), their cash (``paid``), what of their
    shipping is kept, and their coupon value."""

    line: int
    qty: int
    paid: int
    kept: int = 0
    coupon: int = 0


@dataclass(frozen=True, slots=True)
class ArrivedRefund:
    """One refund: cash of its shares - fee goes to the legs, ``coupon_credit`` of the coupon value to the balance."""

    accepted_at: datetime
    shares: tuple[ArrivedShare, ...]
    legs: tuple[ArrivedLeg, ...]
    fee: int = 0
    coupon_credit: int = 0

    @property
    def promised(self) -> dict[int, int]:
        """Place of a payment -> what of it comes back: its first leg, which later ones only replace."""
        found: dict[int, int] = {}
        for leg in self.legs:
            found.setdefault(leg.payment, leg.amount)
        return found


def check(refund: ArrivedRefund) -> None:
    """Raise InvalidInput unless the refund adds up (invariants 10 and 17)."""
    cash = sum(share.paid for share in refund.shares)
    if sum(refund.promised.values()) + refund.fee != cash:
        raise InvalidInput(
            f"a refund gives back {sum(refund.promised.values())} and keeps a fee of {refund.fee}, "
            f"but its lines are worth {cash} minor units"
        )
    if refund.coupon_credit not in (0, sum(share.coupon for share in refund.shares)):
        raise InvalidInput("coupon value comes back as balance whole or not at all")
    last: dict[int, ArrivedLeg] = {}
    for leg in refund.legs:
        before = last.get(leg.payment)
        if before is not None and (before.state not in LOST or before.amount != leg.amount):
            raise InvalidInput("a second leg of a payment replaces one that failed, with the same amount")
        last[leg.payment] = leg


def write(session: Session, order: OrderView, refunds: Sequence[ArrivedRefund]) -> None:
    """Write the refunds of an order that was brought in. The order's own accounts say them already."""
    for refund in refunds:
        check(refund)
        row = Refund(
            id=new_id(),
            order_id=order.id,
            cause_type=CAUSE,
            cause_id=new_id(),
            currency=order.currency,
            paid_part=sum(share.paid for share in refund.shares),
            fee=refund.fee,
            legs_total=sum(refund.promised.values()),
            coupon_part=sum(share.coupon for share in refund.shares),
            coupon_credit=refund.coupon_credit,
            shipping_kept=sum(share.kept for share in refund.shares),
            accepted_at=refund.accepted_at,
        )
        session.add(row)
        session.flush()
        for share in refund.shares:
            line = order.lines[share.line - 1]
            session.add(
                RefundLine(refund_id=row.id, line_id=line.id, qty=share.qty, paid=share.paid, coupon=share.coupon)
            )
        _write_legs(session, order, row, refund.legs)
        if refund.coupon_credit:
            enter(
                session, order, refund.coupon_credit, "coupon_value", ("refund", row.id), refund.accepted_at
            )  # fmt: skip
    session.flush()


def _write_legs(session: Session, order: OrderView, refund: Refund, legs: Sequence[ArrivedLeg]) -> None:
    before: dict[int, RefundLeg] = {}
    for leg in legs:
        tender, replaced = order.tenders[leg.payment - 1], before.get(leg.payment)
        attempt = replaced.attempt + 1 if replaced else 1
        row = RefundLeg(
            id=new_id(),
            refund_id=refund.id,
            payment_id=tender.payment_id,
            replaces_leg_id=replaced.id if replaced else None,
            attempt=attempt,
            rank=leg.payment - 1,
            method=tender.method,
            instrument=tender.instrument,
            amount=leg.amount,
            currency=order.currency,
            state=leg.state,
            version=len(_PASTS[leg.state]),
            expected_from=leg.expected_from,
            expected_to=leg.expected_to,
            reference=leg.reference,
            failure_reason=leg.failure_reason,
            settled_at=leg.settled_at,
            idempotency_key=f"{refund.id}:{leg.payment}:{attempt}",
        )
        session.add(row)
        session.flush()
        before[leg.payment] = row
        _log(session, row, refund.accepted_at)
        if leg.state in ("succeeded", "reversed") and tender.method == "balance":
            enter(session, order, leg.amount, "refund", ("refund_leg", row.id), leg.settled_at or refund.accepted_at)


def _log(session: Session, row: RefundLeg, began: datetime) -> None:
    past, before = _PASTS[row.state], None
    for state in past:
        at = row.settled_at if row.settled_at and state == past[-1] else began
        (actor, *_) = sorted(LEG_MACHINE[before, state])
        session.add(
            TransitionLog(
                entity_type="refund_leg", entity_id=row.id, from_state=before, to_state=state, actor_type=actor,
                actor_id=None, reason=REASON, at=at,
            )
        )  # fmt: skip
        before = state


def open_balance(session: Session, order: OrderView) -> None:
    """Note what of the order was paid from the buyer's balance: it came from the shop's own books, and was spent."""
    at = order.paid_at or order.placed_at
    for tender in order.tenders:
        if tender.method == "balance" and order.total_paid and not tender.voided:
            enter(session, order, tender.amount, "adjustment", ("payment", tender.payment_id), at)
            enter(session, order, -tender.amount, "spend", ("payment", tender.payment_id), at)


def enter(session: Session, order: OrderView, amount: int, kind: str, source: tuple[str, str], at: datetime) -> None:
    """One line in the wallet of the order's buyer."""
    session.add(
        WalletEntry(
            customer_id=order.customer_id,
            amount=amount,
            currency=order.currency,
            kind=kind,
            source_type=source[0],
            source_id=source[1],
            at=at,
        )
    )


def count(session: Session, order_ids: Sequence[str]) -> Counter[str]:
    """Order id -> how many refunds it has."""
    query = select(Refund.order_id).where(Refund.order_id.in_(order_ids))
    return Counter(session.scalars(query))


def read(session: Session, views: Sequence[OrderView]) -> dict[str, tuple[ArrivedRefund, ...]]:
    """Order id -> its refunds, oldest first, for those of ``views`` that have any; in one query and its two companions."""
    by_id = {view.id: view for view in views}
    found: dict[str, tuple[ArrivedRefund, ...]] = {}
    query = select(Refund).where(Refund.order_id.in_(list(by_id))).order_by(Refund.accepted_at, Refund.id)
    for row in session.scalars(query):
        found[row.order_id] = (*found.get(row.order_id, ()), _read(row, by_id[row.order_id]))
    return found


def _read(row: Refund, order: OrderView) -> ArrivedRefund:
    places = {line.id: place for place, line in enumerate(order.lines, start=1)}
    payments = {tender.payment_id: place for place, tender in enumerate(order.tenders, start=1)}
    shares = sorted(((places[line.line_id], line) for line in row.lines), key=lambda each: each[0])
    kept = row.shipping_kept
    parts = []
    for place, line in shares:
        spare = order.lines[place - 1].refunded - line.paid
        part = min(kept, max(spare, 0))
        kept -= part
        parts.append(ArrivedShare(place, line.qty, line.paid, part, line.coupon))
    legs = sorted(row.legs, key=lambda leg: (payments[leg.payment_id], leg.attempt))
    return ArrivedRefund(
        accepted_at=row.accepted_at,
        shares=tuple(parts),
        legs=tuple(
            ArrivedLeg(
                payments[leg.payment_id],
                leg.amount,
                "submitted" if leg.state == "created" else leg.state,
                leg.expected_from,
                leg.expected_to,
                leg.reference,
                leg.failure_reason,
                leg.settled_at,
            )
            for leg in legs
        ),
        fee=row.fee,
        coupon_credit=row.coupon_credit,
    )
