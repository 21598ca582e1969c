"""What revision 0002 does with rows that were there before it, both ways.

Tables are described here as they were at that revision, never by today's models. The first revision knew whole orders only:
requests for all lines, one parcel, one refund of all that was taken; what 0002 counts by line follows from that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from recourse.core import db
from recourse.core.money import split
from recourse.orders import search

_AT_ONCE = 1000
_PROTECTION = timedelta(days=60)
_NEW_POLICY_KEYS = (
    "after_shipment", "fee_kind", "fee_value", "fee_cap", "refund_shipping", "partial_cancel", "max_requests_per_order",
    "return_window_days", "free_return", "ship_deadline_bd", "dispute_open_after_days", "dispute_response_days",
    "negotiation_days", "ship_back_days", "clause_texts",
)  # fmt: skip
_NEW_ENTITIES = (
    "dispute", "return_request", "chargeback", "seller_offer", "required_action", "stock_watch", "erasure_request",
)  # fmt: skip
_OLD_NOTICES = ("request_approved", "request_rejected", "request_superseded", "request_expired")


def _table(name: str, *columns: str, **typed: Any) -> sa.TableClause:
    return sa.table(name, *(sa.column(each) for each in columns), *(sa.column(n, t) for n, t in typed.items()))


_TIME = db.UtcDateTime()
ORDERS = _table(
    "orders", "id", "customer_id", "seller_id", "group_id", "status", "currency", "close_reason", "version",
    policy_snapshot=db.Json, shipped_at=_TIME, delivered_at=_TIME, cancelled_at=_TIME, protect_until=_TIME,
)  # fmt: skip
LINE = _table(
    "order_line", "id", "order_id", "position", "title", "qty", "qty_shipped", "qty_cancelled", "paid_alloc",
    "coupon_alloc", "qty_refunded", "refunded", "coupon_returned",
)  # fmt: skip
SELLER = _table("seller", "id", "name")
TERM = _table("order_term", "customer_id", "term", "order_id")
SHIPMENT = _table("shipment", "id", "order_id", "state", shipped_at=_TIME, promised_by=_TIME, delivered_at=_TIME)
SHIPMENT_LINE = _table("shipment_line", "shipment_id", "line_id", "qty")
REQUEST = _table(
    "cancellation_request", "id", "order_id", "state", "scope", "kind", "decided_by", "version", respond_by=_TIME,
    decided_at=_TIME, escalated_at=_TIME,
)  # fmt: skip
REQUEST_LINE = _table("cancellation_request_line", "request_id", "line_id", "qty")
REFUND = _table("refund", "id", "order_id", "cause_type", "cause_id", "paid_part", "coupon_part", accepted_at=_TIME)
REFUND_LINE = _table("refund_line", "refund_id", "line_id", "qty", "paid", "coupon")
LEG = _table(
    "refund_leg", "id", "refund_id", "payment_id", "rank", "amount", "state", "replaces_leg_id", "attempt"
)  # fmt: skip
PAYMENT = _table("payment", "id", "method", "status", "authorised", "voided", "currency", "version")
ALLOC = _table("payment_alloc", "payment_id", "order_id", "amount", "refunded", voided=sa.Boolean())
COUPON = _table("coupon_use", "id", "order_id", "amount", "returned", "state", "version")
WALLET = _table(
    "wallet_entry", "id", "customer_id", "amount", "currency", "kind", "source_type", "source_id", at=_TIME
)  # fmt: skip
OUTBOX = _table(
    "outbox", "id", "topic", "customer_id", "dedupe_key", payload=db.Json, created_at=_TIME, done_at=_TIME
)  # fmt: skip
LOG = _table(
    "transition_log", "id", "entity_type", "entity_id", "from_state", "to_state", "actor_type", "reason", at=_TIME
)  # fmt: skip
POLICY = _table("seller_policy", "id", "on_silence", "coupon_on_refund")


def upgrade(bind: Connection) -> None:
    """Fill what 0002 adds, from what the first revision knew."""
    _terms(bind)
    _parcels(bind)
    _protection(bind)
    _requests(bind)
    _let_go(bind)
    _replacements(bind)
    _refunds(bind)
    _coupons(bind)
    _messages(bind)


def downgrade(bind: Connection) -> None:
    """Take back what the first revision does not know. Called before its columns and tables go."""
    _end_what_is_unknown(bind)
    bind.execute(sa.update(POLICY).where(POLICY.c.on_silence == "escalate").values(on_silence="reject"))
    bind.execute(
        sa.update(POLICY).where(POLICY.c.coupon_on_refund == "restore_if_valid").values(coupon_on_refund="none")
    )
    for row in _rows(bind, sa.select(ORDERS.c.id, ORDERS.c.policy_snapshot).order_by(ORDERS.c.id)):
        old = _old_policy(row.policy_snapshot)
        if old != row.policy_snapshot:
            bind.execute(sa.update(ORDERS).where(ORDERS.c.id == row.id).values(policy_snapshot=old))
    restored = sa.select(COUPON.c.id).where(COUPON.c.state == "restored")
    bind.execute(sa.delete(LOG).where(LOG.c.entity_type == "coupon_use", LOG.c.to_state == "restored"))
    bind.execute(
        sa.update(COUPON).where(COUPON.c.id.in_(restored)).values(state="used", version=COUPON.c.version - 1)
    )  # fmt: skip
    bind.execute(sa.update(REFUND).where(REFUND.c.cause_type == "carrier").values(cause_type="return"))
    bind.execute(sa.delete(LOG).where(LOG.c.entity_type.in_(_NEW_ENTITIES)))
    known = sa.or_(*(OUTBOX.c.dedupe_key.startswith(f"{each}:", autoescape=True) for each in _OLD_NOTICES))
    bind.execute(sa.delete(OUTBOX).where(sa.or_(OUTBOX.c.topic != "buyer_notice", sa.not_(known))))


def _terms(bind: Connection) -> None:
    """Search words: those that searching looks for, whatever they are; a change of that needs a revision of its own."""
    titles: dict[str, list[str]] = defaultdict(list)
    for row in _rows(bind, sa.select(LINE.c.order_id, LINE.c.title)):
        titles[row.order_id].append(row.title)
    query = sa.select(ORDERS.c.id, ORDERS.c.customer_id, SELLER.c.name).join_from(
        ORDERS, SELLER, SELLER.c.id == ORDERS.c.seller_id
    )
    _insert(
        bind,
        TERM,
        (
            {"customer_id": row.customer_id, "term": term, "order_id": row.id}
            for row in _rows(bind, query)
            for term in sorted(search.terms(titles[row.id], row.name))
        ),
    )


def _parcels(bind: Connection) -> None:
    """There was one parcel an order: it holds what was sent."""
    bind.execute(sa.update(SHIPMENT).where(SHIPMENT.c.delivered_at.is_not(None)).values(state="delivered"))
    for close_reason, state in (("returned_to_sender", "returned"), ("lost", "lost")):
        gone = sa.select(ORDERS.c.id).where(ORDERS.c.status == "closed", ORDERS.c.close_reason == close_reason)
        bind.execute(
            sa.update(SHIPMENT)
            .where(SHIPMENT.c.delivered_at.is_(None), SHIPMENT.c.order_id.in_(gone))
            .values(state=state)
        )
    first = sa.select(SHIPMENT.c.order_id, sa.func.min(SHIPMENT.c.id).label("id")).group_by(SHIPMENT.c.order_id)
    parcel = first.subquery()
    query = sa.select(parcel.c.id, LINE.c.id, LINE.c.qty_shipped).join_from(
        LINE, parcel, parcel.c.order_id == LINE.c.order_id
    )
    bind.execute(
        sa.insert(SHIPMENT_LINE).from_select(["shipment_id", "line_id", "qty"], query.where(LINE.c.qty_shipped > 0))
    )


def _protection(bind: Connection) -> None:
    """Sent orders get the deadline by which they are taken as received, as if it had been set when they were sent."""
    promised = dict(
        (row.order_id, row.promised_by)
        for row in _rows(bind, sa.select(SHIPMENT.c.order_id, SHIPMENT.c.promised_by).order_by(SHIPMENT.c.promised_by))
        if row.promised_by
    )
    columns = (ORDERS.c.id, ORDERS.c.status, ORDERS.c.shipped_at, ORDERS.c.delivered_at, ORDERS.c.policy_snapshot)
    sent = sa.select(*columns).where(ORDERS.c.status.in_(("shipped", "delivered")), ORDERS.c.shipped_at.is_not(None))
    for row in _rows(bind, sent):
        until = max(row.shipped_at + _PROTECTION, promised.get(row.id) or row.shipped_at)
        if row.status == "delivered" and row.delivered_at:
            until = row.delivered_at + timedelta(days=row.policy_snapshot.get("dispute_close_after_days", 15))
        bind.execute(sa.update(ORDERS).where(ORDERS.c.id == row.id).values(protect_until=until))


def _requests(bind: Connection) -> None:
    """Requests were for all pieces of their order: at once, or with the seller's answer."""
    bind.execute(sa.update(REQUEST).where(REQUEST.c.respond_by.is_(None)).values(kind="instant"))
    called_back = sa.select(ORDERS.c.id).where(ORDERS.c.close_reason == "intercepted")
    bind.execute(
        sa.update(REQUEST)
        .where(REQUEST.c.state == "approved", REQUEST.c.order_id.in_(called_back))
        .values(kind="intercept")
    )
    pieces = sa.select(REQUEST.c.id, LINE.c.id, LINE.c.qty).join_from(
        REQUEST, LINE, LINE.c.order_id == REQUEST.c.order_id
    )
    bind.execute(
        sa.insert(REQUEST_LINE).from_select(["request_id", "line_id", "qty"], pieces.where(REQUEST.c.scope == "all"))
    )


