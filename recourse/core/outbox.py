"""The outbox: what must be told to the outside is written in the same transaction as the change itself (invariant 23).

In this cut its one reader is the gateway, which says ``buyer_notice`` rows in the buyer's conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from recourse.core.db import Base, Json, UtcDateTime, new_id

BUYER_NOTICE = "buyer_notice"


class Outbox(Base):
    """One message to deliver. ``payload`` names rows by id; amounts and dates are read when it is delivered."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("dedupe_key"),
        Index(
            "ix_outbox_open",
            "topic",
            "customer_id",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    topic: Mapped[str] = mapped_column(String(40))
    customer_id: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    dedupe_key: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def notify_buyer(session: Session, customer_id: str, kind: str, at: datetime, **ids: str) -> None:
    """Queue a notice of ``kind`` for a buyer. ``ids`` name the rows it speaks of; they also make it unique."""
    session.add(
        Outbox(
            topic=BUYER_NOTICE,
            customer_id=customer_id,
            payload={"kind": kind, **ids},
            dedupe_key=":".join([kind, *ids.values()])[:128],
            created_at=at,
        )
    )


def open_notices(session: Session, customer_ids: Iterable[str]) -> Sequence[Outbox]:
    """Undelivered notices of these buyers, oldest first, locked against a second deliverer where the database can."""
    return session.scalars(
        select(Outbox)
        .where(Outbox.topic == BUYER_NOTICE, Outbox.done_at.is_(None), Outbox.customer_id.in_(list(customer_ids)))
        .order_by(Outbox.created_at, Outbox.id)
        .with_for_update(skip_locked=True)
    ).all()
