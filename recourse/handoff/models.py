"""Table of handoff cases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, Json, UtcDateTime, Versioned, new_id


class Handoff(Versioned, Base):
    """One case. ``payload`` is the frozen document of domain 4.2. At most one open case per conversation.

    ``agent_id``: who has it. ``promised_by``: until when the buyer was promised an answer. ``timer_at``: when the timer acts in
    the state that the case is in: the longest wait in the queue, or how long a buyer may be silent; None where it does not.
    """

    __tablename__ = "handoff"
    __table_args__ = (
        Index(
            "uq_handoff_open",
            "conversation_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'ticket', 'active')"),
            postgresql_where=text("state IN ('queued', 'ticket', 'active')"),
        ),
        Index("ix_handoff_timer_at", "timer_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    case_no: Mapped[str] = mapped_column(String(16), unique=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    state: Mapped[str] = mapped_column(String(10))
    priority: Mapped[str] = mapped_column(String(10))
    reason_code: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    agent_id: Mapped[str | None] = mapped_column(String(64))
    promised_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    timer_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
