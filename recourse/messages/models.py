"""Tables of the talk between buyer and seller: messages, what a seller asks the buyer to do, and offers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, MinorUnits, UtcDateTime, Versioned, new_id


class SellerMessage(Base):
    """One message in the thread of an order. ``author``: buyer, seller or platform. ``client_msg_id``: the writer's own key, so
    that a repeated one is stored once. ``off_platform``: it names a phone number, an address or a link that leads away."""

    __tablename__ = "seller_message"
    __table_args__ = (
        UniqueConstraint("order_id", "author", "client_msg_id"),
        Index(None, "order_id", "sent_at"),
        CheckConstraint("author IN ('buyer', 'seller', 'platform')", name="author"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    author: Mapped[str] = mapped_column(String(10))
    purpose: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(2000))
    off_platform: Mapped[bool] = mapped_column(default=False)
    client_msg_id: Mapped[str] = mapped_column(String(64))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RequiredAction(Versioned, Base):
    """What a seller asks of the buyer before deciding: a form or a piece of information [SEED 8.4]. ``state``: open, done or void."""

    __tablename__ = "required_action"
    __table_args__ = (
        Index(
            "ix_required_action_open",
            "asked_at",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        CheckConstraint("kind IN ('form', 'info')", name="kind"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("cancellation_request.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    text: Mapped[str] = mapped_column(String(1000))
    url: Mapped[str | None] = mapped_column(String(300))
    answer: Mapped[str | None] = mapped_column(String(2000))
    state: Mapped[str] = mapped_column(String(10))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SellerOffer(Versioned, Base):
    """A part of the money back if the buyer keeps the order. ``state``: open, accepted, declined, expired or retracted; at most one
    open per order. What is waived when it is accepted: the open cancellation request, if there is one."""

    __tablename__ = "seller_offer"
    __table_args__ = (
        Index(
            "uq_seller_offer_open",
            "order_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_seller_offer_due",
            "expires_at",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(None, "order_id"),
        CheckConstraint("amount > 0", name="amount"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    request_id: Mapped[str | None] = mapped_column(ForeignKey("cancellation_request.id"))
    amount: Mapped[MinorUnits]
    currency: Mapped[str] = mapped_column(String(3))
    text: Mapped[str] = mapped_column(String(1000))
    state: Mapped[str] = mapped_column(String(10))
    offered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
