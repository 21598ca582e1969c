"""How a return goes: asked for, answered, sent back, received, refunded. ``service`` is what other capabilities use.

Nothing here commits; ``now`` is aware UTC. Every writer locks the order first, then reads the return again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core import idempotency, outbox
from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotAllowed
from recourse.core.texts import cleaned, required
from recourse.core.transitions import Actor, change_state, created
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.rules import Breakdown
from recourse.returns import rules, views
from recourse.returns.models import Return, ReturnLine, Withdrawal
from recourse.returns.rules import RETURN_MACHINE, Verdict
from recourse.returns.views import ReturnView

_REQUEST = "request_return"

_DUE_AT = case(
    (Return.state == "requested", Return.respond_by),
    (Return.state == "approved", Return.ship_back_by),
    (Return.state == "in_transit", Return.refund_by),
    (Return.state == "received", Return.inspect_by),
)
"""The deadline of the state that a return is in."""


def can_return(session: Session, customer_id: str, number: str, now: datetime) -> Verdict:
    """May the buyer send something of this order back, under the seller's policy? Raises NotFound."""
    return _verdict(session, orders.get_own(session, customer_id, number), now)


def preview(
    session: Session, order: OrderView, pieces: Mapping[str, int], kind: str, reason_code: str | None, now: datetime
) -> Breakdown:
    """What would come back for ``pieces`` (line id -> how many), for an answer. ``kind``: free, agreed or withdrawal."""
    return rules.worth(order, pieces, kind, reason_code, refunds.ranges(session), now.date())


def request_return(
    session: Session,
    customer_id: str,
    number: str,
    pieces: Mapping[str, int],
    reason_code: str,
    note: str | None,
    key: str,
    now: datetime,
) -> ReturnView:
    """Ask to send ``pieces`` (line id -> how many) back under the seller's policy, once per ``key``.

    With a free return it is approved at once; otherwise the seller is asked and silence approves. Raises NotFound, InvalidInput
    (pieces or reason), NotAllowed (the verdict is not yes) or IdempotencyMismatch.
    """
    params = {"number": number, "pieces": dict(pieces), "reason": reason_code, "note": note}
    note = cleaned("the note", note, rules.NOTE_MAX)
    key = required("the idempotency key", key, 100)
    order = orders.get_own(session, customer_id, number, lock=True)
    saved = idempotency.recall(session, _REQUEST, key, customer_id, params)
    if saved is not None:
        return views.get(session, saved["return_id"])
    verdict = _verdict(session, order, now)
    if verdict.kind != rules.YES:
        raise NotAllowed(f"nothing of order {number} can be returned: {verdict.why}")
    if reason_code not in rules.REASONS:
        raise InvalidInput(f"{reason_code!r} is no reason for a return; take one of {', '.join(rules.REASONS)}")
    check_pieces(order, pieces, verdict.pieces)
    saved = idempotency.claim(session, _REQUEST, key, customer_id, params, now)
    if saved is not None:
        return views.get(session, saved["return_id"])
    row = insert(
        session, order, verdict.how, pieces, now, f"{_REQUEST}:{key}", reason_code=reason_code, reason_note=note,
        respond_by=None if verdict.how == "free" else rules.respond_by(order, now),
    )  # fmt: skip
    if verdict.how == "free":
        approve(session, row, order, Actor("system"), now, "free return")
    idempotency.remember(session, _REQUEST, key, customer_id, params, {"return_id": row.id}, now)
    return views.view(session, row, order)


def seller_approves(
    session: Session, seller_id: str, return_id: str, instructions: str | None, now: datetime
) -> ReturnView:
    """The seller agrees; ``instructions`` (address, packing) are for the buyer. Raises NotFound or Conflict."""
    instructions = cleaned("the instructions", instructions, rules.INSTRUCTIONS_MAX)
    row, order = _locked_of_seller(session, seller_id, return_id)
    _still(row, "requested", row.respond_by, now)
    approve(session, row, order, Actor("seller", seller_id), now, None, instructions=instructions)
    outbox.notify_buyer(session, row.customer_id, "return_approved", now, return_id=row.id)
    return views.view(session, row, order)


def seller_declines(session: Session, seller_id: str, return_id: str, reason: str, now: datetime) -> ReturnView:
    """The seller refuses, with a reason; the buyer may open a dispute. Raises NotFound, InvalidInput or Conflict."""
    reason = required("the reason", reason, rules.NOTE_MAX)
    row, order = _locked_of_seller(session, seller_id, return_id)
    _still(row, "requested", row.respond_by, now)
    change_state(
        session, row, "declined", RETURN_MACHINE, Actor("seller", seller_id), now, reason, decline_reason=reason
    )
    end_issue(session, order.id)
    outbox.notify_buyer(session, row.customer_id, "return_declined", now, return_id=row.id)
    return views.view(session, row, order)


