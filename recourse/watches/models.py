"""Table of stock watches."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, UtcDateTime, Versioned, new_id


class StockWatch(Versioned, Base):
    """A buyer who wants to know when a product is back. ``state``: active, notified or cancelled; one active per product."""

    __tablename__ = "stock_watch"
    __table_args__ = (
        Index(
            "uq_stock_watch_active",
            "customer_id",
            "sku",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
        Index(None, "sku", "state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"))
    sku: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    notified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