def _let_go(bind: Connection) -> None:
    """Reserved money is let go order by order: what was voided, and the part of orders that had ended while others lived.

    Balance that had been reserved comes back to the buyer's wallet, which the first revision forgot.
    """
    query = (
        sa.select(
            ALLOC.c.payment_id, ALLOC.c.order_id, ALLOC.c.amount, PAYMENT.c.method, PAYMENT.c.status, PAYMENT.c.currency,
            ORDERS.c.customer_id, ORDERS.c.cancelled_at,
        )
        .join_from(ALLOC, PAYMENT, PAYMENT.c.id == ALLOC.c.payment_id)
        .join(ORDERS, ORDERS.c.id == ALLOC.c.order_id)
        .where(PAYMENT.c.status.in_(("pending", "authorised", "voided")), ORDERS.c.status == "cancelled")
    )  # fmt: skip
    now = datetime.now(UTC)
    spent = set(bind.scalars(sa.select(WALLET.c.source_id).where(WALLET.c.kind == "spend")))
    back = set(bind.scalars(sa.select(WALLET.c.source_id).where(WALLET.c.kind == "release")))
    for row in list(_rows(bind, query)):
        here = sa.and_(ALLOC.c.payment_id == row.payment_id, ALLOC.c.order_id == row.order_id)
        bind.execute(sa.update(ALLOC).where(here).values(voided=sa.true()))
        bind.execute(
            sa.update(PAYMENT).where(PAYMENT.c.id == row.payment_id).values(voided=PAYMENT.c.voided + row.amount)
        )  # fmt: skip
        part, short = f"{row.payment_id}:{row.order_id}", row.payment_id[:16] + row.order_id[:16]
        if short in back:  # made before a downgrade, which had to shorten it
            bind.execute(sa.update(WALLET).where(WALLET.c.source_id == short).values(source_id=part))
        elif row.method == "balance" and row.payment_id in spent and part not in back:
            _insert(
                bind,
                WALLET,
                [
                    {
                        "id": db.new_id(), "customer_id": row.customer_id, "amount": row.amount, "currency": row.currency,
                        "kind": "release", "source_type": "order_payment", "source_id": part, "at": row.cancelled_at or now,
                    }
                ],
            )  # fmt: skip
    rest = sa.and_(PAYMENT.c.status.in_(("pending", "authorised")), PAYMENT.c.voided == PAYMENT.c.authorised)
    for row in list(_rows(bind, sa.select(PAYMENT.c.id, PAYMENT.c.status).where(rest))):
        version = PAYMENT.c.version + 1
        bind.execute(sa.update(PAYMENT).where(PAYMENT.c.id == row.id).values(status="voided", version=version))
        _log(bind, "payment", row.id, row.status, "voided", now)


