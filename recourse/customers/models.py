"""Table of buyers."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, Versioned


class Customer(Versioned, Base):
    """A buyer. ``id`` is the ``sub`` of the shop's token."""

    __tablename__ = "customer"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(80))
    locale: Mapped[str] = mapped_column(String(20), default="en")
    timezone: Mapped[str] = mapped_column(String(60), default="UTC")
    country: Mapped[str] = mapped_column(String(2))
    is_consumer: Mapped[bool] = mapped_column(default=True)
