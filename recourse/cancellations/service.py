"""Use cases of cancellation. Here: what a buyer does (verdict, quote, submit, withdraw); how a request is decided is in
``decisions.py``, reading requests and what else ends them in ``requests.py``. All of it is called through this page.

Functions that take a ``session`` run in the caller's transaction; nothing here commits. ``now`` is aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recourse.cancellations import requests, rules
from recourse.cancellations.decisions import due as due
from recourse.cancellations.decisions import platform_decides as platform_decides
from recourse.cancellations.decisions import seller_approves as seller_approves
from recourse.cancellations.decisions import seller_rejects as seller_rejects
from recourse.cancellations.decisions import settle as settle
from recourse.cancellations.models import CancellationLine, CancellationRequest, QuoteRow
from recourse.cancellations.requests import PAYMENT_VOID as PAYMENT_VOID
from recourse.cancellations.requests import RequestView as RequestView
from recourse.cancellations.requests import all_of as all_of
from recourse.cancellations.requests import check_may_ship as check_may_ship
from recourse.cancellations.requests import end_open_request as end_open_request
from recourse.cancellations.requests import get as get
from recourse.cancellations.requests import latest_of as latest_of
from recourse.cancellations.requests import release_reserved as release_reserved
from recourse.cancellations.requests import requests_made as requests_made
from recourse.cancellations.rules import INSTANT, INTERCEPT, NO, REQUEST_MACHINE, Reason, Rule, Terms
from recourse.core import idempotency
from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state, created
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds

_SUBMIT = "submit_cancellation"
_KEY_MAX = 128


@dataclass(frozen=True, slots=True)
class Verdict:
    """May this order be cancelled: the rule that applies, the order, and the latest request (open or not), if any."""

    rule: Rule
    order: OrderView
    request: RequestView | None


@dataclass(frozen=True, slots=True)
class Quote:
    """Stored terms. ``id`` is what a "yes" refers to; each showing is its own row."""

    id: str
    terms: Terms
    order: OrderView


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a submit did. ``outcome``:

    - ``cancelled``: the order is cancelled in this very transaction (unpaid or in payment check);
    - ``requested``: the seller was asked and answers by ``request.respond_by``; **not cancelled yet**;
    - ``already_requested``: an open request was there before; nothing new was made;
    - ``requote``: the deal changed since it was shown; nothing was submitted; ``quote`` is the new one, ``changed`` says what
      is different: expired, order_changed, and the parts of ``Terms.changes``;
    - ``refused``: the order (or what was chosen of it) can no longer be cancelled; nothing was submitted; ``verdict`` says why.
    """

    outcome: str
    verdict: Verdict
    request: RequestView | None = None
    quote: Quote | None = None
    changed: tuple[str, ...] = ()


def can_cancel(session: Session, customer_id: str, number: str, now: datetime) -> Verdict:
    """Verdict for the buyer's own order. Raises NotFound (also for somebody else's order)."""
    return _verdict(session, orders.get_own(session, customer_id, number), now)


def quote(
    session: Session,
    customer_id: str,
    number: str,
    now: datetime,
    *,
    pieces: Mapping[str, int] | None = None,
    reason_code: str | None = None,
) -> Quote:
    """Work out and store what cancelling means now.

    ``pieces``: line id -> how many; None is everything that can be cancelled. ``reason_code`` decides on whose account it
    goes, and so the fee; without one the buyer's is assumed, so that a fee is shown rather than hidden.

    Raises NotFound; NotAllowed where the verdict is no or the order cannot be cancelled in parts; InvalidInput for pieces
    that are not there to be cancelled, or a reason that is not in the catalogue.
    """
    verdict = can_cancel(session, customer_id, number, now)
    if verdict.rule.kind == NO:
        raise NotAllowed(f"order {number} cannot be cancelled: {verdict.rule.why}")
    chosen = None
    if reason_code is not None:
        chosen = _reason(verdict.order, reason_code)
    if pieces is not None:
        _check_pieces(verdict.order, verdict.rule.kind, pieces)
    return _new_quote(session, verdict, pieces, _fault(chosen), now)


def preview(session: Session, order: OrderView, kind: str, now: datetime) -> Terms:
    """The terms of cancelling ``order`` now, without storing a quote: for an answer, not for a yes."""
    return rules.terms(order, kind, refunds.ranges(session), now)


