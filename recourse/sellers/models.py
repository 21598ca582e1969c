"""Tables of sellers and their policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, Text, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, Json, MinorUnits, UtcDateTime, Versioned, new_id


class Seller(Versioned, Base):
    """A shop on the marketplace. ``is_trader``: sells as a business (CRD Art. 6a)."""

    __tablename__ = "seller"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(80))
    is_trader: Mapped[bool] = mapped_column(default=True)
    country: Mapped[str] = mapped_column(String(2))
    timezone: Mapped[str] = mapped_column(String(60), default="UTC", server_default="UTC")
    external_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    cancel_defect_count: Mapped[int] = mapped_column(default=0, server_default="0")


class SellerPolicy(Base):
    """One version of a seller's rules (``seller_id`` NULL: the platform's default). Append-only; an order keeps a snapshot."""

    __tablename__ = "seller_policy"
    __table_args__ = (
        UniqueConstraint("seller_id", "policy_version"),
        CheckConstraint("response_hours > 0", name="response_hours"),
        CheckConstraint("on_silence IN ('approve', 'reject', 'escalate')", name="on_silence"),
        CheckConstraint("ship_while_pending IN ('supersedes', 'block')", name="ship_while_pending"),
        CheckConstraint("coupon_on_refund IN ('balance', 'restore_if_valid', 'none')", name="coupon_on_refund"),
        CheckConstraint("after_shipment IN ('refuse', 'ask_seller')", name="after_shipment"),
        CheckConstraint("fee_kind IN ('none', 'fixed', 'percent')", name="fee_kind"),
        CheckConstraint("fee_value >= 0 AND (fee_cap IS NULL OR fee_cap >= 0)", name="fee"),
        CheckConstraint("refund_shipping IN ('never', 'unsent_only', 'always')", name="refund_shipping"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    seller_id: Mapped[str | None] = mapped_column(ForeignKey("seller.id"))
    policy_version: Mapped[int]
    valid_from: Mapped[datetime] = mapped_column(UtcDateTime)
    response_hours: Mapped[int] = mapped_column(default=24)
    on_silence: Mapped[str] = mapped_column(String(10), default="approve")
    ship_while_pending: Mapped[str] = mapped_column(String(12), default="supersedes")
    coupon_on_refund: Mapped[str] = mapped_column(String(20), default="balance")
    after_shipment: Mapped[str] = mapped_column(String(12), default="refuse", server_default="refuse")
    fee_kind: Mapped[str] = mapped_column(String(8), default="none", server_default="none")
    fee_value: Mapped[MinorUnits] = mapped_column(default=0, server_default="0")
    fee_cap: Mapped[int | None] = mapped_column(BigInteger)
    refund_shipping: Mapped[str] = mapped_column(String(12), default="unsent_only", server_default="unsent_only")
    partial_cancel: Mapped[bool] = mapped_column(default=True, server_default=true())
    max_requests_per_order: Mapped[int | None]
    return_window_days: Mapped[int] = mapped_column(default=14, server_default="14")
    free_return: Mapped[bool] = mapped_column(default=False, server_default=false())
    ship_deadline_bd: Mapped[int] = mapped_column(default=7, server_default="7")
    dispute_open_after_days: Mapped[int] = mapped_column(default=10, server_default="10")
    dispute_close_after_days: Mapped[int] = mapped_column(default=15)
    dispute_response_days: Mapped[int] = mapped_column(default=5, server_default="5")
    negotiation_days: Mapped[int] = mapped_column(default=7, server_default="7")
    ship_back_days: Mapped[int] = mapped_column(default=10, server_default="10")
    clause: Mapped[str | None] = mapped_column(Text)
    clause_texts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")


class SellerApiKey(Base):
    """A key for ``/seller/v1``. Only its SHA-256 is kept; ``prefix`` is what a person recognises it by."""

    __tablename__ = "seller_api_key"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    seller_id: Mapped[str] = mapped_column(ForeignKey("seller.id"), index=True)
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
