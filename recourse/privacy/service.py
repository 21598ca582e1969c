"""Use cases of erasure requests: ask, confirm with a fresh log-in, change one's mind, and what time does.

Nothing here commits; ``now`` is aware UTC. The erasure itself is in ``recourse.privacy.erase``, the data export in ``export``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recourse.core import idempotency, outbox
from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.money import Money
from recourse.core.transitions import Actor, change_state, created
from recourse.customers import service as customers
from recourse.privacy import matters, rules
from recourse.privacy.models import ErasureItem, ErasureRequest
from recourse.privacy.rules import ERASURE_MACHINE, OPEN_MATTERS, TERMINAL
from recourse.refunds import personal as refunds

ERASURE = "erasure"
"""Outbox topic: an erasure that is to be carried out. Payload: ``{"erasure_id"}``."""

_REQUEST = "request_erasure"
_KEY_MAX, _REASON_MAX = 128, 500


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something open. ``kind`` as in ``rules.BLOCKERS``; ``number``: the order it is about."""

    kind: str
    id: str
    number: str


@dataclass(frozen=True, slots=True)
class Item:
    """What was done in one store. ``state``: erased, or retained with the reason and until when (None: until it is over)."""

    store: str
    state: str
    rows: int
    at: datetime
    reason: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ErasureView:
    """An erasure request with all facts to word it.

    ``blockers``: what is open, as last looked at. ``balances``: what the buyer would lose with the account; it is told as a
    consequence and holds nothing up. ``partial``: completed but for what an open matter needs, which goes when that is over.
    """

    id: str
    customer_id: str
    state: str
    requested_at: datetime
    verify_by: datetime
    due_at: datetime
    execute_at: datetime | None
    completed_at: datetime | None
    reason: str | None
    blockers: tuple[Blocker, ...]
    balances: tuple[Money, ...]
    items: tuple[Item, ...]

    @property
    def partial(self) -> bool:
        """Does something of it still wait for an open matter?"""
        return any(item.store == OPEN_MATTERS and item.state == "retained" for item in self.items)


def request_erasure(session: Session, customer_id: str, now: datetime, key: str) -> ErasureView:
    """The buyer asks to be forgotten. A buyer with an open request is answered with that one.

    ``key``: idempotency key; a repeat gives the same request. Raises NotFound for an unknown or erased buyer, InvalidInput
    for a key that is empty or longer than 128 characters.
    """
    if not 0 < len(key) <= _KEY_MAX:
        raise InvalidInput(f"the idempotency key must have 1 to {_KEY_MAX} characters")
    customers.get(session, customer_id, lock=True)
    saved = idempotency.recall(session, _REQUEST, key, customer_id, {})
    if saved is not None:
        return get(session, saved["id"])
    row = _open_of(session, customer_id)
    if row is None:
        row = _insert(session, customer_id, now)
    idempotency.remember(session, _REQUEST, key, customer_id, {}, {"id": row.id}, now)
    return _view(session, row)


