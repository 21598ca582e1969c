"""Use cases of cancellation: verdict, quote, submit, the seller's decision, and the deadline.

Functions that take a ``session`` run in the caller's transaction; nothing here commits. ``now`` is aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.cancellations import rules
from recourse.cancellations.models import CancellationRequest, QuoteRow
from recourse.cancellations.rules import REQUEST_MACHINE, Reason, Rule, Terms
from recourse.core import idempotency, outbox
from recourse.core.db import new_id
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state, created
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds

_SUBMIT = "submit_cancellation"
_SHORT_TEXT = 40


@dataclass(frozen=True, slots=True)
class RequestView:
    """A cancellation request as its row says it now."""

    id: str
    order_id: str
    state: str
    reason_code: str
    note: str | None
    requested_at: datetime
    respond_by: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    reject_reason: str | None
    proof_tracking: str | None


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
    - ``requote``: the deal changed since it was shown; nothing was submitted; ``quote`` is the new one;
    - ``refused``: the order can no longer be cancelled; nothing was submitted; ``verdict`` says why.
    """

    outcome: str
    verdict: Verdict
    request: RequestView | None = None
    quote: Quote | None = None


def can_cancel(session: Session, customer_id: str, number: str) -> Verdict:
    """Verdict for the buyer's own order. Raises NotFound (also for somebody else's order)."""
    return _verdict(session, orders.get_own(session, customer_id, number))


def quote(session: Session, customer_id: str, number: str, now: datetime) -> Quote:
    """Work out and store what cancelling means now. Raises NotFound, and NotAllowed where the verdict is no."""
    verdict = can_cancel(session, customer_id, number)
    if verdict.rule.kind == rules.NO:
        raise NotAllowed(f"order {number} cannot be cancelled: {verdict.rule.why}")
    return _new_quote(session, verdict, now)


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

    ``key`` is the idempotency key: the same key with the same parameters answers with the first result and does nothing;
    with others it raises IdempotencyMismatch. Status, version and deal are checked again inside the transaction.
    Raises NotFound for a quote that is not this buyer's and InvalidInput for a reason that is not in the catalogue.
    """
    params = {"quote": quote_id, "reason": reason_code, "note": note}
    shown = _own_quote(session, customer_id, quote_id)
    order = orders.get_by_id(session, shown.order_id, lock=True)
    saved = idempotency.recall(session, _SUBMIT, key, customer_id, params)
    verdict = _verdict(session, order)
    if saved is not None:
        return Submitted(saved["outcome"], verdict, request=get(session, saved["request_id"]))
    if verdict.rule.why == "already_requested":
        return Submitted("already_requested", verdict, request=verdict.request)
    if verdict.rule.kind == rules.NO:
        return Submitted("refused", verdict)
    fresh = rules.terms(order, verdict.rule.kind, refunds.ranges(session), now)
    if now >= shown.expires_at or fresh.fingerprint(order.version) != shown.hash:
        return Submitted("requote", verdict, quote=_new_quote(session, verdict, now))
    chosen = rules.reason(order.state, reason_code)
    if chosen is None:
        raise InvalidInput(f"{reason_code!r} is not a reason for an order that is {order.state}")
    row = _insert(session, order, shown, chosen, note, key, now, conversation_id, fresh)
    outcome = "requested" if row.state == "pending_seller" else "cancelled"
    if outcome == "cancelled":
        _cancel_order(session, order, row, fresh, Actor("buyer", customer_id), now)
    idempotency.remember(session, _SUBMIT, key, customer_id, params, {"outcome": outcome, "request_id": row.id}, now)
    return Submitted(outcome, _verdict(session, orders.get_by_id(session, order.id)), request=_view(row))


def seller_approves(session: Session, request_id: str, now: datetime, actor: Actor) -> RequestView:
    """The seller says yes: the order is cancelled and the refund granted.

    Raises NotFound, Conflict (decided already, or the deadline has passed) or NotAllowed (the order is on hold, where the
    money may be taken back by the bank: invariants 18 and 30).
    """
    row, order = _open_request(session, request_id, now)
    if order.frozen:
        raise NotAllowed(
            f"order {order.number} is on hold ({order.frozen_reason}); nothing can be refunded until it is over"
        )
    _approve(session, row, order, actor, "seller", now)
    return _view(row)


def seller_rejects(
    session: Session, request_id: str, reason: str, tracking: str | None, now: datetime, actor: Actor
) -> RequestView:
    """The seller says no, with a reason. "Already shipped" needs a tracking number as proof (domain 3.4).

    Raises NotFound, InvalidInput (no reason, or no proof), NotAllowed or Conflict.
    """
    reason = reason.strip()
    if not reason:
        raise InvalidInput("a rejection needs a reason that the buyer can read")
    tracking = _short("tracking number", tracking)
    if rules.claims_shipped(reason) and not tracking:
        raise InvalidInput("'already shipped' needs the tracking number as proof")
    row, _ = _open_request(session, request_id, now)
    change_state(
        session, row, "rejected", REQUEST_MACHINE, actor, now, reason,
        decided_by="seller", decided_at=now, reject_reason=reason[: rules.NOTE_MAX], proof_tracking=tracking or None,
    )  # fmt: skip
    outbox.notify_buyer(session, row.customer_id, "request_rejected", now, request_id=row.id)
    return _view(row)


def seller_ships(session: Session, number: str, carrier: str, tracking: str, now: datetime, actor: Actor) -> OrderView:
    """The seller hands the order to a carrier. An open request ends as superseded, or forbids it where the policy blocks.

    Once silence has approved the request, shipping comes too late, even if the timer has not run yet (invariant 16).
    Raises NotFound, InvalidInput, NotAllowed (wrong status, or blocked by an open request) or Conflict.
    """
    carrier, tracking = _short("carrier", carrier), _short("tracking number", tracking)
    if not carrier or not tracking:
        raise InvalidInput("shipping needs a carrier and a tracking number")
    order = orders.get_by_id(session, orders.get_by_number(session, number).id, lock=True)
    if order.state != "to_ship":
        raise NotAllowed(
            f"order {number} is {order.state}; only an order that waits to be shipped (to_ship) can be shipped"
        )
    row = session.scalars(_pending_of(order.id)).one_or_none()
    if row is not None and order.policy.ship_while_pending == "block":
        raise NotAllowed(f"order {number} has an open cancellation request; answer it first ({row.id})")
    if row is not None and _silence_has_approved(row, order, now):
        raise Conflict(
            f"the time to answer request {row.id} is over and the order is about to be cancelled; do not ship it"
        )
    orders.ship(session, order.id, carrier, tracking, now, actor)
    if row is not None:
        change_state(
            session, row, "superseded", REQUEST_MACHINE, Actor("system"), now, "shipped while pending",
            decided_by="system", decided_at=now, proof_tracking=tracking,
        )  # fmt: skip
        outbox.notify_buyer(session, row.customer_id, "request_superseded", now, request_id=row.id)
    return orders.get_by_id(session, order.id)


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of open requests whose time is over at ``now``, the longest overdue first."""
    return session.scalars(
        select(CancellationRequest.id)
        .where(CancellationRequest.state == "pending_seller", CancellationRequest.respond_by <= now)
        .order_by(CancellationRequest.respond_by)
        .limit(limit)
    ).all()


