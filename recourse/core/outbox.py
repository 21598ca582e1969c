"""The outbox: what must be told to the outside is written in the same transaction as the change itself (invariant 23).

``buyer_notice`` rows are said by the gateway in the buyer's conversation, ``staff_alert`` rows wait for a person to close
them; every other topic is work for the worker. Delivery is at least once: whoever claims a row has a lease on it, and a row
whose holder died is claimed again. What is done outside must therefore be idempotent by a key.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from recourse.core.db import Base, Json, UtcDateTime
from recourse.core.errors import NotAllowed, NotFound

BUYER_NOTICE = "buyer_notice"
STAFF_ALERT = "staff_alert"

LEASE = timedelta(minutes=2)
"""How long a claimed row is nobody else's. Longer than any call to the outside may take."""

BACKOFF = tuple(
    timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 43_200, 43_200)
)
"""How long to wait after the first, second, ... failed attempt. Fixed steps: an operator can say when the next one is."""

ATTEMPTS_MAX = len(BACKOFF) + 1
"""After so many failed attempts a row is a dead letter: it stays visible and is tried again only when somebody revives it."""


class _Growing:
    """Ids that grow in the order in which they are made: the nanosecond (16 hex digits), then chance (16).

    Within one process no two have the same nanosecond; between processes the clock of the machine says which was first.
    """

    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def next(self) -> str:
        """The next id, 32 hex digits, greater than every one before."""
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return f"{self._last:016x}{secrets.token_hex(8)}"


_ids = _Growing()


class Outbox(Base):
    """One message to deliver. ``payload`` names rows by id; amounts and dates are read when it is delivered.

    ``id`` grows in the order of writing: rows of one moment are told in the order in which they came about.

    ``attempts``: how often it was claimed. ``next_at``: not before then. ``dead_at``: given up, see ``last_error``.
    """

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

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=_ids.next)
    topic: Mapped[str] = mapped_column(String(40))
    customer_id: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    dedupe_key: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dead_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(300))


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


def send(session: Session, topic: str, customer_id: str, dedupe: str, at: datetime, **ids: str) -> None:
    """Queue work for the outside under ``topic`` (what reads it is the worker). ``ids`` name the rows it is about.

    ``dedupe``: a second message of the same topic with the same text is refused by the table.
    """
    session.add(
        Outbox(
            topic=topic, customer_id=customer_id, payload=dict(ids), dedupe_key=f"{topic}:{dedupe}"[:128], created_at=at
        )
    )


def alert_staff(session: Session, customer_id: str, kind: str, at: datetime, **ids: str) -> None:
    """Tell the shop's people that something needs them, once for each ``kind`` and ``ids``. ``recourse outbox`` shows it."""
    key = ":".join([STAFF_ALERT, kind, *ids.values()])[:128]
    session.flush()
    if session.scalar(select(Outbox.id).where(Outbox.dedupe_key == key)) is None:
        session.add(
            Outbox(
                topic=STAFF_ALERT,
                customer_id=customer_id,
                payload={"kind": kind, **ids},
                dedupe_key=key,
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


def claim(session: Session, topics: Iterable[str], now: datetime, limit: int = 20) -> Sequence[Outbox]:
    """Take up to ``limit`` due rows of ``topics``, oldest first, for one attempt each. Commit before acting on them.

    A claimed row is not given to anybody else until its lease ends; ``done``, ``failed`` or ``postpone`` say what came of it.
    """
    rows = session.scalars(
        select(Outbox)
        .where(
            Outbox.topic.in_(list(topics)),
            Outbox.done_at.is_(None),
            Outbox.dead_at.is_(None),
            or_(Outbox.next_at.is_(None), Outbox.next_at <= now),
        )
        .order_by(func.coalesce(Outbox.next_at, Outbox.created_at), Outbox.created_at, Outbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        row.attempts += 1
        row.next_at = now + LEASE
    session.flush()
    return rows


def done(session: Session, row_id: str, now: datetime) -> None:
    """The row is delivered, or there is nothing to deliver any more."""
    row = _row(session, row_id)
    if row.done_at is None:
        row.done_at, row.next_at = now, None
        session.flush()


def failed(session: Session, row_id: str, error: str, now: datetime, *, give_up: bool = False) -> bool:
    """The attempt failed: try again later, or make it a dead letter after ``ATTEMPTS_MAX`` (or at once with ``give_up``).

    Returns True when it is dead now. ``error`` is for an operator: no buyer's words, no secrets.
    """
    row = _row(session, row_id)
    if row.done_at is not None or row.dead_at is not None:
        return row.dead_at is not None
    row.last_error = error[:300]
    if give_up or row.attempts >= ATTEMPTS_MAX:
        row.dead_at, row.next_at = now, None
    else:
        row.next_at = now + BACKOFF[max(row.attempts, 1) - 1]
    session.flush()
    return row.dead_at is not None


def postpone(session: Session, row_id: str, until: datetime, why: str) -> None:
    """Nothing was tried, because it may not be done yet: look again at ``until``. Does not count as an attempt."""
    row = _row(session, row_id)
    if row.done_at is None and row.dead_at is None:
        row.attempts, row.next_at, row.last_error = max(row.attempts - 1, 0), until, why[:300]
        session.flush()


def dead_letters(session: Session, limit: int = 100) -> Sequence[Outbox]:
    """Rows that were given up, oldest first."""
    return session.scalars(
        select(Outbox)
        .where(Outbox.done_at.is_(None), Outbox.dead_at.is_not(None))
        .order_by(Outbox.dead_at, Outbox.id)
        .limit(limit)
    ).all()


def waiting(session: Session, topic: str | None = None, limit: int = 100) -> Sequence[Outbox]:
    """Rows that are not delivered and not dead, oldest first; of one ``topic`` or of all but the buyers' notices."""
    query = select(Outbox).where(Outbox.done_at.is_(None), Outbox.dead_at.is_(None))
    query = query.where(Outbox.topic == topic if topic else Outbox.topic != BUYER_NOTICE)
    return session.scalars(query.order_by(Outbox.created_at, Outbox.id).limit(limit)).all()


def revive(session: Session, row_id: str, now: datetime) -> Outbox:
    """Give a dead letter, or a row that waits for its next attempt, a fresh start at ``now``.

    Raises NotFound, and NotAllowed for one that is delivered.
    """
    row = _row(session, row_id)
    if row.done_at is not None:
        raise NotAllowed(f"outbox row {row_id} is delivered; there is nothing to try again")
    row.dead_at, row.attempts, row.next_at = None, 0, now
    session.flush()
    return row


def close(session: Session, row_id: str, now: datetime) -> Outbox:
    """Somebody has dealt with an alert or a dead letter by hand. Raises NotFound, and NotAllowed for other rows."""
    row = _row(session, row_id)
    if row.topic != STAFF_ALERT and row.dead_at is None:
        raise NotAllowed(
            f"outbox row {row_id} is still being delivered; only alerts and dead letters are closed by hand"
        )
    if row.done_at is None:
        row.done_at = now
        session.flush()
    return row


def _row(session: Session, row_id: str) -> Outbox:
    row = session.scalars(
        select(Outbox).where(Outbox.id == row_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no outbox row {row_id}; `recourse outbox list` shows what there is")
    return row
