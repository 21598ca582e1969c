"""Whole orders with their past, as a shop's systems bring them: written at once. ``departures`` reads them back.

An ``Arrival`` says how an order stands. Its history is worked out from its times, checked against the order machine, and
written with the rows, so that an order that was brought in is like one that was made here: every amount adds up and the
log replays to the state. Amounts are minor units, times aware UTC, and nothing commits.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, cast

from sqlalchemy import Table, insert, select, update
from sqlalchemy.orm import Session

from recourse.core import order_numbers
from recourse.core.db import Base, new_id
from recourse.core.errors import InvalidInput
from recourse.core.transitions import Actor, Machine, TransitionLog, change_state
from recourse.orders import deadlines, search
from recourse.orders.intake import PAY_WITHIN, Given, shares, transfer
from recourse.orders.models import (
    CouponUse,
    Order,
    OrderGroup,
    OrderLine,
    OrderTerm,
    Payment,
    PaymentAlloc,
    Shipment,
    ShipmentLine,
)
from recourse.orders.rules import COUPON_MACHINE, ORDER_MACHINE, PAYMENT_MACHINE
from recourse.sellers import service as sellers
from recourse.sellers.rules import Policy

REASON = "brought in"
"""What the log says of steps that were made elsewhere."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ArrivedLine:
    """One line. ``qty_cancelled``, ``qty_returned``, ``qty_refunded``: pieces of it; ``refunded``, ``coupon_returned``: cash and
    coupon value that was given back (or withheld) for it."""

    sku: str
    title: str
    qty: int
    unit_price: int
    withdrawal_exempt: bool = False
    qty_cancelled: int = 0
    qty_returned: int = 0
    qty_refunded: int = 0
    refunded: int = 0
    coupon_returned: int = 0


@dataclass(frozen=True, slots=True)
class ArrivedCoupon:
    """A coupon and where it stands; ``returned``: how much of its value came back."""

    code: str
    amount: int
    kind: str
    valid_until: datetime
    state: str
    returned: int = 0


@dataclass(frozen=True, slots=True)
class ArrivedPayment:
    """What one means of payment gave for this order: ``amount``, of which ``returned`` was promised back.

    ``psp_ref``: orders of one checkout that name the same one were paid at once.
    """

    method: str
    instrument: str
    amount: int
    state: str
    psp: str = "simulator"
    psp_ref: str | None = None
    presentment_currency: str | None = None
    presentment_amount: int | None = None
    returned: int = 0


