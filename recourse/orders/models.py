"""Tables of orders. Amounts are integers in the minor unit of the order's currency."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, desc, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recourse.core.db import Base, Json, MinorUnits, UtcDateTime, Versioned, new_id


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class OrderGroup(Base):
    """One checkout: it may hold one order per seller and is what the buyer paid for at once."""

    __tablename__ = "order_group"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    currency: Mapped[str] = mapped_column(String(3))
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    external_id: Mapped[str | None] = mapped_column(String(64), unique=True)


class Order(Versioned, Base):
    """What one buyer bought of one seller in one checkout.

    ``issue``: which process owns the order besides its status: dispute, return or chargeback (NULL: none). ``external_id``: the
    shop's own number. ``tax`` is included in what lines were paid. ``scenario`` labels demo orders.
    """

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_customer_placed", "customer_id", desc("placed_at"), "number"),
        Index("ix_orders_pay_by", "pay_by", **_where("status = 'awaiting_payment'")),
        Index("ix_orders_review_by", "review_by", **_where("status = 'payment_review'")),
        Index("ix_orders_ship_by", "ship_by", **_where("status IN ('to_ship', 'partially_shipped')")),
        Index("ix_orders_protect_until", "protect_until", **_where("status IN ('shipped', 'delivered')")),
        CheckConstraint("total_paid >= 0", name="total_paid"),
        CheckConstraint("issue IN ('dispute', 'return', 'chargeback')", name="issue"),
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
    issue: Mapped[str | None] = mapped_column(String(12))
    external_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    gross: Mapped[MinorUnits]
    discount: Mapped[MinorUnits] = mapped_column(default=0)
    shipping: Mapped[MinorUnits] = mapped_column(default=0)
    tax: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    total_paid: Mapped[MinorUnits] = mapped_column(default=0)
    policy_id: Mapped[str | None] = mapped_column(ForeignKey("seller_policy.id"))
    policy_snapshot: Mapped[dict[str, Any]] = mapped_column(Json)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pay_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    review_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ship_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    protect_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
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
    """One product of an order. ``paid_alloc`` is this line's share of the real tender, shipping and tax included;
    ``coupon_alloc`` its share of coupons. ``refunded`` and ``coupon_returned``: how much of either has been given back (or
    withheld as a fee) so far; ``qty_refunded``: for how many pieces."""

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "position"),
        CheckConstraint("qty > 0 AND qty_cancelled >= 0 AND qty_shipped >= 0", name="qty"),
        CheckConstraint("qty_cancelled + qty_shipped <= qty", name="qty_sum"),
        CheckConstraint("qty_returned >= 0 AND qty_returned <= qty_shipped", name="qty_returned"),
        CheckConstraint("qty_refunded >= 0 AND qty_refunded <= qty", name="qty_refunded"),
        CheckConstraint("refunded >= 0 AND refunded <= paid_alloc", name="refunded"),
        CheckConstraint("coupon_returned >= 0 AND coupon_returned <= coupon_alloc", name="coupon_returned"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[int]
    sku: Mapped[str] = mapped_column(String(40), index=True)
    title: Mapped[str] = mapped_column(String(200))
    qty: Mapped[int]
    unit_price: Mapped[MinorUnits]
    coupon_alloc: Mapped[MinorUnits] = mapped_column(default=0)
    shipping_alloc: Mapped[MinorUnits] = mapped_column(default=0)
    tax_alloc: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    paid_alloc: Mapped[MinorUnits] = mapped_column(default=0)
    qty_cancelled: Mapped[int] = mapped_column(default=0)
    qty_shipped: Mapped[int] = mapped_column(default=0)
    qty_returned: Mapped[int] = mapped_column(default=0, server_default="0")
    qty_refunded: Mapped[int] = mapped_column(default=0, server_default="0")
    refunded: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    coupon_returned: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    withdrawal_exempt: Mapped[bool] = mapped_column(default=False, server_default=false())


class OrderTerm(Base):
    """A word by which a buyer's order is found: of a product's title or the seller's name. Written with the order."""

    __tablename__ = "order_term"

    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    term: Mapped[str] = mapped_column(String(40), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True, index=True)


