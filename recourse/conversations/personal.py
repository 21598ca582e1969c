"""A buyer's conversations with the assistant, to export and to erase."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.conversations.models import Button, Conversation, Message
from recourse.core import personal


def ids(session: Session, customer_id: str) -> list[str]:
    """Ids of all the buyer's conversations, which are also the names of their trackers in the engine."""
    query = select(Conversation.id).where(Conversation.customer_id == customer_id)
    return list(session.scalars(query.order_by(Conversation.opened_at, Conversation.id)))


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Delete all that was said and offered, and close the conversations for good; returns how many rows.

    What is open about an order (``keep``) lives in the order's own records and needs no transcript.
    """
    changed = 0
    for some in personal.chunks(ids(session, customer_id)):
        changed += personal.delete_rows(session, Button, Button.conversation_id.in_(some))
        changed += personal.delete_rows(session, Message, Message.conversation_id.in_(some))
    for row in session.scalars(select(Conversation).where(Conversation.customer_id == customer_id)):
        bare = {"client_key": row.id, "locale": "en", "timezone": "UTC", "state": "closed"}
        if any(getattr(row, name) != value for name, value in bare.items()):
            for name, value in bare.items():
                setattr(row, name, value)
            changed += 1
    session.flush()
    return changed


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Conversations with every message, oldest first."""
    rows = session.scalars(
        select(Conversation)
        .where(Conversation.customer_id == customer_id)
        .order_by(Conversation.opened_at, Conversation.id)
    )
    made = []
    for row in rows:
        made += personal.table(
            "conversation", [personal.plain(row, "id channel client_key locale timezone state opened_at last_at")]
        )
        said = session.scalars(select(Message).where(Message.conversation_id == row.id).order_by(Message.seq))
        for message in said:
            shown = personal.plain(message, "conversation_id seq author text at")
            shown["buttons"] = [button["title"] for button in message.buttons]
            made += personal.table("message", [shown])
    return made
