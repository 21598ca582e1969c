"""Conversations: opening and resuming one, the log of what was said in it, and what still waits for an answer.

Nothing here commits: the caller owns the transaction. ``now`` is an aware UTC datetime.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recourse.conversations import buttons, rules
from recourse.conversations.models import Button, Conversation, Message
from recourse.core.clock import zone
from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotFound
from recourse.core.words import Utterance

WEB, REST = "web", "rest"
"""Channels: the buyer's socket and the Rasa-compatible REST channel."""

BOT, QUEUED, HUMAN, CLOSED = "bot", "queued", "human", "closed"
"""Who answers in a conversation: the assistant, soon a person, a person, or nobody any more (its buyer was erased)."""

_PAGE = 200
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_ZONE_MAX = 60


class UnknownButton(InvalidInput):
    """The token of a button was not issued in this conversation."""

    code = "unknown_button"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose conversation it is, and how this buyer is spoken to."""

    customer_id: str
    locale: str
    timezone: str


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation as other parts see one."""

    id: str
    customer_id: str
    locale: str
    timezone: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """One line of the log. ``buttons`` are (title, token); ``stale`` means that none of them can be pressed any more.

    ``engine_text`` is what the engine is given for a buyer's message; None where there is nothing to give, because a
    button was pressed that no longer counts.
    """

    seq: int
    author: str
    text: str
    at: datetime
    cid: str | None = None
    engine_text: str | None = None
    buttons: tuple[tuple[str, str], ...] = ()
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a buyer's message. ``repeated``: it was in the log already, as ``message``; nothing was stored."""

    message: MessageView
    repeated: bool = False


def open_conversation(
    session: Session, channel: str, client_key: str | None, identity: Identity, welcome: Utterance, now: datetime
) -> ConversationView:
    """The buyer's conversation called ``client_key`` on ``channel``; a new one if there is none, or without a key.

    ``identity``: the buyer, and the locale and time zone to begin with. A new conversation begins with ``welcome``.
    """
    customer_id = identity.customer_id
    if client_key is not None:
        found = session.scalars(_named(customer_id, channel, client_key)).first()
        if found is not None:
            return _view(found)
    row = Conversation(
        id=new_id(),
        customer_id=customer_id,
        channel=channel,
        locale=identity.locale,
        timezone=identity.timezone,
        opened_at=now,
        last_at=now,
    )
    row.client_key = client_key if client_key is not None else row.id
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another process opened it between our look and our write
        return _view(session.scalars(_named(customer_id, channel, row.client_key)).one())
    say(session, row.id, [welcome], now)
    return _view(row)


def resume_conversation(session: Session, customer_id: str, conversation_id: str) -> ConversationView:
    """The buyer's own conversation with this id. Raises NotFound for somebody else's, for a closed one and for none alike."""
    row = session.get(Conversation, conversation_id)
    if row is None or row.customer_id != customer_id or row.state == CLOSED:
        raise NotFound("There is no such conversation of this buyer. Start a new one: send no conversation id.")
    return _view(row)


def localise(
    session: Session, conversation: ConversationView, locale: str | None, timezone: str | None
) -> ConversationView:
    """Take over what the buyer's browser says of its language and time zone; what is not usable is ignored."""
    row = session.get_one(Conversation, conversation.id)
    if locale and _LOCALE.fullmatch(locale) and len(locale) <= 20:
        row.locale = locale
    if timezone and len(timezone) <= _ZONE_MAX and zone(timezone).key == timezone:
        row.timezone = timezone
    return _view(row)


def identify(session: Session, conversation_id: str) -> Identity | None:
    """The buyer of a conversation, or None where there is no such conversation."""
    row = session.get(Conversation, conversation_id)
    return None if row is None else Identity(row.customer_id, row.locale, row.timezone)


def get(session: Session, conversation_id: str) -> ConversationView:
    """A conversation by id, whoever's it is. Raises NotFound."""
    row = session.get(Conversation, conversation_id)
    if row is None:
        raise NotFound(f"no conversation {conversation_id!r}")
    return _view(row)


