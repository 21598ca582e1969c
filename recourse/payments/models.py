"""Table of chargebacks. Payments themselves belong to the orders that they pay for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, MinorUnits, UtcDateTime, Versioned, new_id


class Chargeback(Versioned, Base):
    """A buyer's bank takes a payment back. While it is open the orders are frozen and no refund is made (invariant 18)."""

    __tablename__ = "chargeback"
    __table_args__ = (Index(None, "payment_id", "state"), CheckConstraint("amount > 0", name="amount"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payment.id"))
    psp_ref: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(40))
    amount: Mapped[MinorUnits]
    currency: Mapped[str] = mapped_column(String(3))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_by: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
