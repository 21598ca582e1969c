"""Tables of refunds and of the wallet."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recourse.core.db import Base, MinorUnits, UtcDateTime, Versioned, new_id


class RefundSla(Base):
    """How many business days a refund to one method takes, from acceptance. ``source`` says where the figures are from."""

    __tablename__ = "refund_sla"
    __table_args__ = (CheckConstraint("min_bd >= 0 AND max_bd >= min_bd", name="range"),)

    method: Mapped[str] = mapped_column(String(20), primary_key=True)
    min_bd: Mapped[int]
    max_bd: Mapped[int]
    source: Mapped[str] = mapped_column(String(80))


class Refund(Versioned, Base):
    """The decision to give money back, one per cause (invariant 9). Amounts in minor units of ``currency``."""

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("cause_type", "cause_id"),
        CheckConstraint("legs_total >= 0 AND fee >= 0 AND coupon_credit >= 0", name="amounts"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    cause_type: Mapped[str] = mapped_column(String(20))
    cause_id: Mapped[str] = mapped_column(String(32))
    currency: Mapped[str] = mapped_column(String(3))
    paid_part: Mapped[MinorUnits]
    fee: Mapped[MinorUnits]
    legs_total: Mapped[MinorUnits]
    coupon_part: Mapped[MinorUnits]
    coupon_credit: Mapped[MinorUnits]
    accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)

    legs: Mapped[list[RefundLeg]] = relationship(order_by="RefundLeg.rank", lazy="selectin")


class RefundLeg(Versioned, Base):
    """The part of a refund that goes to one means of payment. ``expected_from`` and ``expected_to`` are bank days."""

    __tablename__ = "refund_leg"
    __table_args__ = (UniqueConstraint("idempotency_key"), CheckConstraint("amount > 0", name="amount"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    refund_id: Mapped[str] = mapped_column(ForeignKey("refund.id"), index=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payment.id"), index=True)
    rank: Mapped[int] = mapped_column(default=0)
    method: Mapped[str] = mapped_column(String(20))
    instrument: Mapped[str] = mapped_column(String(60))
    amount: Mapped[MinorUnits]
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(20))
    expected_from: Mapped[date] = mapped_column(Date)
    expected_to: Mapped[date] = mapped_column(Date)
    reference: Mapped[str | None] = mapped_column(String(40))
    failure_reason: Mapped[str | None] = mapped_column(String(40))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    idempotency_key: Mapped[str] = mapped_column(String(64))


class WalletEntry(Base):
    """One append-only line of a buyer's platform balance, at most one per source (invariant 19)."""

    __tablename__ = "wallet_entry"
    __table_args__ = (UniqueConstraint("source_type", "source_id", "kind"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    amount: Mapped[MinorUnits]
    currency: Mapped[str] = mapped_column(String(3))
    kind: Mapped[str] = mapped_column(String(20))
    source_type: Mapped[str] = mapped_column(String(20))
    source_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
