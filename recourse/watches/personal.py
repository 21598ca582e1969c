"""A buyer's stock watches, to export and to erase."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.watches.models import StockWatch


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Delete the buyer's watches and their log; returns how many rows. ``keep`` (order ids) has nothing to do with them."""
    ids = session.scalars(select(StockWatch.id).where(StockWatch.customer_id == customer_id)).all()
    personal.forget_moves(session, StockWatch.__tablename__, ids)
    return personal.delete_rows(session, StockWatch, StockWatch.customer_id == customer_id)


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """The buyer's watches, oldest first."""
    rows = session.scalars(
        select(StockWatch).where(StockWatch.customer_id == customer_id).order_by(StockWatch.asked_at, StockWatch.id)
    ).all()
    shown = personal.plains(rows, "id sku title state asked_at notified_at")
    return personal.table("stock_watch", shown) + personal.table(
        "history", personal.history(session, [row.id for row in rows])
    )
