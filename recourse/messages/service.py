"""The thread between buyer and seller (domain F7), and the deadlines of what a seller asks and offers.

``asks`` and ``offers`` have the rest. Nothing here commits; ``now`` is aware UTC. Who writes or reads is a
``core.transitions.Actor``: a buyer or a seller sees only own orders, the platform any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotAllowed, NotFound
from recourse.core.redact import redact
from recourse.core.transitions import Actor
from recourse.customers import service as customers
from recourse.messages import asks, offers, rules
from recourse.messages.asks import ActionView
from recourse.messages.models import SellerMessage
from recourse.messages.offers import OfferView
from recourse.orders import service as orders
from recourse.orders.rules import OrderView

_KEY_MAX = 64
_THREAD_MAX = 500


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message. ``text``: as it was written, without card numbers and passwords; ``shown``: as the other side reads it,
    without what leads off the platform. ``off_platform``: the two differ, and the reader is to be warned."""

    id: str
    order_id: str
    customer_id: str
    author: str
    purpose: str
    text: str
    shown: str
    off_platform: bool
    sent_at: datetime
    read_at: datetime | None


def send(
    session: Session,
    author: Actor,
    number: str,
    text: str,
    client_msg_id: str,
    now: datetime,
    purpose: str = "question",
) -> MessageView:
    """Store one message of a buyer, a seller or the platform in the thread of order ``number``.

    ``client_msg_id``: the writer's own key; a repeated one gives the first message and stores nothing. The buyer is told
    of what others write. Raises NotFound (also for a foreign order), InvalidInput, and NotAllowed when the buyer was erased.
    """
    if not 0 < len(client_msg_id) <= _KEY_MAX or not client_msg_id.isprintable():
        raise InvalidInput(f"client_msg_id must have 1 to {_KEY_MAX} printable characters")
    if purpose not in rules.PURPOSES:
        raise InvalidInput(f"purpose must be one of {', '.join(rules.PURPOSES)}")
    text = redact(rules.checked("a message", text, rules.TEXT_MAX))[: rules.TEXT_MAX]
    order = order_of(session, author, number, lock=True)
    first = session.scalars(
        select(SellerMessage).where(
            SellerMessage.order_id == order.id,
            SellerMessage.author == author.type,
            SellerMessage.client_msg_id == client_msg_id,
        )
    ).one_or_none()
    if first is not None:
        return _view(first)
    if not customers.is_reachable(session, order.customer_id):
        raise NotAllowed("this buyer's account was deleted; nobody would read the message")
    row = SellerMessage(
        id=new_id(),
        order_id=order.id,
        customer_id=order.customer_id,
        author=author.type,
        purpose=purpose,
        text=text,
        off_platform=rules.off_platform(text),
        client_msg_id=client_msg_id,
        sent_at=now,
    )
    session.add(row)
    session.flush()
    if author.type != "buyer":
        outbox.notify_buyer(session, order.customer_id, "seller_wrote", now, message_id=row.id)
    return _view(row)


def get(session: Session, message_id: str) -> MessageView:
    """One message. Raises NotFound."""
    row = session.get(SellerMessage, message_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no message {message_id}")
    return _view(row)


def thread(session: Session, order_id: str) -> list[MessageView]:
    """The newest messages of an order (500 at most), oldest first. For services that already know who reads."""
    rows = session.scalars(
        select(SellerMessage)
        .where(SellerMessage.order_id == order_id)
        .order_by(SellerMessage.sent_at.desc(), SellerMessage.id.desc())
        .limit(_THREAD_MAX)
        .execution_options(populate_existing=True)
    ).all()
    return [_view(row) for row in reversed(rows)]


def own_thread(session: Session, reader: Actor, number: str) -> list[MessageView]:
    """The thread of the reader's own order ``number``, oldest first. Raises NotFound, also for a foreign order."""
    return thread(session, order_of(session, reader, number).id)


def mark_read(session: Session, reader: Actor, number: str, now: datetime) -> int:
    """Note that ``reader`` has read what others wrote about order ``number``; returns how many were new. Raises NotFound."""
    order = order_of(session, reader, number, lock=True)
    others = SellerMessage.author == "buyer" if reader.type != "buyer" else SellerMessage.author != "buyer"
    rows = session.scalars(
        select(SellerMessage)
        .where(SellerMessage.order_id == order.id, others, SellerMessage.read_at.is_(None))
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        row.read_at = now
    session.flush()
    return len(rows)


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of offers whose time is over at ``now``, the longest overdue first, and of asks whose request has ended."""
    first = offers.due(session, now, limit)
    return [*first, *asks.due(session, limit - len(first))]


def settle(session: Session, id_: str, now: datetime) -> OfferView | ActionView | None:
    """Expire a due offer, or close an ask whose request has ended. None: nothing to do (any more)."""
    return offers.settle(session, id_, now) or asks.settle(session, id_, now)


def order_of(session: Session, who: Actor, number: str, lock: bool = False) -> OrderView:
    """The order ``number`` as far as ``who`` (buyer, seller or platform) may know it. Raises NotFound."""
    if who.type == "buyer":
        return orders.get_own(session, who.id or "", number, lock)
    if who.type == "seller":
        return orders.get_of_seller(session, who.id or "", number, lock)
    if who.type != "platform":
        raise InvalidInput("a message is written by a buyer, a seller or the platform")
    order = orders.get_by_number(session, number)
    return orders.get_by_id(session, order.id, lock=True) if lock else order


def _view(row: SellerMessage) -> MessageView:
    return MessageView(
        row.id, row.order_id, row.customer_id, row.author, row.purpose, row.text,
        rules.masked(row.text) if row.off_platform else row.text, row.off_platform, row.sent_at, row.read_at,
    )  # fmt: skip