def settle(session: Session, request_id: str, now: datetime) -> RequestView | None:
    """Let the timer decide one due request: silence approves an unsent order, where the policy says so [SEED 1].

    Returns the request as it then is, or None when somebody else decided it first. Doing it twice changes nothing.
    """
    order = orders.get_by_id(session, get(session, request_id).order_id, lock=True)  # the order first, as everywhere
    row = session.scalars(_pending_of(order.id)).one_or_none()
    if row is None or row.id != request_id or row.respond_by is None:
        return None
    if not rules.belongs_to_timer(row.respond_by, now):
        return None
    if rules.outcome_of_silence(order.policy.on_silence, order.state, order.frozen) == "approved":
        _approve(session, row, order, Actor("timer"), "system_timeout", now)
    else:
        change_state(
            session, row, "expired", REQUEST_MACHINE, Actor("timer"), now, "no answer in time",
            decided_by="system_timeout", decided_at=now,
        )  # fmt: skip
        outbox.notify_buyer(session, row.customer_id, "request_expired", now, request_id=row.id)
    return _view(row)


def get(session: Session, request_id: str) -> RequestView:
    """One request. Raises NotFound."""
    row = session.get(CancellationRequest, request_id, populate_existing=True)
    if row is None:
        raise NotFound(f"no cancellation request {request_id}")
    return _view(row)


def latest_of(session: Session, order_ids: Sequence[str]) -> dict[str, RequestView]:
    """Order id -> its latest request, for those of ``order_ids`` that have one, in one query. An open one is the latest."""
    rows = session.scalars(
        select(CancellationRequest)
        .where(CancellationRequest.order_id.in_(list(order_ids)))
        .order_by(
            CancellationRequest.state == "pending_seller", CancellationRequest.requested_at, CancellationRequest.id
        )
    )
    return {row.order_id: _view(row) for row in rows}


