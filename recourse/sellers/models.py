"""Tables of sellers and their policies."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, UtcDateTime, Versioned, new_id


class Seller(Versioned, Base):
    """A shop on the marketplace. ``is_trader``: sells as a business (CRD Art. 6a)."""

    __tablename__ = "seller"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(80))
    is_trader: Mapped[bool] = mapped_column(default=True)
    country: Mapped[str] = mapped_column(String(2))


class SellerPolicy(Base):
    """One version of a seller's rules (``seller_id`` NULL: the platform's default). Append-only; an order keeps a snapshot."""

    __tablename__ = "seller_policy"
    __table_args__ = (
        UniqueConstraint("seller_id", "policy_version"),
        CheckConstraint("response_hours > 0", name="response_hours"),
        CheckConstraint("on_silence IN ('approve', 'reject')", name="on_silence"),
        CheckConstraint("ship_while_pending IN ('supersedes', 'block')", name="ship_while_pending"),
        CheckConstraint("coupon_on_refund IN ('balance', 'none')", name="coupon_on_refund"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    seller_id: Mapped[str | None] = mapped_column(ForeignKey("seller.id"))
    policy_version: Mapped[int]
    valid_from: Mapped[datetime] = mapped_column(UtcDateTime)
    response_hours: Mapped[int] = mapped_column(default=24)
    on_silence: Mapped[str] = mapped_column(String(10), default="approve")
    ship_while_pending: Mapped[str] = mapped_column(String(12), default="supersedes")
    coupon_on_refund: Mapped[str] = mapped_column(String(20), default="balance")
    dispute_close_after_days: Mapped[int] = mapped_column(default=15)
    clause: Mapped[str | None] = mapped_column(Text)
