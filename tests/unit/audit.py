"""The invariants of the order store (docs/policy.md) as one audit of its rows. Used after every service test, after each
step of the state machine, and on the demo data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.cancellations.models import CancellationRequest
from recourse.cancellations.rules import REQUEST_MACHINE
from recourse.core.outbox import Outbox
from recourse.core.transitions import Machine, TransitionLog
from recourse.orders.models import CouponUse, Order, Payment, PaymentAlloc, Shipment
from recourse.orders.rules import COUPON_MACHINE, ORDER_MACHINE, PAYMENT_MACHINE
from recourse.refunds.models import Refund, RefundLeg, WalletEntry
from recourse.refunds.rules import LEG_MACHINE, LIVE_LEG_STATES

_MACHINES: Mapping[type[Any], Machine] = {
    Order: ORDER_MACHINE,
    Payment: PAYMENT_MACHINE,
    CouponUse: COUPON_MACHINE,
    CancellationRequest: REQUEST_MACHINE,
    RefundLeg: LEG_MACHINE,
}
_TOLD = {"rejected": "request_rejected", "superseded": "request_superseded", "expired": "request_expired"}


def check(session: Session) -> None:
    """Raise AssertionError, which names the invariant, unless every row of the store keeps the rules."""
    orders = list(session.scalars(select(Order)))
    payments = {row.id: row for row in session.scalars(select(Payment))}
    requests = list(session.scalars(select(CancellationRequest)))
    found = list(session.scalars(select(Refund)))
    wallet = list(session.scalars(select(WalletEntry)))
    _money(session, orders, payments)
    _requests(session, orders, requests)
    _refunds(orders, payments, requests, found, wallet)
    _coupons(orders, found, wallet)
    _wallet(wallet)
    _notices(session, requests)
    _histories(session)


def _money(session: Session, orders: Iterable[Order], payments: Mapping[str, Payment]) -> None:
    allocated: Counter[str] = Counter()
    for payment_id, amount in session.execute(select(PaymentAlloc.payment_id, PaymentAlloc.amount)):
        allocated[payment_id] += amount
    for payment in payments.values():
        assert allocated[payment.id] == payment.authorised, "2: a payment is allocated in full"
        assert payment.captured == (payment.authorised if payment.state == "captured" else 0), "2: captured"
    for order in orders:
        lines = order.lines
        assert sum(line.unit_price * line.qty for line in lines) == order.gross, "gross"
        assert sum(line.coupon_alloc for line in lines) == order.discount, "2: coupon shares"
        assert sum(line.shipping_alloc for line in lines) == order.shipping, "2: shipping shares"
        assert sum(line.paid_alloc for line in lines) == order.total_paid, "2: paid shares"
        if order.total_paid:
            assert sum(alloc.amount for alloc in order.allocations) == order.total_paid, "2: tenders of an order"
        for line in lines:
            assert 0 <= line.qty_cancelled + line.qty_shipped <= line.qty, "6: quantities"
            assert not (line.qty_cancelled and line.qty_shipped), "5: a sent line is not cancelled"
            left = line.qty - line.qty_shipped if order.state == "cancelled" else 0
            assert line.qty_cancelled == left, "6: lines are cancelled with their order, and only then"
    alive = {order.group_id for order in orders if order.state not in ("cancelled", "closed")}
    for payment in payments.values():
        if payment.group_id not in alive:
            assert payment.state not in ("pending", "authorised"), "22: no money stays reserved for a dead checkout"


def _requests(session: Session, orders: Iterable[Order], requests: Iterable[CancellationRequest]) -> None:
    by_id = {order.id: order for order in orders}
    pending = Counter(row.order_id for row in requests if row.state == "pending_seller")
    sent = set(session.scalars(select(Shipment.order_id)))
    assert all(count == 1 for count in pending.values()), "3: one open request per order"
    for row in requests:
        order = by_id[row.order_id]
        assert row.customer_id == order.customer_id, "21: own orders only"
        if row.state == "approved":
            assert order.state == "cancelled" and order.close_reason == "buyer_cancelled", "approved means cancelled"
            assert order.id not in sent, "5: nothing that was sent is cancelled"
        if row.state == "pending_seller":
            assert row.decided_by is None and row.decided_at is None and order.state != "cancelled"
        if row.respond_by is None:
            assert row.decided_by == "system_instant"
            continue
        hours = order.policy_snapshot["response_hours"]
        assert row.respond_by - row.requested_at == timedelta(hours=hours), "15: a deadline never moves"
        if row.decided_by == "seller":
            assert row.decided_at is not None and row.decided_at < row.respond_by, "16: before it, the seller"
        if row.decided_by == "system_timeout":
            assert row.decided_at is not None and row.decided_at >= row.respond_by, "16: from it on, the timer"


def _refunds(
    orders: Iterable[Order], payments: Mapping[str, Payment], requests: Iterable[CancellationRequest],
    found: Iterable[Refund], wallet: Iterable[WalletEntry],
) -> None:  # fmt: skip
    by_id = {order.id: order for order in orders}
    causes = Counter(row.cause_id for row in found)
    back: Counter[str] = Counter()
    credited = {row.source_id: row.amount for row in wallet if row.kind == "coupon_value"}
    for row in found:
        order = by_id[row.order_id]
        assert row.fee == 0, "13: no fee before shipment"
        assert sum(leg.amount for leg in row.legs) == row.legs_total == row.paid_part - row.fee, "10: legs add up"
        taken = {alloc.payment_id: alloc.amount for alloc in order.allocations if alloc.payment.captured}
        assert {leg.payment_id: leg.amount for leg in row.legs} == taken, "10: each tender gets what it gave"
        assert row.coupon_credit in (0, row.coupon_part), "10: a coupon is credited whole or not at all"
        assert credited.get(row.id, 0) == row.coupon_credit, "19: the credit is in the wallet"
        for leg in row.legs:
            payment = payments[leg.payment_id]
            assert (leg.method, leg.instrument) == (payment.method, payment.instrument), "17: same instrument"
            assert leg.amount > 0 and leg.currency == row.currency == payment.currency == order.currency, "29"
            assert row.accepted_at.date() <= leg.expected_from <= leg.expected_to
            if leg.state in LIVE_LEG_STATES:
                back[leg.payment_id] += leg.amount
    for payment_id, amount in back.items():
        assert amount <= payments[payment_id].captured, "1: never more back than was taken"
    for request in requests:
        order = by_id[request.order_id]
        taken_any = any(alloc.payment.captured for alloc in order.allocations)
        credit = any(coupon.state == "converted_to_balance" for coupon in order.coupons)
        due = 1 if request.state == "approved" and (taken_any or credit) else 0
        assert causes[request.id] == due, f"9: {request.state} has {causes[request.id]} refunds"


def _coupons(orders: Iterable[Order], found: Iterable[Refund], wallet: Iterable[WalletEntry]) -> None:
    credit_of = defaultdict(int)
    refund_of = {row.id: row.order_id for row in found}
    for entry in wallet:
        if entry.kind == "coupon_value":
            credit_of[refund_of[entry.source_id]] += entry.amount
    for order in orders:
        paid = order.paid_at is not None
        over = (order.state in ("cancelled", "closed") and order.id in refund_of.values()) or (
            order.state == "cancelled" and not paid
        )
        converted = sum(coupon.amount for coupon in order.coupons if coupon.state == "converted_to_balance")
        assert credit_of[order.id] == converted, "20: value is credited once, and only for converted coupons"
        for coupon in order.coupons:
            if coupon.state == "released":
                assert over and not paid, "20: only an unpaid coupon is released"
            elif coupon.state == "converted_to_balance":
                assert over and paid and order.policy_snapshot["coupon_on_refund"] == "balance", "20"
            elif coupon.state == "used":
                assert paid and (not over or order.policy_snapshot["coupon_on_refund"] == "none"), "20"
            else:
                assert not paid and not over, "20: reserved until paid or over"


def _wallet(wallet: Iterable[WalletEntry]) -> None:
    balance: Counter[tuple[str, str]] = Counter()
    for entry in sorted(wallet, key=lambda row: (row.at, -row.amount)):
        balance[entry.customer_id, entry.currency] += entry.amount
        assert balance[entry.customer_id, entry.currency] >= 0, "19: the balance is never negative"


def _notices(session: Session, requests: Iterable[CancellationRequest]) -> None:
    told = Counter((row.payload["request_id"], row.payload["kind"]) for row in session.scalars(select(Outbox)))
    due = Counter(
        (row.id, "request_approved" if row.state == "approved" else _TOLD[row.state])
        for row in requests
        if row.state != "pending_seller" and row.decided_by != "system_instant"
    )
    assert told == due, "23: one notice for each decision that the buyer waits for"


def _histories(session: Session) -> None:
    logs: dict[tuple[str, str], list[TransitionLog]] = defaultdict(list)
    for entry in session.scalars(select(TransitionLog).order_by(TransitionLog.id)):
        logs[entry.entity_type, entry.entity_id].append(entry)
    for model, machine in _MACHINES.items():
        for row in session.execute(select(model.id, model.state, model.version)):
            moves = logs.pop((model.__tablename__, row.id), [])
            state = None
            for move in moves:
                assert move.from_state == state, f"7: {model.__tablename__} jumps from {state} to {move.from_state}"
                allowed = machine.get((move.from_state, move.to_state), frozenset())
                assert move.actor_type in allowed, f"8: {move.actor_type} moved {state} to {move.to_state}"
                state = move.to_state
            assert state == row.state, f"7: the log of {model.__tablename__} ends in {state}, the row is {row.state}"
            assert row.version == len(moves), "7: one log row for each change"
    assert not logs, "7: every log row belongs to a row"