@dataclass(frozen=True, slots=True)
class ArrivedParcel:
    """A parcel. ``pieces``: (place of the line from 1, how many). ``events``: the carrier's scans, as they are stored."""

    carrier: str
    tracking: str
    shipped_at: datetime
    pieces: tuple[tuple[int, int], ...]
    state: str = "in_transit"
    promised_by: datetime | None = None
    delivered_at: datetime | None = None
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Arrival:
    """One order as it stands. Deadlines that are None are worked out when it is written; ``group``: the checkout's own id."""

    external_id: str
    customer_id: str
    seller_id: str
    currency: str
    status: str
    placed_at: datetime
    lines: tuple[ArrivedLine, ...]
    policy: Policy
    policy_id: str | None = None
    number: str | None = None
    group: str | None = None
    coupons: tuple[ArrivedCoupon, ...] = ()
    payments: tuple[ArrivedPayment, ...] = ()
    parcels: tuple[ArrivedParcel, ...] = ()
    shipping: int = 0
    tax: int = 0
    pay_by: datetime | None = None
    review_by: datetime | None = None
    paid_at: datetime | None = None
    ship_by: datetime | None = None
    delivered_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    closed_at: datetime | None = None
    protect_until: datetime | None = None
    close_reason: str | None = None
    on_hold: str | None = None

    @property
    def gross(self) -> int:
        """The price of all goods."""
        return sum(line.unit_price * line.qty for line in self.lines)

    @property
    def discount(self) -> int:
        """What coupons take off."""
        return sum(coupon.amount for coupon in self.coupons)

    @property
    def cost(self) -> int:
        """What the order costs the buyer."""
        return self.gross - self.discount + self.shipping + self.tax

    @property
    def all_sent(self) -> bool:
        """Is there a parcel, and is nothing left to send?"""
        sent = self.sent
        return bool(sent) and all(
            sent[place] + line.qty_cancelled == line.qty for place, line in enumerate(self.lines, start=1)
        )

    @property
    def sent(self) -> Mapping[int, int]:
        """Place of a line -> pieces of it that are in parcels."""
        found: dict[int, int] = defaultdict(int)
        for parcel in self.parcels:
            for place, qty in parcel.pieces:
                found[place] += qty
        return found


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a past: the state, when it began, and who makes such a move."""

    to: str
    at: datetime
    actor: str


def history(arrival: Arrival) -> list[Step]:
    """How the order came to where it is, from its times and parcels.

    Raises InvalidInput where they contradict its status, each other, or the order machine (domain 3.4).
    """
    steps = list(_steps(arrival))
    if steps[-1].to != arrival.status:
        raise InvalidInput(f"status is {arrival.status}, but the times, payments and shipments make it {steps[-1].to}")
    for before, after in pairwise(steps):
        if (before.to, after.to) not in ORDER_MACHINE:
            raise InvalidInput(f"an order never goes from {before.to} to {after.to}; check its times")
        if after.at < before.at:
            raise InvalidInput(f"it was {after.to} at {after.at:%Y-%m-%dT%H:%MZ}, which is before it was {before.to}")
    return steps


def _steps(arrival: Arrival) -> list[Step]:
    steps = [Step("awaiting_payment", arrival.placed_at, "system")]
    if arrival.review_by or arrival.status == "payment_review":
        begun = (arrival.review_by or arrival.placed_at) - deadlines.REVIEW_WITHIN
        latest = arrival.paid_at or arrival.cancelled_at or begun
        steps.append(Step("payment_review", max(arrival.placed_at, min(begun, latest)), "psp"))
    if arrival.paid_at:
        steps.append(Step("to_ship", arrival.paid_at, "psp"))
    sent_at = sorted(parcel.shipped_at for parcel in arrival.parcels)
    if sent_at and (not arrival.all_sent or len(set(sent_at)) > 1):
        steps.append(Step("partially_shipped", sent_at[0], "seller"))
    if arrival.all_sent:
        steps.append(Step("shipped", sent_at[-1], "seller"))
    if arrival.delivered_at:
        steps.append(Step("delivered", arrival.delivered_at, "carrier"))
    if arrival.completed_at:
        steps.append(Step("completed", arrival.completed_at, "timer"))
    if arrival.cancelled_at:
        steps.append(Step("cancelled", arrival.cancelled_at, "psp" if steps[-1].to == "payment_review" else "seller"))
    if arrival.closed_at:
        steps.append(Step("closed", arrival.closed_at, "platform"))
    return steps


def numbers_for(session: Session, external_ids: Sequence[str]) -> dict[str, str]:
    """A free order number for each of these new orders; the same ones again as long as the store does not change."""
    found: dict[str, str] = {}
    open_ones, attempt = list(external_ids), 0
    while open_ones:
        wanted = {external_id: _number(external_id, attempt) for external_id in open_ones}
        query = select(Order.number).where(Order.number.in_(set(wanted.values())))
        taken = {*session.scalars(query), *found.values()}
        open_ones, attempt = [], attempt + 1
        for external_id, number in wanted.items():
            if number in taken:
                open_ones.append(external_id)
            else:
                found[external_id] = number
                taken.add(number)
    return found


def _number(external_id: str, attempt: int) -> str:
    digest = hashlib.sha256(f"{external_id}:{attempt}".encode()).digest()
    return order_numbers.make(int.from_bytes(digest[:8]) % 10_000_000)


@dataclass(frozen=True, slots=True)
class Written:
    """An order that was written: its id and its number."""

    id: str
    number: str


def write(session: Session, arrivals: Sequence[Arrival], at: datetime) -> dict[str, Written]:
    """Write new orders with their history; ``at``: now. Returns the shop's id -> the order.

    All of them or, when it raises, none that may stay: use a savepoint. Raises InvalidInput for what contradicts itself or
    the checkout it belongs to, and IntegrityError for what the tables refuse.
    """
    unnumbered = [each.external_id for each in arrivals if each.number is None]
    books = _Books(
        at=at,
        numbers=numbers_for(session, unnumbered),
        names=sellers.names(session, {each.seller_id for each in arrivals}),
        groups=_groups(session, arrivals),
        payments=_payments(session, arrivals),
    )
    written = {
        each.external_id: Written(books.enter(each), each.number or books.numbers[each.external_id])
        for each in arrivals
    }
    for payment in books.payments.values():
        if payment.new:
            books.rows[Payment].append(payment.row | {"version": len(payment.steps)})
            books.log(Payment, payment.row["id"], PAYMENT_MACHINE, payment.steps)
        else:
            session.execute(
                update(Payment)
                .where(Payment.id == payment.row["id"])
                .values({name: payment.row[name] for name in ("authorised", "captured", "voided")})
                .execution_options(synchronize_session=False)
            )
    connection = session.connection()
    for model in (
        OrderGroup, Order, OrderLine, Payment, PaymentAlloc, CouponUse, Shipment, ShipmentLine, OrderTerm, TransitionLog,
    ):  # fmt: skip
        if books.rows[model]:
            connection.execute(insert(cast(Table, model.__table__)), books.rows[model])
    return written


@dataclass(slots=True)
class _Payment:
    """A payment in the making: its row so far, its past, and whether the table has it already."""

    row: Row
    steps: list[Step]
    new: bool


BALANCE = "balance"
"""Method of what was paid from the buyer's balance with the shop: each order takes its own part of it."""

