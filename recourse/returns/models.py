"""Tables of returns and of statutory withdrawals."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recourse.core.db import Base, Json, UtcDateTime, Versioned, new_id

_OPEN = "state IN ('requested', 'approved', 'in_transit', 'received')"

WAITING = "return_id IS NULL AND why = 'in_time'"
"""A withdrawal whose goods no return takes back yet: the condition of its index, word for word."""


class Return(Versioned, Base):
    """Goods on their way back. ``kind``: free, agreed or withdrawal. At most one open per order. Deadlines are set once.

    ``refund_by``: for a withdrawal, when the money is due on proof of sending (CRD Art. 13). ``label_cost_by``: buyer or seller.
    """

    __tablename__ = "return_request"
    __table_args__ = (
        Index("uq_return_open", "order_id", unique=True, sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
        Index("ix_return_state", "state"),
        CheckConstraint("kind IN ('free', 'agreed', 'withdrawal')", name="kind"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    reason_code: Mapped[str | None] = mapped_column(String(40))
    reason_note: Mapped[str | None] = mapped_column(String(500))
    state: Mapped[str] = mapped_column(String(12))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    respond_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ship_back_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    inspect_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refund_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    label_cost_by: Mapped[str] = mapped_column(String(10))
    carrier: Mapped[str | None] = mapped_column(String(40))
    tracking: Mapped[str | None] = mapped_column(String(40))
    received_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decline_reason: Mapped[str | None] = mapped_column(String(500))
    instructions: Mapped[str | None] = mapped_column(String(2000))
    idempotency_key: Mapped[str] = mapped_column(String(128), unique=True)

    lines: Mapped[list[ReturnLine]] = relationship(order_by="ReturnLine.line_id", lazy="selectin")


class ReturnLine(Base):
    """How many pieces of an order line go back."""

    __tablename__ = "return_line"
    __table_args__ = (CheckConstraint("qty > 0", name="qty"),)

    return_id: Mapped[str] = mapped_column(ForeignKey("return_request.id"), primary_key=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("order_line.id"), primary_key=True)
    qty: Mapped[int]


class Withdrawal(Base):
    """A consumer's declaration to withdraw from the contract (CRD Art. 9 to 11a). ``declared_at`` is when the declaration was
    received, and that alone is checked against ``deadline`` (invariant 28; NULL: the time has not begun, nothing was delivered).
    ``why``: in_time, or why there is no such right (returns/rules.py). ``pieces``: line id -> how many. ``return_id`` is NULL while
    another process owns the order, and where there is no right. ``ack_document``: the acknowledgement of receipt."""

    __tablename__ = "withdrawal"
    __table_args__ = (
        Index("ix_withdrawal_waiting", "declared_at", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    return_id: Mapped[str | None] = mapped_column(ForeignKey("return_request.id"))
    declared_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deadline: Mapped[datetime | None] = mapped_column(UtcDateTime)
    within: Mapped[bool]
    why: Mapped[str] = mapped_column(String(20))
    pieces: Mapped[dict[str, int]] = mapped_column(Json)
    ack_document: Mapped[str] = mapped_column(String(2000))
    idempotency_key: Mapped[str] = mapped_column(String(128), unique=True)