def verify(
    session: Session, customer_id: str, request_id: str, authenticated_at: datetime, now: datetime
) -> ErasureView:
    """The buyer has logged in anew and confirms: the request is scheduled, or on hold with the list of what is open.

    ``authenticated_at``: when the log-in happened, as the shop signed it. Confirming twice changes nothing. Raises NotFound;
    NotAllowed without a fresh log-in or when the request is over; Conflict when the time to confirm is over.
    """
    row = _own(session, customer_id, request_id)
    if row.state in ("verified", "on_hold", "scheduled"):
        return _view(session, row)
    if row.state != "requested":
        raise NotAllowed(f"this erasure request is {row.state}; ask for a new one")
    if now >= row.verify_by:
        raise Conflict("the time to confirm this erasure request is over; ask for a new one")
    if not rules.login_is_fresh(authenticated_at, now):
        minutes = int(rules.FRESH_LOGIN.total_seconds() // 60)
        raise NotAllowed(f"sign in again: an account is deleted only within {minutes} minutes of a log-in")
    change_state(session, row, "verified", ERASURE_MACHINE, Actor("buyer", customer_id), now)
    _place(session, row, now)
    return _view(session, row)


def cancel(session: Session, customer_id: str, request_id: str, now: datetime) -> ErasureView:
    """The buyer changes their mind while the request is on hold or scheduled; a repeat changes nothing.

    Raises NotFound, and NotAllowed otherwise: an unconfirmed request lapses by itself, an erasure under way cannot be undone.
    """
    row = _own(session, customer_id, request_id)
    if row.state == "cancelled":
        return _view(session, row)
    if row.state == "requested":
        raise NotAllowed("nothing is deleted without your confirmation; this request lapses by itself")
    if row.state not in ("on_hold", "scheduled"):
        raise NotAllowed(f"this erasure request is {row.state} and cannot be called off any more")
    change_state(
        session,
        row,
        "cancelled",
        ERASURE_MACHINE,
        Actor("buyer", customer_id),
        now,
        "buyer changed their mind",
        check_at=None,
    )
    return _view(session, row)


def refuse(session: Session, request_id: str, reason: str, agent_id: str, now: datetime) -> ErasureView:
    """A person ends a request that cannot be carried out, with the reason that the buyer is told. Raises NotFound, NotAllowed.

    The wording of the reason must name the buyer's right to complain to the data protection authority (GDPR 12(4)).
    """
    reason = reason.replace("\0", "").strip()
    if not 0 < len(reason) <= _REASON_MAX:
        raise InvalidInput(f"give the reason in 1 to {_REASON_MAX} characters; the buyer is told")
    row = _row(session, request_id)
    actor = Actor("platform", agent_id)
    row.reason = reason
    change_state(session, row, "refused", ERASURE_MACHINE, actor, now, reason, check_at=None)
    outbox.notify_buyer(session, row.customer_id, "erasure_refused", now, erasure_id=row.id)
    return _view(session, row)


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of requests that the timer has to look at, longest overdue first."""
    return session.scalars(
        select(ErasureRequest.id)
        .where(ErasureRequest.check_at <= now)
        .order_by(ErasureRequest.check_at, ErasureRequest.id)
        .limit(limit)
    ).all()


def settle(session: Session, request_id: str, now: datetime) -> ErasureView | None:
    """Let time take effect on one request; None when there is nothing to do.

    Never confirmed: cancelled. On hold: scheduled when the last open matter is over, or when ``due_at`` is near. Scheduled:
    handed to the worker when the cooling-off is over. Completed but for an open matter: handed to the worker for the rest.
    """
    row = _row(session, request_id)
    if row.check_at is None or now < row.check_at:
        return None
    if row.state == "requested":
        change_state(session, row, "cancelled", ERASURE_MACHINE, Actor("timer"), now, "never confirmed", check_at=None)
        return _view(session, row)
    open_now = matters.blockers(session, row.customer_id, now)
    row.blockers = open_now
    waits = bool(open_now) and (row.state == "completed" or not rules.stops_waiting(row.due_at, now))
    if waits:
        row.check_at = rules.next_check(now, row.due_at)
        session.flush()
        return None
    if row.state == "on_hold":
        _schedule(session, row, Actor("timer" if open_now else "system"), now)
    elif row.state == "scheduled":
        change_state(session, row, "executing", ERASURE_MACHINE, Actor("timer"), now, check_at=None)
        outbox.send(session, ERASURE, row.customer_id, row.id, now, erasure_id=row.id)
    elif row.state == "completed":
        row.check_at = None
        session.flush()
        outbox.send(session, ERASURE, row.customer_id, f"{row.id}:{now.isoformat()}", now, erasure_id=row.id)
    else:
        row.check_at = None
        session.flush()
        return None
    return _view(session, row)


def get(session: Session, request_id: str) -> ErasureView:
    """A request by id, whoever's it is. Raises NotFound."""
    return _view(session, _row(session, request_id, lock=False))


def mine(session: Session, customer_id: str) -> ErasureView | None:
    """The buyer's open request, else the latest one, else None."""
    row = _open_of(session, customer_id)
    if row is None:
        query = select(ErasureRequest).where(ErasureRequest.customer_id == customer_id)
        row = session.scalars(query.order_by(ErasureRequest.requested_at.desc()).limit(1)).first()
    return _view(session, row) if row is not None else None


def everything(session: Session, open_only: bool = False) -> list[ErasureView]:
    """Requests for an operator's list, the one that is due first before the others."""
    query = select(ErasureRequest).order_by(ErasureRequest.due_at, ErasureRequest.id)
    if open_only:
        query = query.where(ErasureRequest.state.not_in(TERMINAL))
    return [_view(session, row) for row in session.scalars(query)]


def _insert(session: Session, customer_id: str, now: datetime) -> ErasureRequest:
    verify_by = now + rules.VERIFY_WITHIN
    row = ErasureRequest(
        id=new_id(),
        customer_id=customer_id,
        state="requested",
        requested_at=now,
        verify_by=verify_by,
        due_at=rules.due_at(now),
        check_at=verify_by,
        blockers=[],
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another process was first, where the customer's row could not be locked
        found = _open_of(session, customer_id)
        if found is None:
            raise
        return found
    created(session, row, ERASURE_MACHINE, Actor("buyer", customer_id), now)
    return row


def _place(session: Session, row: ErasureRequest, now: datetime) -> None:
    """Put a confirmed request where it belongs."""
    row.blockers = matters.blockers(session, row.customer_id, now)
    session.flush()
    if not row.blockers:
        _schedule(session, row, Actor("system"), now)
        return
    why = ", ".join(rules.kinds(row.blockers))
    check_at = rules.next_check(now, row.due_at)
    change_state(session, row, "on_hold", ERASURE_MACHINE, Actor("system"), now, why, check_at=check_at)
    outbox.notify_buyer(session, row.customer_id, "erasure_on_hold", now, erasure_id=row.id)


def _schedule(session: Session, row: ErasureRequest, actor: Actor, now: datetime) -> None:
    at = rules.execute_at(now, row.due_at)
    reason = "due soon; what is open keeps what it needs" if row.blockers else None
    change_state(session, row, "scheduled", ERASURE_MACHINE, actor, now, reason, execute_at=at, check_at=at)
    outbox.notify_buyer(session, row.customer_id, "erasure_scheduled", now, erasure_id=row.id)


def _open_of(session: Session, customer_id: str) -> ErasureRequest | None:
    query = select(ErasureRequest).where(
        ErasureRequest.customer_id == customer_id, ErasureRequest.state.not_in(TERMINAL)
    )
    return session.scalars(query).one_or_none()


def _own(session: Session, customer_id: str, request_id: str) -> ErasureRequest:
    query = select(ErasureRequest).where(ErasureRequest.id == request_id, ErasureRequest.customer_id == customer_id)
    row = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise _missing(request_id)
    return row


def _row(session: Session, request_id: str, lock: bool = True) -> ErasureRequest:
    query = select(ErasureRequest).where(ErasureRequest.id == request_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    if row is None:
        raise _missing(request_id)
    return row


def _missing(request_id: str) -> NotFound:
    return NotFound(f"no erasure request {request_id} of this buyer")


def _view(session: Session, row: ErasureRequest) -> ErasureView:
    balances = () if row.state in TERMINAL else tuple(refunds.balances(session, row.customer_id))
    return ErasureView(
        id=row.id,
        customer_id=row.customer_id,
        state=row.state,
        requested_at=row.requested_at,
        verify_by=row.verify_by,
        due_at=row.due_at,
        execute_at=row.execute_at,
        completed_at=row.completed_at,
        reason=row.reason,
        blockers=tuple(Blocker(each["kind"], each["id"], each["number"]) for each in row.blockers),
        balances=balances,
        items=tuple(_item(item) for item in row.items),
    )


def _item(row: ErasureItem) -> Item:
    return Item(row.store, row.state, row.rows, row.at, row.retained_reason, row.retained_until)
