"""Cases for a person: opened with the frozen facts of domain 4.2, taken, passed on and resolved (domain 3.4, flow F8).

Nothing here commits; ``now`` is aware UTC. While a person has a case the assistant is silent in its conversation (invariant 26):
``conversations.set_state`` says so in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recourse.conversations import service as conversations
from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.money import Money
from recourse.core.transitions import Actor, change_state, created
from recourse.customers.service import Buyer
from recourse.handoff import facts, rules
from recourse.handoff.facts import Circumstances
from recourse.handoff.models import Handoff
from recourse.handoff.rules import HANDOFF_MACHINE, OPEN, REASONS
from recourse.overview.service import Case

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_TRIES = 5
_PRIORITIES = ("normal", "high")


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case and whether this call made it (``new``) or found it open."""

    case_no: str
    new: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as its row says it now. ``payload``: the frozen document, see ``handoff.payload``."""

    id: str
    case_no: str
    conversation_id: str
    customer_id: str
    state: str
    priority: str
    reason_code: str
    agent_id: str | None
    opened_at: datetime
    promised_by: datetime | None
    timer_at: datetime | None
    closed_at: datetime | None
    payload: dict[str, Any]


def reason_for(item: Case | None) -> str:
    """Why a case about ``item`` is likely wanted, from its rows; ``user_asked`` where they say nothing."""
    if item is None:
        return "user_asked"
    if item.order.frozen:
        return "frozen"
    if any(refund.troubled for refund in item.refunds or (item.refund,) if refund is not None):
        seller_cancelled = item.order.state == "cancelled" and item.request is None
        return "seller_cancelled_no_refund" if seller_cancelled else "refund_missing"
    if item.request is not None and item.request.state == "rejected":
        return "seller_refused"
    return "user_asked"


def open_case(
    session: Session,
    buyer: Buyer,
    conversation_id: str,
    reason_code: str,
    item: Case | None,
    last_messages: list[dict[str, str]],
    wants: str,
    now: datetime,
    *,
    priority: str = "normal",
    expected: Money | None = None,
    failed_turns: int = 0,
    sentiment: str = "neutral",
    asked_already: Sequence[str] | None = None,
    promised_by: datetime | None = None,
    in_chat: bool = False,
) -> OpenedCase:
    """Record that this conversation needs a human. One open case a conversation: a second call answers with the first.

    ``reason_code``: one of ``rules.REASONS``. ``item``: the order it is about, if one is known. ``last_messages``:
    ``{"author", "text"}``, oldest first. ``wants``: the buyer's own words. ``priority``: normal or high. ``expected``: what the
    customer expects back. ``failed_turns``, ``sentiment`` (neutral, angry), ``asked_already``, ``promised_by``: see
    ``facts.Circumstances``. ``in_chat``: somebody is there to answer in the chat, so the case waits in the queue; otherwise it
    is a ticket. The payload is frozen: it says what was true when the case was opened. Secrets in texts are removed. Raises
    InvalidInput for a code that does not exist, and pydantic's ValidationError (a bug) where the facts do not fit the document.
    """
    if reason_code not in REASONS or priority not in _PRIORITIES:
        raise InvalidInput(f"a case has a reason of {', '.join(REASONS)} and a priority of {', '.join(_PRIORITIES)}")
    about = Circumstances(
        conversation_id, last_messages, wants, priority, expected, failed_turns, sentiment, asked_already, promised_by
    )
    for _ in range(_TRIES):
        found = _open_of(session, conversation_id)
        if found is not None:
            return OpenedCase(found.case_no, new=False)
        row = _insert(session, buyer, reason_code, item, about, in_chat, now)
        if row is not None:
            return OpenedCase(row.case_no, new=True)
    raise Conflict("the case could not be opened, because others are opened at the same moment; try again")


def take(session: Session, case_no: str, agent_id: str, now: datetime) -> CaseView:
    """A person takes a waiting case; from here the assistant is silent. Taking one's own case again changes nothing.

    Raises NotFound, and Conflict when somebody else has it: a case has one owner.
    """
    row = _locked(session, case_no)
    if row.state == "active" and row.agent_id == agent_id:
        return _view(row)
    if row.state == "active":
        raise Conflict(f"case {case_no} is with {row.agent_id}; ask them to pass it on")
    _move(session, row, "active", Actor("agent", agent_id), now, agent_id=agent_id, timer_at=now + rules.BUYER_SILENT)
    conversations.set_state(session, row.conversation_id, conversations.HUMAN)
    return _view(row)


def transfer(session: Session, case_no: str, agent_id: str, reason: str, now: datetime) -> CaseView:
    """The person who has the case gives it back to the queue. Raises NotFound, NotAllowed."""
    row = _of_agent(session, case_no, agent_id)
    actor = Actor("agent", agent_id)
    _move(session, row, "queued", actor, now, reason, agent_id=None, timer_at=now + rules.QUEUE_WAIT)
    conversations.set_state(session, row.conversation_id, conversations.QUEUED)
    return _view(row)


def resolve(session: Session, case_no: str, agent_id: str, outcome: str, now: datetime) -> CaseView:
    """A person ends the case; the assistant answers again. ``outcome``: in a few words, for the record.

    A ticket may be resolved by anybody, a case in the chat by who has it. Raises NotFound, NotAllowed.
    """
    row = _locked(session, case_no)
    if row.state == "active":
        row = _of_agent(session, case_no, agent_id)
    actor = Actor("agent", agent_id)
    _move(session, row, "resolved", actor, now, outcome, agent_id=agent_id, timer_at=None, closed_at=now)
    conversations.set_state(session, row.conversation_id, conversations.BOT)
    return _view(row)


def abandon(session: Session, customer_id: str, case_no: str, now: datetime) -> CaseView:
    """ "Never mind": the buyer leaves the queue; a repeat changes nothing.

    Raises NotFound (also for somebody else's case), and NotAllowed when it does not wait in the queue.
    """
    row = _locked(session, case_no, customer_id)
    if row.state == "abandoned":
        return _view(row)
    _move(session, row, "abandoned", Actor("buyer", customer_id), now, timer_at=None, closed_at=now)
    conversations.set_state(session, row.conversation_id, conversations.BOT)
    return _view(row)


def desk_down(session: Session, case_no: str, now: datetime) -> CaseView:
    """The desk cannot be reached: a case in the queue becomes a ticket. Raises NotFound, NotAllowed."""
    row = _locked(session, case_no)
    _to_ticket(session, row, Actor("system"), now, "desk down")
    return _view(row)


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of cases that the timer has to look at, longest overdue first."""
    return session.scalars(
        select(Handoff.id).where(Handoff.timer_at <= now).order_by(Handoff.timer_at, Handoff.id).limit(limit)
    ).all()


def settle(session: Session, case_id: str, now: datetime) -> CaseView | None:
    """Let time take effect on one case; None when there is nothing to do.

    Too long in the queue: a ticket. The buyer silent too long while a person has it: a ticket; a buyer who wrote meanwhile
    starts that time anew.
    """
    query = select(Handoff).where(Handoff.id == case_id)
    row = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if row is None or row.timer_at is None or now < row.timer_at:
        return None
    if row.state == "active":
        taken = row.timer_at - rules.BUYER_SILENT
        until = rules.silent_until(conversations.last_heard(session, row.conversation_id), taken)
        if now < until:
            row.timer_at = until
            session.flush()
            return None
    reason = "longest wait" if row.state == "queued" else "customer silent"
    _to_ticket(session, row, Actor("timer"), now, reason)
    return _view(row)


def get(session: Session, case_no: str) -> CaseView:
    """A case by its number, whoever's it is. Raises NotFound."""
    row = session.scalars(select(Handoff).where(Handoff.case_no == case_no)).one_or_none()
    if row is None:
        raise _missing(case_no)
    return _view(row)


def open_of(session: Session, conversation_id: str) -> CaseView | None:
    """The conversation's open case, or None."""
    row = _open_of(session, conversation_id)
    return _view(row) if row is not None else None


def waiting(session: Session, limit: int = 100) -> list[CaseView]:
    """Cases that nobody has, urgent ones first, then the oldest."""
    rows = session.scalars(
        select(Handoff)
        .where(Handoff.state.in_(("queued", "ticket")))
        .order_by(Handoff.priority, Handoff.opened_at, Handoff.id)  # "high" sorts before "normal"
        .limit(limit)
    )
    return [_view(row) for row in rows]


def _insert(
    session: Session,
    buyer: Buyer,
    reason_code: str,
    item: Case | None,
    about: Circumstances,
    in_chat: bool,
    now: datetime,
) -> Handoff | None:
    """The new case; None where another transaction opened one for the conversation, or took the number, just now."""
    case_no = "C-" + "".join(secrets.choice(_LETTERS) for _ in range(6))
    row = Handoff(
        id=new_id(),
        case_no=case_no,
        conversation_id=about.conversation_id,
        customer_id=buyer.id,
        state="queued" if in_chat else "ticket",
        priority=about.priority,
        reason_code=reason_code,
        payload=facts.payload(session, case_no, buyer, reason_code, item, about, now).to_json(),
        opened_at=now,
        promised_by=about.promised_by,
        timer_at=now + rules.QUEUE_WAIT if in_chat else None,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    actor = Actor("buyer", buyer.id) if in_chat else Actor("system")
    created(session, row, HANDOFF_MACHINE, actor, now, reason_code)
    if in_chat:
        conversations.set_state(session, row.conversation_id, conversations.QUEUED)
    return row


def _to_ticket(session: Session, row: Handoff, actor: Actor, now: datetime, reason: str) -> None:
    _move(session, row, "ticket", actor, now, reason, timer_at=None)
    conversations.set_state(session, row.conversation_id, conversations.BOT)


def _move(
    session: Session, row: Handoff, to: str, actor: Actor, now: datetime, reason: str | None = None, **values: Any
) -> None:
    change_state(session, row, to, HANDOFF_MACHINE, actor, now, reason, **values)


def _open_of(session: Session, conversation_id: str) -> Handoff | None:
    query = select(Handoff).where(Handoff.conversation_id == conversation_id, Handoff.state.in_(OPEN))
    return session.scalars(query).first()


def _of_agent(session: Session, case_no: str, agent_id: str) -> Handoff:
    row = _locked(session, case_no)
    if row.state == "active" and row.agent_id != agent_id:
        raise NotAllowed(f"case {case_no} is with {row.agent_id}; only they can do this")
    return row


def _locked(session: Session, case_no: str, customer_id: str | None = None) -> Handoff:
    query = select(Handoff).where(Handoff.case_no == case_no)
    if customer_id is not None:
        query = query.where(Handoff.customer_id == customer_id)
    row = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise _missing(case_no)
    return row


def _missing(case_no: str) -> NotFound:
    return NotFound(f"no case {case_no}")


def _view(row: Handoff) -> CaseView:
    return CaseView(
        id=row.id,
        case_no=row.case_no,
        conversation_id=row.conversation_id,
        customer_id=row.customer_id,
        state=row.state,
        priority=row.priority,
        reason_code=row.reason_code,
        agent_id=row.agent_id,
        opened_at=row.opened_at,
        promised_by=row.promised_by,
        timer_at=row.timer_at,
        closed_at=row.closed_at,
        payload=row.payload,
    )