def _replacements(bind: Connection) -> None:
    """Legs of one tender of one refund: each but the first replaces the one before. The first revision made none."""
    born = sa.select(LOG.c.entity_id, LOG.c.id).where(LOG.c.entity_type == "refund_leg", LOG.c.from_state.is_(None))
    since = born.subquery()
    several = (
        sa.select(LEG.c.refund_id, LEG.c.rank).group_by(LEG.c.refund_id, LEG.c.rank).having(sa.func.count() > 1)
    ).subquery()
    query = (
        sa.select(LEG.c.id, LEG.c.refund_id, LEG.c.rank)
        .join_from(LEG, several, sa.and_(several.c.refund_id == LEG.c.refund_id, several.c.rank == LEG.c.rank))
        .join(since, since.c.entity_id == LEG.c.id)
        .order_by(LEG.c.refund_id, LEG.c.rank, since.c.id)
    )
    before: Any = None
    attempt = 1
    for row in list(_rows(bind, query)):
        same = before is not None and (before.refund_id, before.rank) == (row.refund_id, row.rank)
        attempt = attempt + 1 if same else 1
        if same:
            bind.execute(
                sa.update(LEG).where(LEG.c.id == row.id).values(replaces_leg_id=before.id, attempt=attempt)
            )  # fmt: skip
        before = row