def cancel(session: Session, customer_id: str, return_id: str, now: datetime) -> ReturnView:
    """The buyer keeps the goods; a second time it changes nothing. Raises NotFound or Conflict (sent back, or over)."""
    row, order = _locked_of_buyer(session, customer_id, return_id)
    if row.state == "cancelled":
        return views.view(session, row, order)
    limit = row.respond_by if row.state == "requested" else row.ship_back_by
    _still(row, ("requested", "approved"), limit, now)
    change_state(session, row, "cancelled", RETURN_MACHINE, Actor("buyer", customer_id), now)
    end_issue(session, order.id)
    return views.view(session, row, order)


def send_back(
    session: Session, customer_id: str, return_id: str, carrier: str, tracking: str, now: datetime
) -> ReturnView:
    """The goods are on their way back. The same tracking number twice changes nothing.

    Raises NotFound, InvalidInput or Conflict (not approved, or ``ship_back_by`` is over).
    """
    carrier, tracking = required("the carrier", carrier, 40), required("the tracking number", tracking, 40)
    row, order = _locked_of_buyer(session, customer_id, return_id)
    if row.state == "in_transit" and (row.carrier, row.tracking) == (carrier, tracking):
        return views.view(session, row, order)
    _still(row, "approved", row.ship_back_by, now)
    actor = Actor("buyer", customer_id)
    change_state(session, row, "in_transit", RETURN_MACHINE, actor, now, carrier=carrier, tracking=tracking)
    return views.view(session, row, order)


def seller_received(session: Session, seller_id: str, return_id: str, now: datetime) -> ReturnView:
    """The seller has the goods and accepts them: the refund is granted, or waits where the order is on hold (invariant 18).

    Doing it twice changes nothing. Raises NotFound or Conflict (not sent back).
    """
    row, order = _locked_of_seller(session, seller_id, return_id)
    if row.state == "refunded":
        return views.view(session, row, order)
    if row.state == "in_transit":
        _receive(session, row, Actor("seller", seller_id), now)
    _still(row, "received", None, now)
    if not order.frozen:
        _refund(session, row, order, Actor("system"), now)
    return views.view(session, row, order)


