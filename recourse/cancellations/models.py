"""Tables of quotes and cancellation requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recourse.core.db import Base, Json, UtcDateTime, Versioned, new_id


class QuoteRow(Base):
    """What a buyer was shown before the "yes". Never changed; a submit compares its hash and order version (invariant 12)."""

    __tablename__ = "quote"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"))
    order_version: Mapped[int]
    terms: Mapped[dict[str, Any]] = mapped_column(Json)
    hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CancellationRequest(Versioned, Base):
    """A buyer's wish to cancel, with its own machine: asked is not cancelled. At most one open per order (invariant 3).

    ``scope``: the whole order (``all``) or what its lines say (``lines``). ``kind``: instant, request or intercept (after
    shipment). ``escalated_at``: since when the platform decides, where the policy says so after silence.
    """

    __tablename__ = "cancellation_request"
    __table_args__ = (
        Index(
            "uq_cancellation_request_open",
            "order_id",
            unique=True,
            sqlite_where=text("state = 'pending_seller'"),
            postgresql_where=text("state = 'pending_seller'"),
        ),
        Index(
            "ix_cancellation_request_due",
            "respond_by",
            sqlite_where=text("state = 'pending_seller'"),
            postgresql_where=text("state = 'pending_seller'"),
        ),
        Index(None, "order_id", "requested_at"),
        CheckConstraint("scope IN ('all', 'lines')", name="scope"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"))
    initiator: Mapped[str] = mapped_column(String(10), default="buyer")
    scope: Mapped[str] = mapped_column(String(10), default="all")
    kind: Mapped[str] = mapped_column(String(10), default="request", server_default="request")
    reason_code: Mapped[str] = mapped_column(String(40))
    reason_note: Mapped[str | None] = mapped_column(String(500))
    fault: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(20))
    quote_id: Mapped[str | None] = mapped_column(ForeignKey("quote.id"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    respond_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(20))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reject_reason: Mapped[str | None] = mapped_column(String(500))
    proof_tracking: Mapped[str | None] = mapped_column(String(40))
    proof_shipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    escalated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    conversation_id: Mapped[str | None] = mapped_column(String(32))
    idempotency_key: Mapped[str] = mapped_column(String(128), unique=True)

    lines: Mapped[list[CancellationLine]] = relationship(order_by="CancellationLine.line_id", lazy="selectin")


class CancellationLine(Base):
    """How many pieces of an order line a request is about. Written for every request, whatever its scope."""

    __tablename__ = "cancellation_request_line"
    __table_args__ = (CheckConstraint("qty > 0", name="qty"),)

    request_id: Mapped[str] = mapped_column(ForeignKey("cancellation_request.id"), primary_key=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("order_line.id"), primary_key=True)
    qty: Mapped[int]
