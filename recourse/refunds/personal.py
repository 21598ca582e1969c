"""A buyer's refunds and balance, to export and to erase. Amounts, dates and references of the bank stay: accounting."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.core.money import Money
from recourse.core.personal import Matter
from recourse.orders import personal as orders
from recourse.refunds import wallet
from recourse.refunds.models import Refund, WalletEntry

_UNSETTLED = ("created", "submitted", "processing", "requires_action")
_NOT_PAID = ("failed", "cancelled", "reversed")
_LEG = (
    "id refund_id payment_id replaces_leg_id attempt method instrument amount currency state submitted_at expected_from "
    "expected_to reference failure_reason settled_at action_by"
)
_REFUND = "id order_id cause_type cause_id currency paid_part fee legs_total coupon_part coupon_credit shipping_kept accepted_at"


def open_matters(session: Session, customer_id: str, now: datetime) -> list[Matter]:
    """Refunds of which money is on its way, or failed or came back and was not sent again."""
    refunds = _refunds(session, customer_id)
    found = []
    for refund in refunds:
        replaced = {leg.replaces_leg_id for leg in refund.legs}
        if any(leg.state in _UNSETTLED or (leg.state in _NOT_PAID and leg.id not in replaced) for leg in refund.legs):
            found.append(Matter("refund", refund.id, refund.order_id))
    return found


def balances(session: Session, customer_id: str) -> list[Money]:
    """What the buyer has on the platform's balance, by currency; only what is more than nothing."""
    rows = session.execute(
        select(WalletEntry.currency, func.sum(WalletEntry.amount).label("total"))
        .where(WalletEntry.customer_id == customer_id)
        .group_by(WalletEntry.currency)
        .order_by(WalletEntry.currency)
    )
    return [Money(int(row.total), row.currency) for row in rows if row.total > 0]


def forfeit_balance(session: Session, customer_id: str, request_id: str, at: datetime) -> int:
    """Write off the balance of an account that is erased, as the buyer was told; returns how many entries that took.

    Entries are never edited (invariant 19): a last one per currency brings the sum to zero. A repeat changes nothing.
    """
    left = balances(session, customer_id)
    for money in left:
        gone = Money(-money.amount_minor, money.currency)
        wallet.add(session, customer_id, gone, "expiry", f"erasure_{money.currency.lower()}", request_id, at)
    return len(left)


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Forget where refunds went ("card" instead of "Visa ending 4242"), links to forms, and people's reasons.

    Returns how many rows. ``keep``: ids of orders that are left alone.
    """
    changed, ids = 0, []
    for refund in _refunds(session, customer_id):
        if refund.order_id in keep:
            continue
        for leg in refund.legs:
            ids.append(leg.id)
            if leg.instrument != leg.method or leg.action_url is not None:
                leg.instrument, leg.action_url = leg.method, None
                changed += 1
    session.flush()
    return changed + personal.forget_reasons(session, ids)


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Refunds with lines and legs, and every entry of the balance, oldest first."""
    refunds = _refunds(session, customer_id)
    made = personal.table("refund", personal.plains(refunds, _REFUND))
    for row in refunds:
        made += personal.table("refund_line", personal.plains(row.lines, "refund_id line_id qty paid coupon"))
        made += personal.table("refund_leg", personal.plains(row.legs, _LEG))
    entries = session.scalars(
        select(WalletEntry).where(WalletEntry.customer_id == customer_id).order_by(WalletEntry.at, WalletEntry.id)
    )
    made += personal.table("wallet_entry", personal.plains(entries, "id amount currency kind source_type source_id at"))
    legs = [leg.id for row in refunds for leg in row.legs]
    return made + personal.table("history", personal.history(session, legs))


def _refunds(session: Session, customer_id: str) -> list[Refund]:
    return [
        row
        for some in personal.chunks(list(orders.numbers(session, customer_id)))
        for row in session.scalars(
            select(Refund).where(Refund.order_id.in_(some)).order_by(Refund.accepted_at, Refund.id)
        )
    ]
