"""Tables of disputes and their evidence. Amounts in minor units of the order's currency."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recourse.core.db import Base, MinorUnits, UtcDateTime, Versioned, new_id

_OPEN = "state NOT IN ('resolved', 'withdrawn')"


class Dispute(Versioned, Base):
    """A buyer's claim about one line of an order. At most one open per line (invariant 4).

    ``type``: not_received or not_as_described. ``wanted``: full, partial or return_refund; ``amount``: what the buyer asks for.
    ``respond_by``, ``negotiate_by``, ``ship_back_by``, ``inspect_by``: the deadline of the state of the same meaning; set once.
    ``transit_by``: when goods on their way back count as received although no carrier reported them.
    ``outcome``: full, partial, return_refund or none. ``outcome_amount``: what it brings back in cash.
    """

    __tablename__ = "dispute"
    __table_args__ = (
        Index("uq_dispute_open", "line_id", unique=True, sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
        Index("ix_dispute_state", "state", "respond_by"),
        Index(None, "order_id", "opened_at"),
        CheckConstraint("amount > 0 AND (outcome_amount IS NULL OR outcome_amount >= 0)", name="amount"),
        CheckConstraint("type IN ('not_received', 'not_as_described')", name="type"),
        CheckConstraint("wanted IN ('full', 'partial', 'return_refund')", name="wanted"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    line_id: Mapped[str] = mapped_column(ForeignKey("order_line.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    type: Mapped[str] = mapped_column(String(20))
    reason_code: Mapped[str] = mapped_column(String(40))
    description: Mapped[str | None] = mapped_column(String(2000))
    qty: Mapped[int]
    wanted: Mapped[str] = mapped_column(String(16))
    amount: Mapped[MinorUnits]
    state: Mapped[str] = mapped_column(String(20))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    respond_by: Mapped[datetime] = mapped_column(UtcDateTime)
    negotiate_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ship_back_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    inspect_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    transit_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    return_carrier: Mapped[str | None] = mapped_column(String(40))
    return_tracking: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str | None] = mapped_column(String(16))
    outcome_amount: Mapped[MinorUnits | None]
    decided_by: Mapped[str | None] = mapped_column(String(20))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    conversation_id: Mapped[str | None] = mapped_column(String(32))
    idempotency_key: Mapped[str] = mapped_column(String(128), unique=True)

    events: Mapped[list[DisputeEvent]] = relationship(order_by="DisputeEvent.seq", lazy="selectin")


class DisputeEvent(Base):
    """What was said or done in a dispute; append-only. ``kind``: opened, proposal, accept, reject, message, evidence, return_sent,
    return_received, contest, escalate, withdrawn or verdict. A proposal has ``wanted`` and ``amount``; the newest of each side stands."""

    __tablename__ = "dispute_event"
    __table_args__ = (UniqueConstraint("dispute_id", "seq"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    dispute_id: Mapped[str] = mapped_column(ForeignKey("dispute.id"))
    seq: Mapped[int]
    actor_type: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    wanted: Mapped[str | None] = mapped_column(String(16))
    amount: Mapped[MinorUnits | None]
    text: Mapped[str | None] = mapped_column(String(2000))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Evidence(Base):
    """A file for a dispute. ``file_name`` is random and says nothing; ``sha256`` and ``size`` are of the file as it is stored,
    after re-encoding; ``original_sha256`` of what was sent, so that the same photo is not stored twice."""

    __tablename__ = "evidence"
    __table_args__ = (UniqueConstraint("dispute_id", "original_sha256"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    dispute_id: Mapped[str] = mapped_column(ForeignKey("dispute.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    file_name: Mapped[str] = mapped_column(String(40), unique=True)
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    original_sha256: Mapped[str] = mapped_column(String(64))
    scan_status: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
