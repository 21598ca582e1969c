"""Chargebacks of a buyer's payments, to export. They hold nothing in anybody's own words, so there is nothing to erase."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.core.personal import Matter
from recourse.orders import personal as orders
from recourse.payments.models import Chargeback

_OVER = ("won", "lost")


def open_matters(session: Session, customer_id: str, now: datetime) -> list[Matter]:
    """Chargebacks that are not over, once for each order that the payment is for."""
    paid_for = orders.payments(session, customer_id)
    return [
        Matter("chargeback", row.id, order_id)
        for row in _chargebacks(session, paid_for)
        if row.state not in _OVER
        for order_id in paid_for[row.payment_id]
    ]


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Forget the reasons that people gave for moves of chargebacks; returns how many rows."""
    paid_for = orders.payments(session, customer_id)
    rows = [row for row in _chargebacks(session, paid_for) if set(paid_for[row.payment_id]).isdisjoint(keep)]
    return personal.forget_reasons(session, [row.id for row in rows])


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Chargebacks, oldest first."""
    rows = _chargebacks(session, orders.payments(session, customer_id))
    shown = personal.plains(rows, "id payment_id state reason amount currency opened_at due_by closed_at")
    return personal.table("chargeback", shown) + personal.table(
        "history", personal.history(session, [row.id for row in rows])
    )


def _chargebacks(session: Session, payment_ids: Collection[str]) -> list[Chargeback]:
    return [
        row
        for some in personal.chunks(payment_ids)
        for row in session.scalars(
            select(Chargeback).where(Chargeback.payment_id.in_(some)).order_by(Chargeback.opened_at, Chargeback.id)
        )
    ]