def _refunds(bind: Connection) -> None:
    """Refunds by line. One of the whole order pays for all its pieces; any other is an amount only, spread over its lines."""
    bind.execute(
        sa.update(REFUND)
        .where(REFUND.c.cause_type == "return", REFUND.c.cause_id == REFUND.c.order_id)
        .values(cause_type="carrier")
    )
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    refunded = sa.select(LINE).where(LINE.c.order_id.in_(sa.select(REFUND.c.order_id))).order_by(LINE.c.position)
    for row in _rows(bind, refunded):
        lines[row.order_id].append(dict(row._mapping))
    refunds = _rows(bind, sa.select(REFUND).order_by(REFUND.c.order_id, REFUND.c.accepted_at, REFUND.c.id))
    made = [share for refund in refunds for share in _shares(refund, lines[refund.order_id])]
    _insert(bind, REFUND_LINE, made)
    for line in (each for some in lines.values() for each in some):
        bind.execute(
            sa.update(LINE)
            .where(LINE.c.id == line["id"])
            .values({name: line[name] for name in ("qty_refunded", "refunded", "coupon_returned")})
        )
    promised = (
        sa.select(REFUND.c.order_id, LEG.c.payment_id, sa.func.sum(LEG.c.amount).label("amount"))
        .join_from(LEG, REFUND, REFUND.c.id == LEG.c.refund_id)
        .where(LEG.c.replaces_leg_id.is_(None))
        .group_by(REFUND.c.order_id, LEG.c.payment_id)
    )
    for row in list(_rows(bind, promised)):
        here = sa.and_(ALLOC.c.payment_id == row.payment_id, ALLOC.c.order_id == row.order_id)
        bind.execute(sa.update(ALLOC).where(here).values(refunded=int(row.amount)))