_PAYMENT_PASTS: Mapping[str, tuple[str, ...]] = {
    "pending": ("pending",),
    "authorised": ("pending", "authorised"),
    "captured": ("pending", "authorised", "captured"),
    "failed": ("pending", "failed"),
}
_COUPON_PASTS: Mapping[str, tuple[str, ...]] = {
    "reserved": ("reserved",),
    "released": ("reserved", "released"),
    "used": ("reserved", "used"),
    "restored": ("reserved", "used", "restored"),
    "converted_to_balance": ("reserved", "used", "converted_to_balance"),
}
_MAKES = {"pending": "system", "voided": "system"}


class _Books:
    """The rows of the arrivals of one batch, by table."""

    def __init__(
        self,
        at: datetime,
        numbers: Mapping[str, str],
        names: Mapping[str, str],
        groups: dict[str, Row],
        payments: dict[tuple[str, str], _Payment],
    ) -> None:
        self.rows: dict[type[Base], list[Row]] = defaultdict(list)
        self.payments = payments
        self._at, self.numbers, self._names, self._groups = at, numbers, names, groups

    def enter(self, arrival: Arrival) -> str:
        """Note all rows of one order; returns its id."""
        steps = history(arrival)
        order_id = new_id()
        group_id = self._group(arrival)
        reached = {step.to: step.at for step in steps}
        reserved = any(payment.state in ("authorised", "captured") for payment in arrival.payments)
        paid = reserved or "payment_review" in reached or arrival.paid_at is not None
        parts = shares(
            [line.unit_price * line.qty for line in arrival.lines], arrival.discount, arrival.shipping, arrival.tax
        )
        self._order(arrival, order_id, group_id, steps, paid)
        sent, line_ids = arrival.sent, []
        for place, (line, share) in enumerate(zip(arrival.lines, parts, strict=True), start=1):
            line_ids.append(new_id())
            self.rows[OrderLine].append(
                {
                    "id": line_ids[-1], "order_id": order_id, "position": place, "sku": line.sku, "title": line.title,
                    "qty": line.qty, "unit_price": line.unit_price, "coupon_alloc": share.coupon,
                    "shipping_alloc": share.shipping, "tax_alloc": share.tax, "paid_alloc": share.cost if paid else 0,
                    "qty_cancelled": line.qty_cancelled, "qty_shipped": sent.get(place, 0),
                    "qty_returned": line.qty_returned, "qty_refunded": line.qty_refunded, "refunded": line.refunded,
                    "coupon_returned": line.coupon_returned, "withdrawal_exempt": line.withdrawal_exempt,
                }
            )  # fmt: skip
        for rank, payment in enumerate(arrival.payments):
            self._payment(arrival, order_id, group_id, rank, payment, reached)
        for coupon in arrival.coupons:
            self._coupon(arrival, order_id, coupon)
        for parcel in arrival.parcels:
            self._parcel(order_id, line_ids, parcel)
        self.log(Order, order_id, ORDER_MACHINE, steps)
        found = search.terms([line.title for line in arrival.lines], self._names[arrival.seller_id])
        self.rows[OrderTerm] += [
            {"customer_id": arrival.customer_id, "term": term, "order_id": order_id} for term in found
        ]
        return order_id

    def log(self, model: type[Base], row_id: str, machine: Machine, steps: Sequence[Step]) -> None:
        """Note a past in the log. Raises InvalidInput for a step that the machine does not know."""
        before: str | None = None
        for step in steps:
            if step.actor not in machine.get((before, step.to), ()):
                raise InvalidInput(f"{model.__tablename__}: nothing goes from {before or 'nothing'} to {step.to}")
            self.rows[TransitionLog].append(
                {
                    "entity_type": model.__tablename__, "entity_id": row_id, "from_state": before, "to_state": step.to,
                    "actor_type": step.actor, "actor_id": None, "reason": REASON, "at": step.at,
                }
            )  # fmt: skip
            before = step.to

    def _order(self, arrival: Arrival, order_id: str, group_id: str, steps: Sequence[Step], paid: bool) -> None:
        reached = {step.to: step.at for step in steps}
        terms = _deadlines(arrival, reached, self._at)
        self.rows[Order].append(
            {
                "id": order_id, "number": arrival.number or self.numbers[arrival.external_id], "group_id": group_id,
                "customer_id": arrival.customer_id, "seller_id": arrival.seller_id, "status": arrival.status,
                "frozen": arrival.on_hold is not None, "frozen_reason": arrival.on_hold, "currency": arrival.currency,
                "external_id": arrival.external_id, "gross": arrival.gross, "discount": arrival.discount,
                "shipping": arrival.shipping, "tax": arrival.tax, "total_paid": arrival.cost if paid else 0,
                "policy_id": arrival.policy_id, "policy_snapshot": arrival.policy.to_json(), **terms,
                "placed_at": arrival.placed_at, "paid_at": arrival.paid_at, "shipped_at": reached.get("shipped"),
                "delivered_at": arrival.delivered_at, "completed_at": arrival.completed_at,
                "cancelled_at": arrival.cancelled_at, "close_reason": arrival.close_reason,
                "version": len(steps), "created_at": self._at, "updated_at": self._at,
            }
        )  # fmt: skip

    def _group(self, arrival: Arrival) -> str:
        """Id of the checkout, which the first of its orders begins."""
        row = self._groups.get(arrival.group) if arrival.group else None
        if row is None:
            row = {
                "id": new_id(), "customer_id": arrival.customer_id, "currency": arrival.currency,
                "placed_at": arrival.placed_at, "external_id": arrival.group,
            }  # fmt: skip
            self.rows[OrderGroup].append(row)
            if arrival.group:
                self._groups[arrival.group] = row
        if (row["customer_id"], row["currency"]) != (arrival.customer_id, arrival.currency):
            raise InvalidInput(f"checkout {arrival.group} is of another buyer or in another currency")
        return str(row["id"])

    def _payment(
        self,
        arrival: Arrival,
        order_id: str,
        group_id: str,
        rank: int,
        paid: ArrivedPayment,
        reached: Mapping[str, datetime],
    ) -> None:
        """One share of a payment. Orders of one checkout that name the same reference share the payment."""
        payment_id = new_id()
        reference = None if paid.method == BALANCE else paid.psp_ref
        key = (group_id, reference or payment_id)
        payment = self.payments.get(key)
        void = paid.state == "voided"
        steps = _payment_steps(arrival, paid, reached)
        if payment is None:
            payment = self.payments[key] = _Payment(
                {
                    "id": payment_id, "group_id": group_id, "method": paid.method, "instrument": paid.instrument,
                    "currency": arrival.currency, "authorised": 0, "captured": 0, "voided": 0, "psp": paid.psp,
                    "psp_ref": reference, "presentment_currency": paid.presentment_currency, "presentment_amount": None,
                    "status": paid.state, "tender_rank": rank, "version": 1, "created_at": self._at, "updated_at": self._at,
                },
                steps,
                new=True,
            )  # fmt: skip
        row = payment.row
        alive = {row["status"], paid.state} - {"voided"}
        if (row["method"], row["instrument"]) != (paid.method, paid.instrument) or len(alive) > 1:
            raise InvalidInput(f"payment {paid.psp_ref} is described differently by another order of its checkout")
        if row["status"] == "voided" and not void:
            if not payment.new:
                raise InvalidInput(f"payment {paid.psp_ref} is void already")
            row["status"], payment.steps = paid.state, steps
        row["authorised"] += paid.amount
        row["voided"] += paid.amount if void else 0
        row["captured"] += paid.amount if paid.state == "captured" else 0
        if paid.presentment_amount is not None:
            row["presentment_amount"] = (row["presentment_amount"] or 0) + paid.presentment_amount
        self.rows[PaymentAlloc].append(
            {
                "payment_id": row["id"], "order_id": order_id, "amount": paid.amount, "voided": void,
                "refunded": paid.returned,
            }
        )  # fmt: skip

    def _coupon(self, arrival: Arrival, order_id: str, coupon: ArrivedCoupon) -> None:
        coupon_id, past = new_id(), _COUPON_PASTS[coupon.state]
        self.rows[CouponUse].append(
            {
                "id": coupon_id, "order_id": order_id, "code": coupon.code, "amount": coupon.amount, "kind": coupon.kind,
                "returned": coupon.returned, "state": coupon.state, "valid_until": coupon.valid_until,
                "version": len(past), "created_at": self._at, "updated_at": self._at,
            }
        )  # fmt: skip
        ended = arrival.cancelled_at or arrival.closed_at or arrival.paid_at or arrival.placed_at
        times = {"reserved": arrival.placed_at, "used": arrival.paid_at or ended}
        steps = [Step(state, times.get(state, ended), "system") for state in past]
        self.log(CouponUse, coupon_id, COUPON_MACHINE, steps)

    def _parcel(self, order_id: str, line_ids: Sequence[str], parcel: ArrivedParcel) -> None:
        parcel_id = new_id()
        self.rows[Shipment].append(
            {
                "id": parcel_id, "order_id": order_id, "carrier": parcel.carrier, "tracking": parcel.tracking,
                "shipped_at": parcel.shipped_at, "promised_by": parcel.promised_by, "delivered_at": parcel.delivered_at,
                "state": parcel.state, "events": [dict(event) for event in parcel.events],
            }
        )  # fmt: skip
        for place, qty in parcel.pieces:
            self.rows[ShipmentLine].append({"shipment_id": parcel_id, "line_id": line_ids[place - 1], "qty": qty})


