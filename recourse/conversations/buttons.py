"""Buttons: what the buyer gets is a random token; the payload stays here and reaches the engine at most once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from recourse.conversations.models import Button, Message

VALID_FOR = timedelta(hours=24)
_TITLE_MAX = 200
_TOKEN = re.compile(r"btn_[\w-]{32}", re.ASCII)


def is_token(text: str) -> bool:
    """Does ``text`` have the form of a token? Nobody types such a thing."""
    return _TOKEN.fullmatch(text) is not None


def offer(
    session: Session, conversation_id: str, message_seq: int, wanted: Iterable[tuple[str, str]], now: datetime
) -> list[dict[str, str]]:
    """Make buttons of (title, payload) for a message; returns ``{"title", "token"}`` in the same order."""
    made = [
        Button(
            token=f"btn_{secrets.token_urlsafe(24)}",
            conversation_id=conversation_id,
            message_seq=message_seq,
            title=title[:_TITLE_MAX],
            payload=payload,
            expires_at=now + VALID_FOR,
        )
        for title, payload in wanted
    ]
    session.add_all(made)
    return [{"title": button.title, "token": button.token} for button in made]


def live(session: Session, conversation_id: str, now: datetime) -> Sequence[Button]:
    """The buttons that can be pressed: those of the newest turn that offered any, unused and not expired.

    A turn is all that was said between two messages of the buyer, so news that arrives while a question is open does
    not take the answers to it away.
    """
    newest = select(func.max(Button.message_seq)).where(Button.conversation_id == conversation_id).scalar_subquery()
    turn_began = (
        select(func.coalesce(func.max(Message.seq), 0))
        .where(Message.conversation_id == conversation_id, Message.author == "buyer", Message.seq < newest)
        .scalar_subquery()
    )
    return session.scalars(
        select(Button)
        .where(
            Button.conversation_id == conversation_id,
            Button.message_seq > turn_began,
            Button.used_at.is_(None),
            Button.expires_at > now,
        )
        .order_by(Button.message_seq)
    ).all()


def choices(session: Session, conversation_id: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """Title and payload of the live buttons, in the order in which they were shown."""
    by_token = {button.token: button for button in live(session, conversation_id, now)}
    shown = session.scalars(
        select(Message.buttons)
        .where(
            Message.conversation_id == conversation_id,
            Message.seq.in_({button.message_seq for button in by_token.values()}),
        )
        .order_by(Message.seq)
    )
    tokens = [item["token"] for items in shown for item in items if item["token"] in by_token]
    return tuple((by_token[token].title, by_token[token].payload) for token in tokens)


def find(session: Session, conversation_id: str, token: str) -> Button | None:
    """The button with this token, if it was offered in this conversation."""
    button = session.get(Button, token)
    return button if button is not None and button.conversation_id == conversation_id else None


def use(session: Session, pressed: Button, now: datetime) -> None:
    """Use up all buttons of the message that ``pressed`` belongs to."""
    session.execute(
        update(Button)
        .where(
            Button.conversation_id == pressed.conversation_id,
            Button.message_seq == pressed.message_seq,
            Button.used_at.is_(None),
        )
        .values(used_at=now)
    )