def set_state(session: Session, conversation_id: str, state: str) -> None:
    """Say who answers here from now on (``BOT``, ``QUEUED`` or ``HUMAN``). A closed conversation stays closed."""
    session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.state != CLOSED)
        .values(state=state)
        .execution_options(synchronize_session="fetch")
    )


def last_heard(session: Session, conversation_id: str) -> datetime | None:
    """When the buyer last wrote here, or None."""
    query = select(func.max(Message.at)).where(Message.conversation_id == conversation_id, Message.author == "buyer")
    return session.scalar(query)


def accept_message(
    session: Session,
    conversation_id: str,
    cid: str,
    now: datetime,
    *,
    text: str | None = None,
    button: str | None = None,
) -> Accepted:
    """Store what the buyer typed (``text``) or pressed (``button``, a token). The same ``cid`` is stored once.

    Typed text that names a live button presses it. A button that was used, is too old, or was followed by other buttons
    is stored as a message without ``engine_text``. Pressing a button again while its first press waits for the answer
    counts as the same press. Raises NotFound, EmptyText, TextTooLong and UnknownButton.
    """
    _lock(session, conversation_id)
    known = session.scalars(
        select(Message).where(Message.conversation_id == conversation_id, Message.cid == cid)
    ).one_or_none()
    if known is not None:
        return Accepted(_message_view(known), repeated=True)
    if button is not None:
        return _press(session, conversation_id, cid, button, now)
    typed = rules.clean(text or "")
    live = buttons.live(session, conversation_id, now)
    index = rules.choice(typed, [item.title for item in live])
    if index is None:
        return Accepted(_store(session, conversation_id, cid, typed, rules.engine_text(typed), now))
    buttons.use(session, live[index], now)
    return Accepted(_store(session, conversation_id, cid, typed, live[index].payload, now))


def say(
    session: Session, conversation_id: str, utterances: Iterable[Utterance], now: datetime, author: str = "bot"
) -> list[MessageView]:
    """Append what the assistant, or an ``agent``, says. Returns the messages as they are now in the log."""
    said = []
    for utterance in utterances:
        row = _append(session, conversation_id, author, utterance.text, now)
        row.buttons = buttons.offer(session, conversation_id, row.seq, utterance.buttons, now)
        session.flush()
        said.append(_message_view(row))
    return said


def record_answer(
    session: Session, conversation_id: str, seq: int, utterances: Iterable[Utterance], now: datetime
) -> list[MessageView]:
    """Append the answer to the buyer's message ``seq`` and mark it as handled, both or neither.

    Returns the new messages; nothing where the message was answered already.
    """
    claimed = session.execute(
        update(Message)
        .where(Message.conversation_id == conversation_id, Message.seq == seq, Message.handled_at.is_(None))
        .values(handled_at=now)
        .returning(Message.id)
    ).all()
    return say(session, conversation_id, utterances, now) if claimed else []


def live_choices(session: Session, conversation_id: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """Title and payload of the buttons that can be pressed now, as shown."""
    return buttons.choices(session, conversation_id, now)


def messages_after(session: Session, conversation_id: str, seq: int, now: datetime) -> list[MessageView]:
    """The next messages with a number above ``seq`` in order, a page of at most 200. Empty at the end of the log."""
    rows = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.seq > seq)
        .order_by(Message.seq)
        .limit(_PAGE)
    ).all()
    live = {button.token for button in buttons.live(session, conversation_id, now)}
    return [_message_view(row, live) for row in rows]


def last_messages(session: Session, conversation_id: str, count: int) -> list[dict[str, str]]:
    """The last ``count`` messages, oldest first, as ``{"author", "text"}``."""
    rows = session.execute(
        select(Message.author, Message.text)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.seq.desc())
        .limit(count)
    ).all()
    return [{"author": author, "text": text} for author, text in reversed(rows)]


def last_seqs(session: Session, conversation_ids: Sequence[str]) -> dict[str, int]:
    """Number of the last message of each of these conversations."""
    rows = session.execute(select(Conversation.id, Conversation.next_seq).where(Conversation.id.in_(conversation_ids)))
    return {conversation_id: next_seq - 1 for conversation_id, next_seq in rows}