def all_of(session: Session, order_id: str) -> list[RequestView]:
    """Every request of an order, oldest first."""
    rows = session.scalars(
        select(CancellationRequest)
        .where(CancellationRequest.order_id == order_id)
        .order_by(CancellationRequest.requested_at, CancellationRequest.id)
    )
    return [_view(row) for row in rows]


def _verdict(session: Session, order: OrderView) -> Verdict:
    request = latest_of(session, [order.id]).get(order.id)
    is_open = request is not None and request.state == "pending_seller"
    return Verdict(rules.can_cancel(order.state, order.frozen, is_open), order, request)


def _new_quote(session: Session, verdict: Verdict, now: datetime) -> Quote:
    order = verdict.order
    offered = rules.terms(order, verdict.rule.kind, refunds.ranges(session), now)
    row = QuoteRow(
        id=new_id(),
        order_id=order.id,
        customer_id=order.customer_id,
        order_version=order.version,
        terms=_json(asdict(offered)),
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
    chosen: Reason,
    note: str | None,
    key: str,
    now: datetime,
    conversation_id: str | None,
    agreed: Terms,
) -> CancellationRequest:
    instant = agreed.kind == rules.INSTANT
    row = CancellationRequest(
        id=new_id(),
        order_id=order.id,
        customer_id=order.customer_id,
        reason_code=chosen.code,
        reason_note=(note or "").replace("\0", "").strip()[: rules.NOTE_MAX] or None,  # PostgreSQL stores no NUL
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
    session.add(row)
    session.flush()
    actor = Actor("system") if instant else Actor("buyer", order.customer_id)
    created(session, row, REQUEST_MACHINE, actor, now, chosen.code)
    return row


def _pending_of(order_id: str) -> Any:
    return (
        select(CancellationRequest)
        .where(CancellationRequest.order_id == order_id, CancellationRequest.state == "pending_seller")
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _short(what: str, value: str | None) -> str:
    """``value`` without blanks around it; raises InvalidInput where its column could not hold it."""
    text = (value or "").strip()
    if len(text) > _SHORT_TEXT:
        raise InvalidInput(f"a {what} has at most {_SHORT_TEXT} characters")
    return text


def _silence_has_approved(row: CancellationRequest, order: OrderView, now: datetime) -> bool:
    if row.respond_by is None or not rules.belongs_to_timer(row.respond_by, now):
        return False
    return rules.outcome_of_silence(order.policy.on_silence, order.state, order.frozen) == "approved"


def _open_request(session: Session, request_id: str, now: datetime) -> tuple[CancellationRequest, OrderView]:
    found = get(session, request_id)
    order = orders.get_by_id(session, found.order_id, lock=True)
    row = session.scalars(_pending_of(order.id)).one_or_none()
    if row is None or row.id != request_id:
        state = get(session, request_id).state
        raise Conflict(f"request {request_id} is {state}; there is nothing left to decide")
    if row.respond_by is not None and rules.belongs_to_timer(row.respond_by, now):
        raise Conflict(f"the time to answer ended at {row.respond_by.isoformat()}; the deadline decides now")
    return row, order


def _approve(
    session: Session, row: CancellationRequest, order: OrderView, actor: Actor, decided_by: str, now: datetime
) -> None:
    change_state(session, row, "approved", REQUEST_MACHINE, actor, now, None, decided_by=decided_by, decided_at=now)
    agreed = rules.terms(order, rules.INSTANT, refunds.ranges(session), now)
    _cancel_order(session, order, row, agreed, actor, now)
    outbox.notify_buyer(session, row.customer_id, "request_approved", now, request_id=row.id)


def _cancel_order(
    session: Session, order: OrderView, row: CancellationRequest, agreed: Terms, actor: Actor, now: datetime
) -> None:
    orders.move(
        session, order.id, "cancelled", actor, now, f"cancellation request {row.id}",
        cancelled_at=now, close_reason="buyer_cancelled",
    )  # fmt: skip
    orders.cancel_lines(session, order.id)
    orders.settle_coupons(session, order.id, agreed.coupon_effect == "balance", now)
    orders.void_uncaptured(session, order.group_id, now)
    refunds.grant(session, order, "cancellation", row.id, agreed.refund, now)


def _json(value: Any) -> Any:
    """Dates as ISO text, so that a quote is kept exactly as it was shown."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _view(row: CancellationRequest) -> RequestView:
    return RequestView(
        row.id, row.order_id, row.state, row.reason_code, row.reason_note, row.requested_at, row.respond_by,
        row.decided_by, row.decided_at, row.reject_reason, row.proof_tracking,
    )  # fmt: skip