class Payment(Versioned, Base):
    """One tender of a checkout. ``instrument`` is the masked name that the buyer knows ("Visa ending 4242").

    ``voided``: the part of the authorisation that was let go before capture; captured = authorised - voided from then on.
    ``presentment_*``: what the buyer's bank shows, where it is another currency.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("captured >= 0 AND voided >= 0 AND captured + voided <= authorised", name="captured"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    group_id: Mapped[str] = mapped_column(ForeignKey("order_group.id"), index=True)
    method: Mapped[str] = mapped_column(String(20))
    instrument: Mapped[str] = mapped_column(String(60))
    currency: Mapped[str] = mapped_column(String(3))
    authorised: Mapped[MinorUnits]
    captured: Mapped[MinorUnits] = mapped_column(default=0)
    voided: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    psp: Mapped[str] = mapped_column(String(20), default="simulator", server_default="simulator")
    psp_ref: Mapped[str | None] = mapped_column(String(64), unique=True)
    presentment_currency: Mapped[str | None] = mapped_column(String(3))
    presentment_amount: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column("status", String(20))
    tender_rank: Mapped[int] = mapped_column(default=0)


class PaymentAlloc(Base):
    """How much of a payment pays for one order of its checkout. ``voided``: let go before capture, when that order ended.
    ``refunded``: how much of it refunds have promised back so far (invariant 1). ``charged_back``: how much of the rest the
    buyer's bank has taken back for good; refunded + charged_back <= amount."""

    __tablename__ = "payment_alloc"
    __table_args__ = (
        CheckConstraint("refunded >= 0 AND charged_back >= 0 AND refunded + charged_back <= amount", name="refunded"),
    )

    payment_id: Mapped[str] = mapped_column(ForeignKey("payment.id"), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True, index=True)
    amount: Mapped[MinorUnits]
    voided: Mapped[bool] = mapped_column(default=False, server_default=false())
    refunded: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    charged_back: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")

    payment: Mapped[Payment] = relationship(lazy="joined")


class CouponUse(Versioned, Base):
    """A coupon on an order: reserved until payment, then used; afterwards released, restored or turned into balance.

    ``kind``: platform, seller, promo or coins. ``returned``: how much of its value has come back so far; a coupon of which
    only a part came back stays ``used``.
    """

    __tablename__ = "coupon_use"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    code: Mapped[str] = mapped_column(String(30))
    amount: Mapped[MinorUnits]
    kind: Mapped[str] = mapped_column(String(10), default="platform", server_default="platform")
    returned: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    state: Mapped[str] = mapped_column(String(24))
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)


class Shipment(Base):
    """One parcel. ``state``: label, accepted, in_transit, out_for_delivery, delivered, lost or returned; it never goes back.
    ``events``: the carrier's scans, oldest first: ``{"at", "state", "text"}``."""

    __tablename__ = "shipment"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    carrier: Mapped[str] = mapped_column(String(40))
    tracking: Mapped[str] = mapped_column(String(40), index=True)
    shipped_at: Mapped[datetime] = mapped_column(UtcDateTime)
    promised_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(20), default="in_transit", server_default="in_transit")
    events: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list, server_default="[]")

    lines: Mapped[list[ShipmentLine]] = relationship(order_by="ShipmentLine.line_id", lazy="selectin")


class ShipmentLine(Base):
    """What is in a parcel."""

    __tablename__ = "shipment_line"
    __table_args__ = (CheckConstraint("qty > 0", name="qty"),)

    shipment_id: Mapped[str] = mapped_column(ForeignKey("shipment.id"), primary_key=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("order_line.id"), primary_key=True)
    qty: Mapped[int]
