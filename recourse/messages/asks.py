"""What a seller asks of the buyer before deciding a cancellation request: a form or a piece of information [SEED 8.4].

An ask lives as long as its request: when the request has ended in any way, the ask reads as void at once, and the timer
writes that down later (``due``, ``settle``). It never moves the deadline of the request (invariant 15).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recourse.cancellations import listing
from recourse.cancellations import service as cancellations
from recourse.cancellations.rules import belongs_to_timer
from recourse.cancellations.service import RequestView
from recourse.core import outbox
from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.redact import redact
from recourse.core.transitions import Actor, change_state, created
from recourse.messages import rules
from recourse.messages.models import RequiredAction
from recourse.messages.rules import ACTION_MACHINE
from recourse.orders import service as orders
from recourse.orders.rules import OrderView


@dataclass(frozen=True, slots=True)
class ActionView:
    """One thing that a seller asks. ``kind``: form (with ``url``) or info. ``state``: open, done or void.

    ``respond_by``: until when the request is open, so until when an answer helps. ``answer``: the buyer's words, if any.
    """

    id: str
    order_id: str
    request_id: str
    kind: str
    text: str
    url: str | None
    state: str
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None
    respond_by: datetime | None


def ask(
    session: Session, seller_id: str, request_id: str, kind: str, text: str, url: str | None, now: datetime
) -> ActionView:
    """Ask the buyer for something, while the request is open. A form needs an https ``url``.

    Raises NotFound (also for a request about another seller's order), InvalidInput, Conflict (decided already, or the time to
    answer is over) or NotAllowed (too many open asks).
    """
    if kind not in rules.ACTION_KINDS:
        raise InvalidInput(f"kind must be one of {', '.join(rules.ACTION_KINDS)}")
    text = rules.checked("text", text, rules.ASK_MAX)
    if kind == "form" and not url:
        raise InvalidInput("a form needs a url where the buyer finds it")
    url = rules.checked_url(url) if url else None
    request, order = request_of_seller(session, seller_id, request_id, lock=True)
    _require_open(request, now)
    open_now = select(func.count()).where(RequiredAction.request_id == request_id, RequiredAction.state == "open")
    if (session.scalar(open_now) or 0) >= rules.OPEN_ACTIONS_MAX:
        raise NotAllowed(f"{rules.OPEN_ACTIONS_MAX} questions are open already; wait for the buyer's answers")
    row = RequiredAction(
        id=new_id(), order_id=order.id, request_id=request_id, kind=kind, text=text, url=url, state="open", asked_at=now
    )
    session.add(row)
    session.flush()
    created(session, row, ACTION_MACHINE, Actor("seller", seller_id), now)
    outbox.notify_buyer(session, order.customer_id, "seller_asks", now, action_id=row.id)
    return _view(row, request)


def answer_action(session: Session, customer_id: str, action_id: str, answer: str | None, now: datetime) -> ActionView:
    """The buyer did what was asked: filled in the form (words are optional), or gives the information.

    Saying the same again changes nothing. Raises NotFound (also for somebody else's), InvalidInput, or Conflict (answered
    otherwise before, or the request has ended).
    """
    seen = session.get(RequiredAction, action_id)
    owner = orders.get_by_id(session, seen.order_id, lock=True) if seen else None
    if owner is None or owner.customer_id != customer_id:
        raise NotFound("no such question to this buyer")
    row = session.get_one(RequiredAction, action_id, populate_existing=True, with_for_update=True)
    words = redact(rules.clean(answer or ""))
    if row.kind == "info" or words:
        words = rules.checked("an answer", words, rules.TEXT_MAX)
    if row.state == "done" and row.answer == (words or None):
        return get(session, action_id)
    if row.state != "open":
        raise Conflict("this was answered already" if row.state == "done" else _ended())
    request = cancellations.get(session, row.request_id)
    _require_open(request, now)
    change_state(
        session, row, "done", ACTION_MACHINE, Actor("buyer", customer_id), now, answer=words or None, answered_at=now
    )
    return _view(row, request)


def get(session: Session, action_id: str) -> ActionView:
    """One ask. Raises NotFound."""
    row = session.get(RequiredAction, action_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no question {action_id}")
    return _view(row, cancellations.get(session, row.request_id))


def open_actions(session: Session, order_id: str) -> list[ActionView]:
    """What the buyer is still asked to do for this order, oldest first."""
    return [each for each in _all(session, RequiredAction.order_id == order_id) if each.state == "open"]


def of_request(session: Session, request_id: str) -> list[ActionView]:
    """Everything that was asked for a request, oldest first."""
    return _all(session, RequiredAction.request_id == request_id)


def due(session: Session, limit: int) -> Sequence[str]:
    """Ids of open asks whose request has ended, oldest first."""
    return session.scalars(
        select(RequiredAction.id)
        .where(RequiredAction.state == "open", RequiredAction.request_id.not_in(listing.open_ids()))
        .order_by(RequiredAction.asked_at, RequiredAction.id)
        .limit(limit)
    ).all()


def settle(session: Session, action_id: str, now: datetime) -> ActionView | None:
    """Write down that an ask is void because its request has ended. None: nothing to do (any more)."""
    seen = session.get(RequiredAction, action_id)
    if seen is None:
        return None
    orders.get_by_id(session, seen.order_id, lock=True)  # the order first, as everywhere
    row = session.get_one(RequiredAction, action_id, populate_existing=True, with_for_update=True)
    request = cancellations.get(session, row.request_id)
    if row.state != "open" or request.state == "pending_seller":
        return None
    change_state(session, row, "void", ACTION_MACHINE, Actor("system"), now, f"request {request.state}")
    return _view(row, request)


def request_of_seller(
    session: Session, seller_id: str, request_id: str, lock: bool = False
) -> tuple[RequestView, OrderView]:
    """A request about this seller's order, and the order; ``lock`` holds the order. Raises NotFound, also for a foreign one."""
    missing = NotFound(f"no cancellation request {request_id} among this seller's orders")
    try:
        order_id = cancellations.get(session, request_id).order_id
    except NotFound:
        raise missing from None
    order = orders.get_by_id(session, order_id)
    if order.seller_id != seller_id:
        raise missing
    if lock:
        order = orders.get_by_id(session, order_id, lock=True)
    return cancellations.get(session, request_id), order


def _require_open(request: RequestView, now: datetime) -> None:
    if request.state != "pending_seller" or (
        request.respond_by is not None and belongs_to_timer(request.respond_by, now)
    ):
        raise Conflict(_ended())


def _ended() -> str:
    return "the cancellation request has ended, or its time is over; there is nothing left to ask or answer"


def _all(session: Session, where: object) -> list[ActionView]:
    rows = session.scalars(
        select(RequiredAction)
        .where(where)  # type: ignore[arg-type]
        .order_by(RequiredAction.asked_at, RequiredAction.id)
        .execution_options(populate_existing=True)
    ).all()
    requests = {each: cancellations.get(session, each) for each in {row.request_id for row in rows}}
    return [_view(row, requests[row.request_id]) for row in rows]


def _view(row: RequiredAction, request: RequestView) -> ActionView:
    ended = row.state == "open" and request.state != "pending_seller"
    return ActionView(
        row.id, row.order_id, row.request_id, row.kind, row.text, row.url, "void" if ended else row.state, row.answer,
        row.asked_at, row.answered_at, request.respond_by,
    )  # fmt: skip
