"""Tables of erasure requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from recourse.core.db import Base, Json, UtcDateTime, Versioned, new_id

_OPEN = "state NOT IN ('cancelled', 'completed', 'refused')"


class ErasureRequest(Versioned, Base):
    """A buyer's wish to be forgotten. ``due_at``: one month from receipt (GDPR 12(3)). ``blockers``: open matters, as last seen:
    ``{"kind", "id", "number"}``. At most one open per buyer. ``check_at``: when the timer looks at it next (None: never)."""

    __tablename__ = "erasure_request"
    __table_args__ = (
        Index("uq_erasure_open", "customer_id", unique=True, sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
        Index("ix_erasure_state", "state", "due_at"),
        Index("ix_erasure_check_at", "check_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"))
    state: Mapped[str] = mapped_column(String(12))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    verify_by: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    execute_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    check_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    blockers: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    reason: Mapped[str | None] = mapped_column(String(500))

    items: Mapped[list[ErasureItem]] = relationship(order_by="ErasureItem.store", lazy="selectin")


class ErasureItem(Base):
    """What was done in one store (customer, messages, evidence, tracker, ...). ``state``: erased or retained, then with the reason
    and until when (a law's period)."""

    __tablename__ = "erasure_item"
    __table_args__ = (UniqueConstraint("request_id", "store"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    request_id: Mapped[str] = mapped_column(ForeignKey("erasure_request.id"))
    store: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12))
    rows: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    retained_reason: Mapped[str | None] = mapped_column(String(200))
    retained_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
