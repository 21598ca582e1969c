"""The inbox: each event from outside has its effect once, however often and in whatever order it comes (invariant 24)."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from recourse.core.db import Base, UtcDateTime


class Inbox(Base):
    """One event that was processed. Written in the same transaction as its effect."""

    __tablename__ = "inbox"

    source: Mapped[str] = mapped_column(String(30), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    payload_hash: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


def is_new(session: Session, source: str, event_id: str, payload: bytes, at: datetime) -> bool:
    """Note the event in the caller's transaction; False when it was processed before.

    Two transactions with the same event cannot both commit: the primary key lets one of them win, the other is repeated by
    the sender.
    """
    if session.get(Inbox, (source, event_id)) is not None:
        return False
    session.add(
        Inbox(source=source, event_id=event_id, payload_hash=hashlib.sha256(payload).hexdigest(), received_at=at)
    )
    session.flush()
    return True