def _shares(refund: Any, lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    left = [line["paid_alloc"] - line["refunded"] for line in lines]
    coupons = [line["coupon_alloc"] - line["coupon_returned"] for line in lines]
    whole = refund.paid_part == sum(line["paid_alloc"] for line in lines)
    cash = split(min(refund.paid_part, sum(left)), left)
    coupon = split(min(refund.coupon_part, sum(coupons)), coupons)
    for line, paid, value in zip(lines, cash, coupon, strict=True):
        qty = line["qty"] if whole else 0
        line["qty_refunded"] += qty
        line["refunded"] += paid
        line["coupon_returned"] += value
        if qty or paid or value:
            yield {"refund_id": refund.id, "line_id": line["id"], "qty": qty, "paid": paid, "coupon": value}


def _coupons(bind: Connection) -> None:
    """A coupon came back whole or not at all."""
    bind.execute(
        sa.update(COUPON)
        .where(COUPON.c.state.in_(("converted_to_balance", "restored")))
        .values(returned=COUPON.c.amount)
    )


def _messages(bind: Connection) -> None:
    """Legs that nobody has sent yet are sent now. What sellers cancelled long ago counts as told: it would be no news."""
    legs = (
        sa.select(LEG.c.id, ORDERS.c.customer_id)
        .join_from(LEG, REFUND, REFUND.c.id == LEG.c.refund_id)
        .join(ORDERS, ORDERS.c.id == REFUND.c.order_id)
        .where(LEG.c.state == "created")
    )
    now = datetime.now(UTC)
    for row in list(_rows(bind, legs)):
        key = f"refund_leg:{row.id}"
        _message(bind, "refund_leg", row.customer_id, key, {"leg_id": row.id}, now, None)
    gone = sa.select(ORDERS.c.id, ORDERS.c.customer_id, ORDERS.c.cancelled_at).where(
        ORDERS.c.close_reason == "seller_cancelled"
    )
    for row in list(_rows(bind, gone)):
        kind = "order_cancelled_by_seller"
        at = row.cancelled_at or now
        payload = {"kind": kind, "order_id": row.id}
        _message(bind, "buyer_notice", row.customer_id, f"{kind}:{row.id}", payload, at, at)


def _message(
    bind: Connection, topic: str, customer_id: str, key: str, payload: Mapping[str, str], at: datetime,
    done_at: datetime | None,
) -> None:  # fmt: skip
    known = bind.scalar(sa.select(sa.func.count()).select_from(OUTBOX).where(OUTBOX.c.dedupe_key == key))
    if not known:
        row = {
            "id": db.new_id(), "topic": topic, "customer_id": customer_id, "dedupe_key": key, "payload": payload,
            "created_at": at, "done_at": done_at,
        }  # fmt: skip
        bind.execute(sa.insert(OUTBOX).values(row))


def _end_what_is_unknown(bind: Connection) -> None:
    """Open requests for parts, for sent parcels, or before the platform: the first revision would take them for whole orders."""
    now = datetime.now(UTC)
    unknown = sa.or_(REQUEST.c.scope == "lines", REQUEST.c.kind == "intercept", REQUEST.c.escalated_at.is_not(None))
    query = (
        sa.select(REQUEST.c.id, ORDERS.c.customer_id)
        .join_from(REQUEST, ORDERS, ORDERS.c.id == REQUEST.c.order_id)
        .where(REQUEST.c.state == "pending_seller", unknown)
    )
    for row in list(_rows(bind, query)):
        bind.execute(
            sa.update(REQUEST)
            .where(REQUEST.c.id == row.id)
            .values(state="superseded", decided_by="system", decided_at=now, version=REQUEST.c.version + 1)
        )
        _log(bind, "cancellation_request", row.id, "pending_seller", "superseded", now)
        kind = "request_superseded"
        payload = {"kind": kind, "request_id": row.id}
        _message(bind, "buyer_notice", row.customer_id, f"{kind}:{row.id}", payload, now, None)


def _log(bind: Connection, entity: str, entity_id: str, before: str, after: str, at: datetime) -> None:
    entry = {
        "entity_type": entity, "entity_id": entity_id, "from_state": before, "to_state": after, "actor_type": "system",
        "reason": "change of the schema", "at": at,
    }  # fmt: skip
    bind.execute(sa.insert(LOG).values(entry))


def _old_policy(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    old = {name: value for name, value in snapshot.items() if name not in _NEW_POLICY_KEYS}
    if old.get("on_silence") == "escalate":
        old["on_silence"] = "reject"
    if old.get("coupon_on_refund") == "restore_if_valid":
        old["coupon_on_refund"] = "none"
    return old


def _rows(bind: Connection, query: Any) -> Iterator[Any]:
    return iter(bind.execute(query.execution_options(yield_per=_AT_ONCE)))


def _insert(bind: Connection, table: sa.TableClause, rows: Iterable[Mapping[str, Any]]) -> None:
    batch: list[Mapping[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _AT_ONCE:
            bind.execute(sa.insert(table), batch)
            batch = []
    if batch:
        bind.execute(sa.insert(table), batch)
