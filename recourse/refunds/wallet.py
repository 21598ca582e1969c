"""The platform balance of buyers: append-only lines, never negative, one line for each source (invariant 19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recourse.core.errors import InvalidInput, NotAllowed
from recourse.core.money import Money
from recourse.refunds.models import WalletEntry

KINDS = ("refund", "coupon_value", "release", "spend", "expiry", "adjustment")


@dataclass(frozen=True, slots=True)
class WalletLine:
    """One line of a buyer's balance; a negative ``amount`` took money out. ``source``: what it is about, and its id."""

    at: datetime
    kind: str
    amount: Money
    source_type: str
    source_id: str


def balance(session: Session, customer_id: str, currency: str) -> Money:
    """What the buyer has on the balance in ``currency``."""
    session.flush()
    total = session.scalar(
        select(func.sum(WalletEntry.amount)).where(
            WalletEntry.customer_id == customer_id, WalletEntry.currency == currency
        )
    )
    return Money(int(total or 0), currency)


def history(session: Session, customer_id: str, currency: str | None = None, limit: int = 100) -> list[WalletLine]:
    """The newest lines of the buyer's balance, newest first; of one currency or of all."""
    query = select(WalletEntry).where(WalletEntry.customer_id == customer_id)
    if currency:
        query = query.where(WalletEntry.currency == currency)
    rows: Sequence[WalletEntry] = session.scalars(
        query.order_by(WalletEntry.at.desc(), WalletEntry.id).limit(limit)
    ).all()
    return [
        WalletLine(row.at, row.kind, Money(row.amount, row.currency), row.source_type, row.source_id) for row in rows
    ]


def add(
    session: Session, customer_id: str, amount: Money, kind: str, source_type: str, source_id: str, at: datetime
) -> bool:
    """Enter one line; False, and nothing is done, where this source has its line already.

    Raises InvalidInput for an unknown kind or nothing, and NotAllowed where it would take out more than there is.
    """
    if kind not in KINDS or not amount.amount_minor:
        raise InvalidInput(f"a wallet line needs an amount and one of the kinds {', '.join(KINDS)}")
    if amount.amount_minor < 0:
        _hold(session, customer_id)
    session.flush()
    known = select(WalletEntry.id).where(
        WalletEntry.source_type == source_type, WalletEntry.source_id == source_id, WalletEntry.kind == kind
    )
    if session.scalar(known) is not None:
        return False
    if amount.amount_minor < 0:
        have = balance(session, customer_id, amount.currency)
        if (have + amount).amount_minor < 0:
            raise NotAllowed("the balance has less than this; nothing was taken")
    session.add(
        WalletEntry(
            customer_id=customer_id,
            amount=amount.amount_minor,
            currency=amount.currency,
            kind=kind,
            source_type=source_type,
            source_id=source_id,
            at=at,
        )
    )
    session.flush()
    return True


def release_to_wallet(
    session: Session, customer_id: str, payment_id: str, order_id: str, amount: int, currency: str, at: datetime
) -> None:
    """Credit back balance that was reserved for an order and never taken: ``amount`` minor units of the payment's part.

    One entry for each part: a payment that other orders of the checkout share is released order by order.
    """
    add(session, customer_id, Money(amount, currency), "release", "order_payment", f"{payment_id}:{order_id}", at)


def _hold(session: Session, customer_id: str) -> None:
    """Let one writer at a time take from a balance. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"wallet:{customer_id}"))))
