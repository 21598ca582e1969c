"""Tables of conversations, messages and single-use buttons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recourse.core.db import Base, Json, UtcDateTime, new_id


class Conversation(Base):
    """One thread between a buyer and the shop. ``id`` is random and is the ``sender`` that Rasa knows.

    ``client_key`` is the name that a REST client gave it (unique per buyer). ``delivered_seq``: up to where a REST
    client was given the log. ``next_seq``: number of the next message.
    """

    __tablename__ = "conversation"
    __table_args__ = (UniqueConstraint("customer_id", "channel", "client_key"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    channel: Mapped[str] = mapped_column(String(20))
    client_key: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(20), default="bot")
    locale: Mapped[str] = mapped_column(String(20), default="en")
    timezone: Mapped[str] = mapped_column(String(60), default="UTC")
    next_seq: Mapped[int] = mapped_column(default=1)
    delivered_seq: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Message(Base):
    """One line of the log. ``author`` is buyer, bot, agent or system.

    ``cid`` is the client's own id of a buyer's message. ``engine_text`` is what the engine is given for it: a button's
    payload or the neutralised text; None where a button was pressed that no longer counts. ``handled_at`` is set
    together with the answer; a buyer's message without it is still waiting for one. ``buttons`` is a list of
    ``{"title", "token"}``.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "cid"),
        Index(
            "ix_message_waiting",
            "conversation_id",
            sqlite_where=text("author = 'buyer' AND handled_at IS NULL"),
            postgresql_where=text("author = 'buyer' AND handled_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    seq: Mapped[int]
    author: Mapped[str] = mapped_column(String(10))
    cid: Mapped[str | None] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    engine_text: Mapped[str | None] = mapped_column(Text)
    buttons: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Button(Base):
    """A button that was offered: an opaque token for a payload, bound to its conversation, pressed at most once."""

    __tablename__ = "button"
    __table_args__ = (Index(None, "conversation_id", "message_seq"),)

    token: Mapped[str] = mapped_column(String(43), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    message_seq: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    payload: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