def _payment_steps(arrival: Arrival, paid: ArrivedPayment, reached: Mapping[str, datetime]) -> list[Step]:
    reviewed = reached.get("payment_review")
    ended = arrival.cancelled_at or arrival.placed_at
    times = {
        "pending": arrival.placed_at,
        "authorised": reviewed or arrival.paid_at or arrival.placed_at,
        "voided": ended,
    }
    past = _PAYMENT_PASTS.get(paid.state)
    if past is None:
        past = ("pending", "authorised", "voided") if reviewed else ("pending", "voided")
    settled = arrival.paid_at or ended
    return [Step(state, times.get(state, settled), _MAKES.get(state, "psp")) for state in past]


def _deadlines(arrival: Arrival, reached: Mapping[str, datetime], at: datetime) -> dict[str, datetime | None]:
    """The deadlines that were given, and those of the rules for what was not.

    A deadline that the shop did not name and that has passed already is left out: bringing an order in must not end it.
    """

    def still(deadline: datetime) -> datetime | None:
        return deadline if deadline > at else None

    pay_by, ship_by, protect_until = arrival.pay_by, arrival.ship_by, arrival.protect_until
    if pay_by is None and arrival.status == "awaiting_payment":
        pay_by = still(arrival.placed_at + PAY_WITHIN)
    if ship_by is None and arrival.status in ("to_ship", "partially_shipped"):
        ship_by = still(deadlines.ship_deadline(reached["to_ship"], arrival.policy))
    if protect_until is None and arrival.status == "shipped":
        promised = [parcel.promised_by for parcel in arrival.parcels]
        protect_until = still(deadlines.protection_after_sending(reached["shipped"], promised))
    if protect_until is None and arrival.status == "delivered":
        protect_until = still(deadlines.protection_after_delivery(reached["delivered"], arrival.policy))
    return {"pay_by": pay_by, "review_by": arrival.review_by, "ship_by": ship_by, "protect_until": protect_until}


