"""Tables of orders. Amounts are integers in the minor unit of the order's currency."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recourse.core.db import Base, Json, MinorUnits, UtcDateTime, Versioned, new_id


class OrderGroup(Base):
    """One checkout: it may hold one order per seller and is what the buyer paid for at once."""

    __tablename__ = "order_group"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Order(Versioned, Base):
    """What one buyer bought of one seller in one checkout. ``scenario`` labels demo orders."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_customer_placed", "customer_id", "placed_at"),
        CheckConstraint("total_paid >= 0", name="total_paid"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(16), unique=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("order_group.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"))
    seller_id: Mapped[str] = mapped_column(ForeignKey("seller.id"), index=True)
    state: Mapped[str] = mapped_column("status", String(20), index=True)
    frozen: Mapped[bool] = mapped_column(default=False)
    frozen_reason: Mapped[str | None] = mapped_column(String(40))
    currency: Mapped[str] = mapped_column(String(3))
    gross: Mapped[MinorUnits]
    discount: Mapped[MinorUnits] = mapped_column(default=0)
    shipping: Mapped[MinorUnits] = mapped_column(default=0)
    total_paid: Mapped[MinorUnits] = mapped_column(default=0)
    policy_id: Mapped[str | None] = mapped_column(ForeignKey("seller_policy.id"))
    policy_snapshot: Mapped[dict[str, Any]] = mapped_column(Json)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pay_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    review_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ship_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    shipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    close_reason: Mapped[str | None] = mapped_column(String(40))
    scenario: Mapped[str | None] = mapped_column(String(30), index=True)

    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", lazy="selectin")
    allocations: Mapped[list[PaymentAlloc]] = relationship(order_by="PaymentAlloc.payment_id", lazy="selectin")
    coupons: Mapped[list[CouponUse]] = relationship(order_by="CouponUse.id", lazy="selectin")
    shipments: Mapped[list[Shipment]] = relationship(order_by="Shipment.shipped_at", lazy="selectin")


class OrderLine(Base):
    """One product of an order. ``paid_alloc`` is this line's share of the real tender, shipping included; ``coupon_alloc``
    its share of coupons."""

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "position"),
        CheckConstraint("qty > 0 AND qty_cancelled >= 0 AND qty_shipped >= 0", name="qty"),
        CheckConstraint("qty_cancelled + qty_shipped <= qty", name="qty_sum"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[int]
    sku: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    qty: Mapped[int]
    unit_price: Mapped[MinorUnits]
    coupon_alloc: Mapped[MinorUnits] = mapped_column(default=0)
    shipping_alloc: Mapped[MinorUnits] = mapped_column(default=0)
    paid_alloc: Mapped[MinorUnits] = mapped_column(default=0)
    qty_cancelled: Mapped[int] = mapped_column(default=0)
    qty_shipped: Mapped[int] = mapped_column(default=0)


class Payment(Versioned, Base):
    """One tender of a checkout. ``instrument`` is the masked name that the buyer knows ("Visa ending 4242")."""

    __tablename__ = "payment"
    __table_args__ = (CheckConstraint("captured >= 0 AND captured <= authorised", name="captured"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    group_id: Mapped[str] = mapped_column(ForeignKey("order_group.id"), index=True)
    method: Mapped[str] = mapped_column(String(20))
    instrument: Mapped[str] = mapped_column(String(60))
    currency: Mapped[str] = mapped_column(String(3))
    authorised: Mapped[MinorUnits]
    captured: Mapped[MinorUnits] = mapped_column(default=0)
    state: Mapped[str] = mapped_column("status", String(20))
    tender_rank: Mapped[int] = mapped_column(default=0)


class PaymentAlloc(Base):
    """How much of a payment pays for one order of its checkout."""

    __tablename__ = "payment_alloc"

    payment_id: Mapped[str] = mapped_column(ForeignKey("payment.id"), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True, index=True)
    amount: Mapped[MinorUnits]

    payment: Mapped[Payment] = relationship(lazy="joined")


class CouponUse(Versioned, Base):
    """A coupon on an order: reserved until payment, then used; afterwards released or turned into balance."""

    __tablename__ = "coupon_use"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    code: Mapped[str] = mapped_column(String(30))
    amount: Mapped[MinorUnits]
    state: Mapped[str] = mapped_column(String(24))
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)


class Shipment(Base):
    """One parcel."""

    __tablename__ = "shipment"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    carrier: Mapped[str] = mapped_column(String(40))
    tracking: Mapped[str] = mapped_column(String(40), index=True)
    shipped_at: Mapped[datetime] = mapped_column(UtcDateTime)
    promised_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
