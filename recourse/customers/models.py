"""Table of buyers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, UtcDateTime, Versioned


class Customer(Versioned, Base):
    """A buyer. ``id`` is the ``sub`` of the shop's token. ``status``: active, restricted or erased."""

    __tablename__ = "customer"
    __table_args__ = (CheckConstraint("status IN ('active', 'restricted', 'erased')", name="status"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(80))
    locale: Mapped[str] = mapped_column(String(20), default="en")
    timezone: Mapped[str] = mapped_column(String(60), default="UTC")
    country: Mapped[str] = mapped_column(String(2))
    is_consumer: Mapped[bool] = mapped_column(default=True)
    status: Mapped[str] = mapped_column(String(12), default="active", server_default="active")
    anonymised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