def _groups(session: Session, arrivals: Sequence[Arrival]) -> dict[str, Row]:
    """Checkouts that the store has already, by the shop's id."""
    wanted = {each.group for each in arrivals if each.group}
    if not wanted:
        return {}
    rows = session.execute(
        select(OrderGroup.id, OrderGroup.customer_id, OrderGroup.currency, OrderGroup.external_id).where(
            OrderGroup.external_id.in_(wanted)
        )
    )
    return {row.external_id: dict(row._mapping) for row in rows}


def _payments(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], _Payment]:
    """Payments that the store has already, by checkout and provider's reference; locked, because shares are added."""
    wanted = {paid.psp_ref for each in arrivals for paid in each.payments if paid.psp_ref}
    if not wanted:
        return {}
    columns = [column for column in Payment.__table__.c]
    rows = session.execute(select(*columns).where(Payment.psp_ref.in_(wanted)).with_for_update())
    return {(row.group_id, row.psp_ref): _Payment(dict(row._mapping), [], new=False) for row in rows}


def in_rank(allocations: Sequence[PaymentAlloc]) -> list[PaymentAlloc]:
    """Shares of payments in the order in which they were given."""
    return sorted(allocations, key=lambda each: each.payment.tender_rank)


def bring_payments(session: Session, order_id: str, wanted: Sequence[ArrivedPayment], at: datetime) -> bool:
    """Take note of what became of an order's payments: announce those that are new, and move all to where ``wanted`` says.

    The order must be locked. Returns whether anything changed. Raises InvalidInput where the store has other payments for
    the order, and NotAllowed for a move that the machine does not know.
    """
    order = session.scalars(select(Order).where(Order.id == order_id)).one()
    changed = not order.allocations and bool(wanted)
    if changed:
        transfer(session, [order], [Given(each.method, each.instrument, each.amount) for each in wanted], at)
    rows = in_rank(order.allocations)
    said = [(each.method, each.amount) for each in wanted]
    if [(alloc.payment.method, alloc.amount) for alloc in rows] != said:
        raise InvalidInput("the payments of an order cannot change any more")
    for alloc, each in zip(rows, wanted, strict=True):
        payment = alloc.payment
        if each.psp_ref and payment.psp_ref is None:
            payment.psp_ref, payment.psp = each.psp_ref, each.psp
        past = _PAYMENT_PASTS.get(each.state, ())
        for state in past[past.index(payment.state) + 1 :] if payment.state in past else ():
            values = {"captured": payment.authorised - payment.voided} if state == "captured" else {}
            change_state(session, payment, state, PAYMENT_MACHINE, Actor("psp"), at, REASON, **values)
            changed = True
    session.flush()
    return changed