def next_waiting(session: Session, conversation_id: str) -> MessageView | None:
    """The oldest message of the buyer that has no answer yet."""
    row = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author == "buyer", Message.handled_at.is_(None))
        .order_by(Message.seq)
        .limit(1)
    ).first()
    return None if row is None else _message_view(row)


def waiting_conversations(session: Session) -> list[str]:
    """Ids of the conversations in which a message waits for an answer."""
    waiting = select(Message.conversation_id).where(Message.author == "buyer", Message.handled_at.is_(None))
    return list(session.scalars(waiting.distinct()))


def was_said(session: Session, conversation_id: str, after_seq: int, text: str) -> bool:
    """Has the assistant said exactly ``text`` since message ``after_seq``?"""
    found = select(Message.id).where(
        Message.conversation_id == conversation_id,
        Message.seq > after_seq,
        Message.author == "bot",
        Message.text == text,
    )
    return session.execute(found.limit(1)).first() is not None


def take_undelivered(session: Session, conversation_id: str, now: datetime) -> list[MessageView]:
    """What was said to a buyer on a channel that can only answer, and was not fetched yet; marks it as fetched."""
    row = _lock(session, conversation_id)
    waiting: list[MessageView] = []
    while page := messages_after(session, conversation_id, row.delivered_seq, now):
        waiting += [message for message in page if message.author != "buyer"]
        row.delivered_seq = page[-1].seq
    return waiting


def _named(customer_id: str, channel: str, client_key: str) -> Select[Conversation]:
    return select(Conversation).where(
        Conversation.customer_id == customer_id,
        Conversation.channel == channel,
        Conversation.client_key == client_key,
    )


def _lock(session: Session, conversation_id: str) -> Conversation:
    """The row, locked until the transaction ends (SQLite: the whole store is)."""
    row = session.get(Conversation, conversation_id, with_for_update=True, populate_existing=True)
    if row is None or row.state == CLOSED:
        raise NotFound(f"no conversation {conversation_id!r}")
    return row


def _press(session: Session, conversation_id: str, cid: str, token: str, now: datetime) -> Accepted:
    pressed = buttons.find(session, conversation_id, token)
    if pressed is None:
        raise UnknownButton("This button is not of this conversation. Use the latest choices, or write instead.")
    if pressed in buttons.live(session, conversation_id, now):
        buttons.use(session, pressed, now)
        return Accepted(_store(session, conversation_id, cid, pressed.title, pressed.payload, now))
    first = _waiting_press(session, pressed)
    if first is not None:
        return Accepted(_message_view(first), repeated=True)
    return Accepted(_store(session, conversation_id, cid, pressed.title, None, now))


def _waiting_press(session: Session, pressed: Button) -> Message | None:
    """The message of an earlier press of the same button, if it still waits for its answer."""
    return session.scalars(
        select(Message)
        .where(
            Message.conversation_id == pressed.conversation_id,
            Message.author == "buyer",
            Message.handled_at.is_(None),
            Message.seq > pressed.message_seq,
            Message.engine_text == pressed.payload,
        )
        .limit(1)
    ).first()


def _store(
    session: Session, conversation_id: str, cid: str, text: str, engine_text: str | None, now: datetime
) -> MessageView:
    row = _append(session, conversation_id, "buyer", text, now)
    row.cid, row.engine_text = cid, engine_text
    session.flush()
    return _message_view(row)


def _append(session: Session, conversation_id: str, author: str, text: str, now: datetime) -> Message:
    """The one place that gives out a number: the UPDATE's row lock makes numbers follow the order of commits."""
    next_seq = session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(next_seq=Conversation.next_seq + 1, last_at=now)
        .returning(Conversation.next_seq)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    row = Message(conversation_id=conversation_id, seq=next_seq - 1, author=author, text=text, at=now, buttons=[])
    session.add(row)
    return row


def _view(row: Conversation) -> ConversationView:
    return ConversationView(row.id, row.customer_id, row.locale, row.timezone)


def _message_view(row: Message, live: set[str] | None = None) -> MessageView:
    offered = tuple((item["title"], item["token"]) for item in row.buttons)
    stale = bool(offered) and live is not None and not any(token in live for _, token in offered)
    return MessageView(row.seq, row.author, row.text, row.at, row.cid, row.engine_text, offered, stale)