def carrier_received(session: Session, carrier: str, tracking: str, now: datetime) -> list[str]:
    """The carrier has handed a parcel back to a seller: returns the ids of the returns that are received with it.

    The seller then has ``INSPECT_DAYS`` to look at it. An unknown parcel, or one reported before, changes nothing.
    """
    query = select(Return.id).where(
        Return.state == "in_transit", Return.tracking == tracking, Return.carrier == carrier
    )
    done = []
    for return_id in session.scalars(query.order_by(Return.order_id)).all():
        row, _ = locked(session, return_id)
        if row.state == "in_transit":
            _receive(session, row, Actor("carrier"), now)
            done.append(row.id)
    return done


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of returns whose deadline is over at ``now``, the longest overdue first. Orders on hold are left out: they wait."""
    query = select(Return.id).where(
        or_(
            (Return.state == "requested") & (Return.respond_by <= now),
            (Return.state == "approved") & (Return.ship_back_by <= now),
            (Return.state == "in_transit") & (Return.refund_by <= now),
            (Return.state == "received") & (Return.inspect_by <= now),
        ),
        ~orders.on_hold(Return.order_id),
    )
    return session.scalars(query.order_by(_DUE_AT, Return.id).limit(limit)).all()


def settle(session: Session, return_id: str, now: datetime) -> ReturnView | None:
    """Let the timer decide one due return; None when there is nothing to do any more.

    Silence of the seller approves; goods not sent in time end it; goods not objected to, and a withdrawal with proof of
    sending, are refunded.
    """
    row, order = locked(session, return_id)
    timer = Actor("timer")
    if order.frozen:
        return None
    if row.state == "requested" and _over(row.respond_by, now):
        approve(session, row, order, timer, now, "no answer in time")
        outbox.notify_buyer(session, row.customer_id, "return_approved", now, return_id=row.id)
    elif row.state == "approved" and _over(row.ship_back_by, now):
        change_state(session, row, "expired", RETURN_MACHINE, timer, now, "not sent back in time")
        end_issue(session, order.id)
        outbox.notify_buyer(session, row.customer_id, "return_expired", now, return_id=row.id)
    elif row.state == "in_transit" and _over(row.refund_by, now):
        _refund(session, row, order, timer, now, "proof of sending")
    elif row.state == "received" and _over(row.inspect_by, now):
        _refund(session, row, order, timer, now, "not objected to")
    else:
        return None
    return views.view(session, row, order)


def insert(
    session: Session, order: OrderView, kind: str, pieces: Mapping[str, int], at: datetime, key: str, **values: Any
) -> Return:
    """A new return in state requested. The order must be locked and have no open one; for this capability only."""
    row = Return(
        id=new_id(), order_id=order.id, customer_id=order.customer_id, kind=kind, state="requested", requested_at=at,
        label_cost_by=rules.label_cost(order, kind, values.get("reason_code")), idempotency_key=key, **values,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add_all(ReturnLine(return_id=row.id, line_id=line_id, qty=qty) for line_id, qty in pieces.items())
    session.flush()
    session.refresh(row, ["lines"])
    created(session, row, RETURN_MACHINE, Actor("buyer", order.customer_id), at, row.reason_code)
    orders.set_issue(session, order.id, "return")
    return row


def approve(
    session: Session, row: Return, order: OrderView, actor: Actor, now: datetime, reason: str | None, **values: Any
) -> None:
    """Approve a requested return; for this capability only."""
    limit = rules.ship_back_by(order, row.kind, now)
    change_state(session, row, "approved", RETURN_MACHINE, actor, now, reason, ship_back_by=limit, **values)


def end_issue(session: Session, order_id: str) -> None:
    """The return is over and owns the order no more; a dispute or a chargeback keeps it. For this capability only."""
    if orders.get_by_id(session, order_id).issue == "return":
        orders.set_issue(session, order_id, None)


def check_pieces(order: OrderView, pieces: Mapping[str, int], possible: Mapping[str, int]) -> None:
    """Raise InvalidInput unless ``pieces`` are whole numbers from 1 to what is ``possible`` of each line of the order."""
    if not pieces:
        raise InvalidInput("say which items go back")
    for line_id, qty in pieces.items():
        line = order.line(line_id)
        if line is None:
            raise InvalidInput("these items are not of this order")
        most = possible.get(line_id, 0)
        if isinstance(qty, bool) or not isinstance(qty, int) or not 0 < qty <= most:
            raise InvalidInput(f"of {line.title!r} from 1 to {most} pieces can go back" if most else
                               f"nothing of {line.title!r} can go back")  # fmt: skip


def request_open(session: Session, order_id: str) -> bool:
    """Is a cancellation request of the order pending?"""
    latest = cancellations.latest_of(session, [order_id]).get(order_id)
    return latest is not None and latest.state == "pending_seller"


def locked(session: Session, return_id: str) -> tuple[Return, OrderView]:
    """The return and its order, the order locked first. Raises NotFound."""
    order = orders.get_by_id(session, views.row_of(session, return_id).order_id, lock=True)
    query = select(Return).where(Return.id == return_id).with_for_update(of=Return)
    return session.scalars(query.execution_options(populate_existing=True)).one(), order


def _verdict(session: Session, order: OrderView, now: datetime) -> Verdict:
    is_open = views.open_row(session, order.id) is not None
    return rules.can_return(order, now, return_open=is_open, request_open=request_open(session, order.id))


def _locked_of_buyer(session: Session, customer_id: str, return_id: str) -> tuple[Return, OrderView]:
    if views.row_of(session, return_id).customer_id != customer_id:
        raise views.missing(return_id)
    return locked(session, return_id)


def _locked_of_seller(session: Session, seller_id: str, return_id: str) -> tuple[Return, OrderView]:
    views.of_seller(session, seller_id, return_id)
    return locked(session, return_id)


def _still(row: Return, states: str | tuple[str, ...], limit: datetime | None, now: datetime) -> None:
    """Raise Conflict unless the return is in one of ``states`` and its deadline is not over (invariant 16)."""
    if row.state not in (states if isinstance(states, tuple) else (states,)):
        raise Conflict(f"return {row.id} is {row.state}; read it again")
    if _over(limit, now) and limit is not None:
        raise Conflict(f"the time for this ended at {limit.isoformat()}; the deadline decides now")


def _over(limit: datetime | None, now: datetime) -> bool:
    return limit is not None and now >= limit


def _receive(session: Session, row: Return, actor: Actor, now: datetime) -> None:
    limit = rules.inspect_by(now, row.refund_by)
    change_state(session, row, "received", RETURN_MACHINE, actor, now, received_at=now, inspect_by=limit)


def _refund(
    session: Session, row: Return, order: OrderView, actor: Actor, now: datetime, reason: str | None = None
) -> None:
    pieces = {line.line_id: line.qty for line in row.lines}
    breakdown = rules.worth(order, pieces, row.kind, row.reason_code, refunds.ranges(session), now.date())
    change_state(session, row, "refunded", RETURN_MACHINE, actor, now, reason)
    orders.note_returned(session, order.id, pieces)
    refunds.grant(session, order, *_cause(session, row), breakdown, now)
    end_issue(session, order.id)
    orders.close_if_refunded(session, order.id, now, f"return {row.id}")
    outbox.notify_buyer(session, row.customer_id, "return_refunded", now, return_id=row.id)


def _cause(session: Session, row: Return) -> tuple[str, str]:
    """What the refund is for: the declaration where there was one, else the return."""
    if row.kind != "withdrawal":
        return "return", row.id
    query = select(Withdrawal.id).where(Withdrawal.return_id == row.id).order_by(Withdrawal.declared_at, Withdrawal.id)
    return "withdrawal", session.scalars(query.limit(1)).one()
