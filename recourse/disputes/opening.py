"""Opening a dispute: the verdict, what can be asked for, and the first event.

Nothing here commits; ``now`` is aware UTC, amounts are minor units of the order's currency.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core import idempotency
from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotAllowed, NotFound
from recourse.core.texts import cleaned, required
from recourse.core.transitions import Actor, created
from recourse.disputes import rules, views
from recourse.disputes.decisions import note
from recourse.disputes.models import Dispute
from recourse.disputes.rules import DISPUTE_MACHINE, Facts, Verdict
from recourse.disputes.views import DisputeView
from recourse.orders import service as orders
from recourse.orders.rules import Line, OrderView
from recourse.returns import service as returns

_OPEN = "open_dispute"


def can_dispute(session: Session, customer_id: str, number: str, line_id: str, now: datetime) -> Verdict:
    """May the buyer dispute this line of this order? Raises NotFound."""
    order = orders.get_own(session, customer_id, number)
    line = _line(order, line_id)
    return rules.can_dispute(order, line, now, _facts(session, order, line))


def open_dispute(
    session: Session,
    customer_id: str,
    number: str,
    line_id: str,
    qty: int,
    type_: str,
    reason_code: str,
    wanted: str,
    amount_minor: int | None,
    description: str | None,
    key: str,
    now: datetime,
    conversation_id: str | None = None,
) -> DisputeView:
    """Open a dispute about ``qty`` pieces of a line, once per ``key``; the seller answers by ``respond_by``.

    ``wanted``: full (not received), partial with ``amount_minor``, or return_refund (not as described). Raises NotFound,
    InvalidInput, NotAllowed (the verdict is not yes for this type) or IdempotencyMismatch.
    """
    description = cleaned("the description", description, rules.DESCRIPTION_MAX)
    key = required("the idempotency key", key, 100)
    params = {
        "number": number, "line": line_id, "qty": qty, "type": type_, "reason": reason_code, "wanted": wanted,
        "amount": amount_minor, "description": description,
    }  # fmt: skip
    order = orders.get_own(session, customer_id, number, lock=True)
    saved = idempotency.recall(session, _OPEN, key, customer_id, params)
    if saved is not None:
        return views.get(session, saved["dispute_id"])
    line = _line(order, line_id)
    amount = _checked(session, order, line, qty, type_, reason_code, wanted, amount_minor, now)
    saved = idempotency.claim(session, _OPEN, key, customer_id, params, now)
    if saved is not None:
        return views.get(session, saved["dispute_id"])
    row = Dispute(
        id=new_id(),
        order_id=order.id,
        line_id=line.id,
        customer_id=customer_id,
        type=type_,
        reason_code=reason_code,
        description=description,
        qty=qty,
        wanted=wanted,
        amount=amount,
        state="awaiting_seller",
        opened_at=now,
        respond_by=rules.respond_by(order.policy, now),
        conversation_id=conversation_id,
        idempotency_key=f"{_OPEN}:{key}",
    )
    session.add(row)
    session.flush()
    buyer = Actor("buyer", customer_id)
    created(session, row, DISPUTE_MACHINE, buyer, now, reason_code)
    note(session, row, "opened", buyer, now, wanted=wanted, amount=amount, text=description)
    orders.set_issue(session, order.id, "dispute")
    idempotency.remember(session, _OPEN, key, customer_id, params, {"dispute_id": row.id}, now)
    return views.view(session, row, order)


def _line(order: OrderView, line_id: str) -> Line:
    line = order.line(line_id)
    if line is None:
        raise NotFound(f"order {order.number} has no such item")
    return line


def _facts(session: Session, order: OrderView, line: Line) -> Facts:
    mine = select(Dispute.state).where(Dispute.line_id == line.id, Dispute.state.not_in(rules.OVER))
    decided = select(func.sum(Dispute.qty)).where(
        Dispute.line_id == line.id, Dispute.state == "resolved", Dispute.outcome.in_((rules.PARTIAL, rules.NONE))
    )
    request = cancellations.latest_of(session, [order.id]).get(order.id)
    return Facts(
        open_dispute=session.scalar(mine.limit(1)) is not None,
        open_return=line.id in returns.open_pieces(session, order.id),
        open_request=request is not None and request.open and line.id in dict(request.pieces),
        decided=session.scalar(decided) or 0,
    )


def _checked(
    session: Session, order: OrderView, line: Line, qty: int, type_: str, reason_code: str, wanted: str,
    amount_minor: int | None, now: datetime,
) -> int:  # fmt: skip
    """The amount that a new dispute asks for; raises as ``open_dispute`` says."""
    if type_ not in rules.TYPES:
        raise InvalidInput(f"{type_!r} is no type of dispute; take {' or '.join(rules.TYPES)}")
    rules.checked_reason(type_, reason_code)
    if wanted not in rules.OPENING[type_]:
        raise InvalidInput(f"for {type_} the buyer can ask for {' or '.join(rules.OPENING[type_])}, not {wanted!r}")
    verdict = rules.can_dispute(order, line, now, _facts(session, order, line))
    if type_ not in verdict.types:
        why = verdict.why if verdict.kind != rules.YES else "not_open_yet"
        raise NotAllowed(f"{line.title!r} of order {order.number} cannot be disputed as {type_}: {why}")
    if isinstance(qty, bool) or not isinstance(qty, int) or not 1 <= qty <= verdict.qty:
        raise InvalidInput(f"the dispute can be about 1 to {verdict.qty} pieces of {line.title!r}")
    most = rules.worth(order, line.id, qty, reason_code)
    if not most:
        raise NotAllowed(f"nothing was paid for these pieces of {line.title!r}, so nothing can come back")
    return rules.checked_amount(wanted, amount_minor, most)
