"""Carrying out an erasure: store by store, each in a transaction of its own, as often as it takes.

Every step may be repeated: it changes what is still there and adds to its report. What can fail (the engine's memory) comes
after what cannot, and a failure leaves the request ``executing`` for the next attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from recourse.cancellations import personal as cancellations
from recourse.conversations import personal as conversations
from recourse.core import outbox, personal
from recourse.core.db import reading, transaction
from recourse.core.errors import NotFound, RecourseError
from recourse.core.transitions import Actor, change_state
from recourse.customers import service as customers
from recourse.disputes import personal as disputes
from recourse.handoff import personal as handoff
from recourse.messages import personal as messages
from recourse.orders import personal as orders
from recourse.payments import personal as payments
from recourse.privacy import export, matters, rules, service
from recourse.privacy.models import ErasureItem, ErasureRequest
from recourse.privacy.rules import ERASURE_MACHINE, OPEN_MATTERS
from recourse.privacy.service import ErasureView
from recourse.privacy.trackers import TrackerNotErased, TrackerStore
from recourse.refunds import personal as refunds
from recourse.returns import personal as returns
from recourse.watches import personal as watches

ENGINE_MEMORY = "engine_memory"
PROFILE = "profile"
_WORKER = Actor("worker")

Erase = Callable[[Session, str, Collection[str]], int]
"""Erases one store: session, buyer, ids of orders to leave alone -> how many rows changed."""


def _saved_answers(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """The buyer's own saved answers go; those of sellers that speak of the buyer's orders are emptied."""
    known = {
        order_id: number for order_id, number in orders.numbers(session, customer_id).items() if order_id not in keep
    }
    about = [row["id"] for row in export.rows(session, customer_id) if row.get("order_id") in known and "id" in row]
    first = orders.sellers(session, customer_id)
    changed = personal.erase_answers(session, customer_id)
    if known:
        names = frozenset([*known, *known.values(), *about])
        changed += personal.empty_answers(session, [f"seller:{each}" for each in first], names, min(first.values()))
    return changed


STORES: dict[str, Erase] = {
    "conversations": conversations.erase_customer,
    "handoff_cases": handoff.erase_customer,
    "seller_messages": messages.erase_customer,
    "request_texts": cancellations.erase_customer,
    "return_texts": returns.erase_customer,
    "dispute_texts_and_evidence": disputes.erase_customer,
    "refund_instruments": refunds.erase_customer,
    "chargeback_texts": payments.erase_customer,
    "order_details": orders.erase_customer,
    "stock_watches": watches.erase_customer,
    "saved_answers": _saved_answers,
}
"""Everything in the order store that goes, besides the profile and the notices."""

_KEPT_TABLES = {
    "account": ("customer",),
    "orders": ("orders",),
    "payments": ("payment",),
    "refunds": ("refund",),
    "balance": ("wallet_entry",),
    "decisions": ("cancellation_request", "return_request", "withdrawal", "dispute", "chargeback"),
}


def execute(request_id: str, now: datetime, trackers: TrackerStore, bind: Engine | None = None) -> ErasureView | None:
    """Erase all that the request is about; for the worker, outside of any transaction. ``bind``: the store (default: settings').

    Returns the completed request, or None where there is nothing to do: repeating it changes nothing. Raises NotFound, and
    TrackerNotErased when the engine could not be reached: then everything else is erased already and the rest is tried again.
    What is open (the request is due, whatever is open) keeps its order's data and the account, restricted to that.
    """
    with transaction(bind) as session:
        row = _locked(session, request_id)
        if not _has_work(row):
            return None
        row.blockers = matters.blockers(session, row.customer_id, now)
        customer_id = row.customer_id
        keep = frozenset(matter.order_id for matter in matters.open_matters(session, customer_id, now))
    with transaction(bind) as session:
        _profile(session, request_id, customer_id, keep, now)
    for store, erase in STORES.items():
        with transaction(bind) as session:
            orders.lock_all(session, customer_id)
            _report(session, request_id, store, erase(session, customer_id, keep), now)
    _engine_memory(request_id, customer_id, trackers, now, bind)
    with transaction(bind) as session:
        return _complete(session, request_id, bool(keep), now)


def deliver_due(now: datetime, trackers: TrackerStore, bind: Engine | None = None, limit: int = 20) -> int:
    """Carry out the erasures that wait in the outbox at ``now`` (UTC); returns how many were tried. For the worker.

    One that fails is tried again later, and is a dead letter that an operator sees after that. Raises SQLAlchemyError when the
    database is away.
    """
    with transaction(bind) as session:
        claimed = [
            (row.id, str(row.payload["erasure_id"])) for row in outbox.claim(session, (service.ERASURE,), now, limit)
        ]
    for row_id, request_id in claimed:
        try:
            execute(request_id, now, trackers, bind)
        except (RecourseError, OSError) as error:
            with transaction(bind) as session:
                outbox.failed(session, row_id, type(error).__name__, now)
        else:
            with transaction(bind) as session:
                outbox.done(session, row_id, now)
    return len(claimed)


def _has_work(row: ErasureRequest) -> bool:
    waits = any(item.store == OPEN_MATTERS and item.state == "retained" for item in row.items)
    return row.state == "executing" or (row.state == "completed" and waits)


def _profile(session: Session, request_id: str, customer_id: str, keep: Collection[str], now: datetime) -> None:
    """The account goes first, so that nobody signs in any more; with something open it is only restricted."""
    if keep:
        customers.restrict(session, customer_id)
        reason = "needed to reach the buyer about what is still open"
        _report(session, request_id, PROFILE, 0, now, state="retained", reason=reason)
        return
    _report(session, request_id, PROFILE, customers.erase(session, customer_id, now), now)
    _report(session, request_id, "notices", personal.erase_outbox(session, customer_id, now), now)
    written_off = refunds.forfeit_balance(session, customer_id, request_id, now)
    if written_off:
        _report(session, request_id, "balance_written_off", written_off, now)


def _engine_memory(
    request_id: str, customer_id: str, trackers: TrackerStore, now: datetime, bind: Engine | None
) -> None:
    with reading(bind) as session:
        ids = conversations.ids(session, customer_id)
    try:
        for conversation_id in ids:
            trackers.erase(conversation_id)
    except TrackerNotErased as error:
        with transaction(bind) as session:
            row = _locked(session, request_id)
            if row.state == "executing":
                change_state(session, row, "executing", ERASURE_MACHINE, _WORKER, now, error.code)
        raise
    with transaction(bind) as session:
        _report(session, request_id, ENGINE_MEMORY, len(ids), now)


def _complete(session: Session, request_id: str, waits: bool, now: datetime) -> ErasureView:
    row = _locked(session, request_id)
    newest = orders.newest(session, row.customer_id)
    until = rules.retained_until(newest, now)
    for kind, rows in _kept(session, row.customer_id).items():
        if rows:
            reason = rules.RETAINED[kind]
            _report(session, request_id, kind, rows, now, state="retained", reason=reason, until=until, add=False)
    had_waited = any(item.store == OPEN_MATTERS for item in row.items)
    if waits:
        reason = "open: " + ", ".join(rules.kinds(row.blockers)) + "; goes when it is over"
        count = len(row.blockers)
        _report(session, request_id, OPEN_MATTERS, count, now, state="retained", reason=reason, add=False)
    elif had_waited:
        _report(session, request_id, OPEN_MATTERS, 0, now, add=False)
    check_at = now + rules.RECHECK if waits else None
    if row.state == "executing":
        change_state(
            session, row, "completed", ERASURE_MACHINE, _WORKER, now, None, completed_at=now, check_at=check_at
        )
    else:
        row.check_at = check_at
    session.flush()
    session.expire(row, ["items"])
    return service.get(session, request_id)


def _kept(session: Session, customer_id: str) -> dict[str, int]:
    found = Counter(row["table"] for row in export.rows(session, customer_id))
    return {kind: sum(found[table] for table in tables) for kind, tables in _KEPT_TABLES.items()}


def _report(
    session: Session,
    request_id: str,
    store: str,
    rows: int,
    now: datetime,
    *,
    state: str = "erased",
    reason: str | None = None,
    until: datetime | None = None,
    add: bool = True,
) -> None:
    """Say what was done in one store. ``add``: rows come on top of what an earlier attempt reported."""
    _locked(session, request_id)  # two workers at the same request add up, they do not collide
    query = select(ErasureItem).where(ErasureItem.request_id == request_id, ErasureItem.store == store)
    item = session.scalars(query.with_for_update()).one_or_none()
    if item is None:
        item = ErasureItem(request_id=request_id, store=store, rows=0)
        session.add(item)
    item.state, item.at, item.retained_reason, item.retained_until = state, now, reason, until
    item.rows = item.rows + rows if add else rows
    session.flush()


def _locked(session: Session, request_id: str) -> ErasureRequest:
    query = select(ErasureRequest).where(ErasureRequest.id == request_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound(f"no erasure request {request_id}")
    return row
