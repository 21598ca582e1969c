"""Tables of refunds and of the wallet."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint, event
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
    """The decision to give money back, one per cause (invariant 9). Amounts in minor units of ``currency``.

    legs_total + fee = paid_part. ``shipping_kept``: the shipping share of the same pieces that does not come back.
    ``coupon_part``: what of the coupons these pieces used; ``coupon_credit``: what of it went to the balance.
    """

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
    shipping_kept: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)

    legs: Mapped[list[RefundLeg]] = relationship(order_by="RefundLeg.rank, RefundLeg.attempt", lazy="selectin")
    lines: Mapped[list[RefundLine]] = relationship(order_by="RefundLine.line_id", lazy="selectin")


class RefundLine(Base):
    """What a refund pays for: ``qty`` pieces of a line (0: an amount only), with their cash and coupon share."""

    __tablename__ = "refund_line"
    __table_args__ = (CheckConstraint("qty >= 0 AND paid >= 0 AND coupon >= 0", name="amounts"),)

    refund_id: Mapped[str] = mapped_column(ForeignKey("refund.id"), primary_key=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("order_line.id"), primary_key=True)
    qty: Mapped[int]
    paid: Mapped[MinorUnits]
    coupon: Mapped[MinorUnits]


class RefundLeg(Versioned, Base):
    """The part of a refund that goes to one means of payment. ``expected_from`` and ``expected_to`` are bank days.

    ``payment_id`` is what the money was paid with; ``method`` and ``instrument`` say where it goes, which differs only for a leg
    that replaces a failed one by the buyer's choice (invariant 17). ``replaces_leg_id``: the leg that failed, was cancelled or
    reversed. ``rank`` numbers the tenders, ``attempt`` the legs of one tender (from 1). ``tries``: how often it was sent.
    ``action_by``: until when the buyer must give bank details; ``action_url``: where. ``event_at``: the provider's time of its
    last word on the leg; ``checked_at``: when it was last asked about a leg that is late.
    """

    __tablename__ = "refund_leg"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        UniqueConstraint("replaces_leg_id"),
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_refund_leg_state", "state", "updated_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    refund_id: Mapped[str] = mapped_column(ForeignKey("refund.id"), index=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payment.id"), index=True)
    replaces_leg_id: Mapped[str | None] = mapped_column(ForeignKey("refund_leg.id"))
    attempt: Mapped[int] = mapped_column(default=1, server_default="1")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    psp_refund_ref: Mapped[str | None] = mapped_column(String(64), unique=True)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    action_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    action_url: Mapped[str | None] = mapped_column(String(300))
    event_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
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
    source_id: Mapped[str] = mapped_column(String(72))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@event.listens_for(WalletEntry, "before_update")
def _never_edited(*_: object) -> None:
    raise AssertionError("a wallet entry is never edited (invariant 19); write another one")
