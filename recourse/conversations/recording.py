"""A conversation as it was, for whoever keeps it as a test: every message, which button was pressed, what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recourse.conversations.models import Button, Conversation, Message
from recourse.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list. ``messages``: how many, of everybody."""

    id: str
    customer_id: str
    channel: str
    state: str
    messages: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Pressed:
    """The button behind a buyer's message: what is on it, and the number of the message that offered it."""

    title: str
    seq: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. ``author`` is buyer, bot, agent or system. ``answered``: of a buyer's message, whether it has its answer.

    ``pressed``: the button that was pressed, None for what was typed. ``buttons``: titles that the message offers.
    """

    seq: int
    author: str
    text: str
    at: datetime
    answered: bool
    pressed: Pressed | None
    buttons: tuple[str, ...]


def newest(session: Session, customer_id: str | None, limit: int) -> list[Summary]:
    """The conversations (of one buyer, if given) in which something was said last, newest first."""
    counted = (
        select(Message.conversation_id, func.count().label("messages")).group_by(Message.conversation_id).subquery()
    )
    query = select(Conversation, counted.c.messages).join(counted, counted.c.conversation_id == Conversation.id)
    if customer_id is not None:
        query = query.where(Conversation.customer_id == customer_id)
    rows = session.execute(query.order_by(Conversation.last_at.desc(), Conversation.id).limit(limit))
    return [Summary(row.id, row.customer_id, row.channel, row.state, count, row.last_at) for row, count in rows]


def entries(session: Session, conversation_id: str) -> list[Entry]:
    """Every message of a conversation, oldest first. Raises NotFound for an unknown id."""
    if session.get(Conversation, conversation_id) is None:
        raise NotFound(f"no conversation {conversation_id!r}; `recourse conversations list` shows what there is")
    offered = session.scalars(
        select(Button).where(Button.conversation_id == conversation_id).order_by(Button.message_seq.desc())
    ).all()
    said = session.scalars(select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq))
    return [
        Entry(
            row.seq,
            row.author,
            row.text,
            row.at,
            row.handled_at is not None,
            _pressed(row, offered) if row.author == "buyer" else None,
            tuple(str(item["title"]) for item in row.buttons),
        )
        for row in said
    ]


def _pressed(row: Message, offered: Sequence[Button]) -> Pressed | None:
    """A press uses its button up in the moment in which it is stored; one that came too late is stored without a payload.

    A title that was typed is a press, too; a number that was typed for it is not. ``offered``: newest first.
    """
    for button in offered:
        if button.message_seq < row.seq and button.title == row.text:
            counted = button.used_at == row.at and button.payload == row.engine_text
            if counted or row.engine_text is None:
                return Pressed(button.title, button.message_seq)
    return None
