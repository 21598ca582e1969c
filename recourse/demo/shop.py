"""What the demo's shop does to an order before a buyer asks about it: its checkout, and what its providers answered.

Checkout, payment and parcels are those of ``recourse.orders.intake``; here the buyer's balance is charged as well, and past
refunds are played through. Amounts are minor units, times aware UTC, and nothing commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recourse.core.transitions import Actor, change_state
from recourse.orders import intake
from recourse.orders.intake import Given, Item, Voucher, capture, complete, deliver, due, place, ship_part, transfer
from recourse.orders.models import Order, OrderGroup, Payment
from recourse.refunds.models import RefundLeg, WalletEntry
from recourse.refunds.rules import LEG_MACHINE

__all__ = [
    "Given",
    "Item",
    "Voucher",
    "advance_leg",
    "authorise",
    "capture",
    "complete",
    "credit",
    "deliver",
    "due",
    "pay",
    "place",
    "ship_part",
    "transfer",
]

_PSP, _WORKER = Actor("psp"), Actor("worker")


def authorise(session: Session, orders: Sequence[Order], given: Sequence[Given], at: datetime) -> list[Payment]:
    """Reserve the money, the buyer's balance included, and put the orders under payment review."""
    payments = intake.authorise(session, orders, given, at)
    _spend(session, orders[0].customer_id, payments, at)
    return payments


def pay(session: Session, orders: Sequence[Order], given: Sequence[Given], at: datetime) -> list[Payment]:
    """Pay at once, from the buyer's balance where that is among the means."""
    payments = intake.pay(session, orders, given, at)
    _spend(session, orders[0].customer_id, payments, at)
    return payments


def advance_leg(
    session: Session, leg: RefundLeg, to: str, at: datetime, *, reference: str | None = None, failure: str | None = None
) -> None:
    """A created refund leg is sent and the provider answers: ``to`` is submitted, processing, succeeded or failed.

    Its steps are an hour apart and end at ``at``. Money that comes back to the balance is entered in the wallet.
    """
    change_state(session, leg, "submitted", LEG_MACHINE, _WORKER, at - timedelta(hours=2))
    if to == "submitted":
        return
    if to == "processing" or leg.method != "balance":
        change_state(session, leg, "processing", LEG_MACHINE, _PSP, at - timedelta(hours=1))
    if to == "processing":
        return
    change_state(
        session, leg, to, LEG_MACHINE, _PSP, at, failure, reference=reference, failure_reason=failure, settled_at=at
    )
    if to == "succeeded" and leg.method == "balance":
        customer_id = session.get_one(OrderGroup, session.get_one(Payment, leg.payment_id).group_id).customer_id
        credit(session, customer_id, leg.amount, leg.currency, "refund", "refund_leg", leg.id, at)


def credit(
    session: Session, customer_id: str, amount: int, currency: str, kind: str, source: str, source_id: str, at: datetime
) -> None:
    """One line in the buyer's wallet; a negative ``amount`` takes money out."""
    session.add(
        WalletEntry(
            customer_id=customer_id, amount=amount, currency=currency, kind=kind, source_type=source, source_id=source_id,
            at=at,
        )
    )  # fmt: skip


def _spend(session: Session, customer_id: str, payments: Sequence[Payment], at: datetime) -> None:
    for payment in payments:
        if payment.method == "balance":
            credit(session, customer_id, -payment.authorised, payment.currency, "spend", "payment", payment.id, at)