def submit_cancellation(
    session: Session,
    customer_id: str,
    quote_id: str,
    reason_code: str,
    note: str | None,
    key: str,
    now: datetime,
    conversation_id: str | None = None,
) -> Submitted:
    """Submit once what the buyer said yes to.

    ``key`` is the idempotency key (1 to 128 characters): the same key with the same parameters answers with the first result
    and does nothing; with others it raises IdempotencyMismatch. Status, version and deal are checked again inside the
    transaction. ``note``: the buyer's own words, cut at 500 characters. Raises NotFound for a quote that is not this buyer's
    and InvalidInput for a reason that is not in the catalogue.
    """
    if not 0 < len(key) <= _KEY_MAX:
        raise InvalidInput(f"an idempotency key has 1 to {_KEY_MAX} characters")
    params = {"quote": quote_id, "reason": reason_code, "note": note}
    shown = _own_quote(session, customer_id, quote_id)
    order = orders.get_by_id(session, shown.order_id, lock=True)
    saved = idempotency.recall(session, _SUBMIT, key, customer_id, params)
    if saved is not None:
        return _repeated(session, saved, order, now)
    checked = _check_again(session, order, shown, reason_code, now)
    if isinstance(checked, Submitted):
        return checked
    chosen = _reason(order, reason_code)
    saved = idempotency.claim(session, _SUBMIT, key, customer_id, params, now)
    if saved is not None:
        return _repeated(session, saved, order, now)
    row = _insert(session, order, shown, checked, chosen, note, key, now, conversation_id)
    outcome = "requested" if row.state == "pending_seller" else "cancelled"
    if outcome == "cancelled":
        requests.carry_out(session, order, row, checked.refund, Actor("buyer", customer_id), now)
    idempotency.remember(session, _SUBMIT, key, customer_id, params, {"outcome": outcome, "request_id": row.id}, now)
    after = _verdict(session, orders.get_by_id(session, order.id), now)
    return Submitted(outcome, after, request=requests.view(row))


def withdraw(session: Session, customer_id: str, reference: str, now: datetime) -> RequestView:
    """Take back an open request: "keep the order". ``reference``: the request's id or the order's number.

    Doing it twice answers with the withdrawn request. Raises NotFound (also for somebody else's), and Conflict when it was
    decided meanwhile, naming how, or when its time is over and silence has approved it.
    """
    found = _own_request(session, customer_id, reference)
    row, order = requests.lock_order_of(session, found.id)
    if row is None:
        request = get(session, found.id)
        if request.state == "withdrawn":
            return request
        raise Conflict(f"request {request.id} is {request.state}; there is nothing left to take back")
    if requests.silence_decides(row, order, now) == "approved":
        raise Conflict(f"the time to answer request {row.id} is over and silence approves it; it cannot be taken back")
    change_state(
        session, row, "withdrawn", REQUEST_MACHINE, Actor("buyer", customer_id), now, "keep the order",
        decided_by="buyer", decided_at=now,
    )  # fmt: skip
    return requests.view(row)


def _own_request(session: Session, customer_id: str, reference: str) -> RequestView:
    """The buyer's own request with this id, or the latest of the buyer's own order with this number."""
    if reference.upper().startswith("RC-"):
        order = orders.get_own(session, customer_id, reference.upper())
        latest = latest_of(session, [order.id]).get(order.id)
        if latest is None:
            raise NotFound(f"there is no request to cancel order {order.number}")
        return latest
    row = session.get(CancellationRequest, reference, populate_existing=True)
    if row is None or row.customer_id != customer_id:
        raise NotFound(f"no cancellation request {reference} of this buyer")
    return requests.view(row)


def _verdict(session: Session, order: OrderView, now: datetime) -> Verdict:
    request = latest_of(session, [order.id]).get(order.id)
    made = requests_made(session, [order.id]).get(order.id, 0)
    is_open = request is not None and request.open
    rule = rules.can_cancel(order, now, request_open=is_open, earlier_requests=made)
    return Verdict(rule, order, request)


def _check_pieces(order: OrderView, kind: str, pieces: Mapping[str, int]) -> None:
    """Raises unless ``pieces`` can be cancelled, all together, in a cancellation of ``kind``."""
    there = rules.open_pieces(order, kind)
    if not pieces:
        raise InvalidInput("choose at least one item to cancel")
    for line_id, qty in pieces.items():
        if order.line(line_id) is None:
            raise InvalidInput(f"order {order.number} has no line {line_id}")
        most = there.get(line_id, 0)
        if not isinstance(qty, int) or isinstance(qty, bool) or not 0 < qty <= most:
            raise InvalidInput(f"of line {line_id} at most {most} pieces can be cancelled, and at least 1")
    if dict(pieces) == there:
        return
    if kind == INSTANT:
        raise NotAllowed(f"order {order.number} is not paid yet and can only be cancelled as a whole")
    if kind == INTERCEPT:
        raise NotAllowed(f"order {order.number} is on its way and can only be called back as a whole")
    if not order.policy.partial_cancel:
        raise NotAllowed(f"the seller's terms let order {order.number} be cancelled only as a whole")


def _check_again(
    session: Session, order: OrderView, shown: QuoteRow, reason_code: str, now: datetime
) -> Terms | Submitted:
    """The terms to submit under, when what was shown still holds; otherwise the answer to the submit."""
    verdict = _verdict(session, order, now)
    if verdict.rule.why == "already_requested":
        return Submitted("already_requested", verdict, request=verdict.request)
    if verdict.rule.kind == NO:
        return Submitted("refused", verdict)
    old = Terms.from_json(shown.terms)
    pieces = _still_there(order, verdict.rule.kind, old)
    if pieces is not None and not pieces:
        return Submitted("refused", replace(verdict, rule=rules.GONE))
    fault = _fault(rules.reason(order.state, reason_code))
    fresh = rules.terms(order, verdict.rule.kind, refunds.ranges(session), now, pieces=pieces, fault=fault)
    expired = now >= shown.expires_at
    if not expired and fresh.fingerprint(order.version) == shown.hash:
        return fresh
    moved = order.version != shown.order_version
    changed = (*("expired",) * expired, *("order_changed",) * moved, *old.changes(fresh))
    new = _new_quote(session, verdict, pieces, fault, now)
    return Submitted("requote", verdict, quote=new, changed=changed)


def _still_there(order: OrderView, kind: str, old: Terms) -> dict[str, int] | None:
    """What is left of the pieces that were shown; None: all of the order was meant and is meant still."""
    if old.scope == "all":
        return None
    there = rules.open_pieces(order, kind) if kind not in (INSTANT, INTERCEPT) else {}
    left = {line_id: min(qty, there.get(line_id, 0)) for line_id, qty in old.pieces.items()}
    return {line_id: qty for line_id, qty in left.items() if qty}


def _repeated(session: Session, saved: Mapping[str, Any], order: OrderView, now: datetime) -> Submitted:
    return Submitted(saved["outcome"], _verdict(session, order, now), request=get(session, saved["request_id"]))


def _reason(order: OrderView, code: str) -> Reason:
    found = rules.reason(order.state, code)
    if found is None:
        raise InvalidInput(f"{code!r} is not a reason for an order that is {order.state}")
    return found


def _fault(chosen: Reason | None) -> str:
    return chosen.fault if chosen else "buyer"


def _new_quote(
    session: Session, verdict: Verdict, pieces: Mapping[str, int] | None, fault: str, now: datetime
) -> Quote:
    order = verdict.order
    offered = rules.terms(order, verdict.rule.kind, refunds.ranges(session), now, pieces=pieces, fault=fault)
    row = QuoteRow(
        id=new_id(),
        order_id=order.id,
        customer_id=order.customer_id,
        order_version=order.version,
        terms=offered.to_json(),
        hash=offered.fingerprint(order.version),
        created_at=now,
        expires_at=now + rules.QUOTE_LIFETIME,
    )
    session.add(row)
    session.flush()
    return Quote(row.id, offered, order)


def _own_quote(session: Session, customer_id: str, quote_id: str) -> QuoteRow:
    row = session.get(QuoteRow, quote_id)
    if row is None or row.customer_id != customer_id:
        raise NotFound("no such quote for this buyer; ask for a new one")
    return row


def _insert(
    session: Session,
    order: OrderView,
    shown: QuoteRow,
    agreed: Terms,
    chosen: Reason,
    note: str | None,
    key: str,
    now: datetime,
    conversation_id: str | None,
) -> CancellationRequest:
    instant = agreed.kind == INSTANT
    row = CancellationRequest(
        id=new_id(),
        order_id=order.id,
        customer_id=order.customer_id,
        scope=agreed.scope,
        kind=agreed.kind,
        reason_code=chosen.code,
        reason_note=requests.clean(note)[: rules.NOTE_MAX] or None,
        fault=chosen.fault,
        state="approved" if instant else "pending_seller",
        quote_id=shown.id,
        requested_at=now,
        respond_by=agreed.respond_by,
        decided_by="system_instant" if instant else None,
        decided_at=now if instant else None,
        conversation_id=conversation_id,
        idempotency_key=key,
    )
    row.lines = [CancellationLine(line_id=line_id, qty=qty) for line_id, qty in agreed.pieces.items()]
    session.add(row)
    session.flush()
    actor = Actor("system") if instant else Actor("buyer", order.customer_id)
    created(session, row, REQUEST_MACHINE, actor, now, chosen.code)
    return row
