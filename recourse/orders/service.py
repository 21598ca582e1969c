"""Use cases of orders. Everything a buyer asks for is filtered by that buyer in the query itself (invariant 21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, lazyload

from recourse.core.errors import NotFound
from recourse.core.transitions import Actor, change_state, log_of
from recourse.orders import search
from recourse.orders.models import CouponUse, Order, OrderLine, Payment, Shipment
from recourse.orders.rules import (
    COUPON_MACHINE,
    ORDER_MACHINE,
    PAYMENT_MACHINE,
    Coupon,
    Line,
    OrderView,
    Parcel,
    Tender,
)
from recourse.orders.search import OrderQuery
from recourse.sellers import service as sellers
from recourse.sellers.rules import Policy

_SEARCH_DEPTH = 200
"""How many of a buyer's newest orders are searched by words or typo; older ones are found by their number."""


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search among one buyer's orders, newest first.

    ``orders``: what fits. ``sure``: True when the buyer named it (number, position, product), False when these are only
    guesses at a mistyped number. Somebody else's order gives the same empty result as one that does not exist.
    """

    orders: tuple[OrderView, ...]
    sure: bool


def list_for(
    session: Session, customer_id: str, states: Sequence[str] = (), limit: int = 20, offset: int = 0
) -> list[OrderView]:
    """A page of the buyer's own orders, newest first; ``states`` (if any) filters by status."""
    query = select(Order).where(Order.customer_id == customer_id).order_by(Order.placed_at.desc(), Order.number)
    if states:
        query = query.where(Order.state.in_(states))
    return _views(session, session.scalars(query.limit(limit).offset(offset)).all())


def count_for(session: Session, customer_id: str, states: Sequence[str] = ()) -> int:
    """How many orders the buyer has (in ``states``, if given)."""
    query = select(func.count()).select_from(Order).where(Order.customer_id == customer_id)
    return session.scalar(query.where(Order.state.in_(states)) if states else query) or 0


def any_order(session: Session) -> bool:
    """Is there any order at all? Tells an empty store from a filled one."""
    return session.scalar(select(Order.id).limit(1)) is not None


def get_own(session: Session, customer_id: str, number: str, lock: bool = False) -> OrderView:
    """The buyer's own order ``number``; ``lock`` holds its row until the transaction ends.

    Raises NotFound for an unknown number and, with the same words, for somebody else's.
    """
    query = select(Order).where(Order.number == number, Order.customer_id == customer_id)
    row = session.scalars(_locked(query) if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no order {number} among this buyer's orders")
    return _views(session, [row])[0]


def get_by_id(session: Session, order_id: str, lock: bool = False) -> OrderView:
    """The order with this id, whoever owns it: for services that already know the owner. Raises NotFound."""
    return _views(session, [_row(session, order_id, lock)])[0]


def get_by_number(session: Session, number: str) -> OrderView:
    """The order ``number``, whoever owns it: for operators, never for a buyer. Raises NotFound."""
    row = session.scalars(select(Order).where(Order.number == number)).one_or_none()
    if row is None:
        raise NotFound(f"no order {number}; `recourse orders list` shows what there is")
    return _views(session, [row])[0]


def find(session: Session, customer_id: str, query: OrderQuery, states: Sequence[str] = ()) -> Found:
    """Find the buyer's order(s) that ``query`` means: number first, then typo or ending, position, and words.

    ``states`` narrows the search by words only: a number always means that order, whatever its status.
    """
    if query.number:
        own = by_numbers(session, customer_id, [query.number])
        if own:
            return Found(own, sure=True)
        near = search.near_numbers(query.number, _candidates(session, customer_id))
        return Found(by_numbers(session, customer_id, near), sure=False)
    if query.digits:
        near = search.near_numbers(query.digits, _candidates(session, customer_id))
        sure = len(near) == 1 and search.is_part_of(query.digits, near[0])
        return Found(by_numbers(session, customer_id, near), sure)
    if query.ordinal is not None:
        picked = _at(query.listed, query.ordinal)
        return Found(by_numbers(session, customer_id, [picked]) if picked else (), sure=True)
    by_words = search.by_words(query.text, _candidates(session, customer_id, states))
    if not by_words and states:
        by_words = search.by_words(query.text, _candidates(session, customer_id))
    return Found(by_numbers(session, customer_id, by_words), sure=True)


def by_numbers(session: Session, customer_id: str, numbers: Sequence[str]) -> tuple[OrderView, ...]:
    """Those of ``numbers`` (20 at most) that are the buyer's own, newest first."""
    if not numbers:
        return ()
    query = (
        select(Order)
        .where(Order.customer_id == customer_id, Order.number.in_(list(numbers)[:20]))
        .order_by(Order.placed_at.desc(), Order.number)
    )
    return tuple(_views(session, session.scalars(query).all()))


def move(
    session: Session, order_id: str, to: str, actor: Actor, at: datetime, reason: str | None = None, **values: Any
) -> None:
    """Move an order in its machine, setting ``values`` with it. Raises NotAllowed or Conflict."""
    row = _one(session, _locked(select(Order).where(Order.id == order_id)).options(lazyload("*")), order_id)
    change_state(session, row, to, ORDER_MACHINE, actor, at, reason, **values)


def cancel_lines(session: Session, order_id: str) -> None:
    """Mark every unsent piece of the order as cancelled (invariant 6)."""
    for line in session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)):
        line.qty_cancelled = line.qty - line.qty_shipped


def settle_coupons(session: Session, order_id: str, to_balance: bool, at: datetime) -> None:
    """Release the order's reserved coupons; a used one becomes balance or stays used. A coupon settles once (invariant 20)."""
    for row in session.scalars(select(CouponUse).where(CouponUse.order_id == order_id)):
        if row.state == "reserved":
            change_state(session, row, "released", COUPON_MACHINE, Actor("system"), at)
        elif row.state == "used" and to_balance:
            change_state(session, row, "converted_to_balance", COUPON_MACHINE, Actor("system"), at)


def void_uncaptured(session: Session, group_id: str, at: datetime) -> None:
    """Let go of money that was reserved but never taken, unless another order of the checkout still needs it."""
    alive = session.scalar(
        select(func.count())
        .select_from(Order)
        .where(Order.group_id == group_id, Order.state.not_in(("cancelled", "closed")))
    )
    if alive:
        return
    rows = session.scalars(select(Payment).where(Payment.group_id == group_id, Payment.captured == 0))
    for payment in rows:
        if payment.state in ("pending", "authorised"):
            change_state(session, payment, "voided", PAYMENT_MACHINE, Actor("system"), at)


def ship(session: Session, order_id: str, carrier: str, tracking: str, at: datetime, actor: Actor) -> None:
    """Hand the whole order to a carrier. Raises NotAllowed when it is not waiting to be shipped."""
    move(session, order_id, "shipped", actor, at, "seller shipped", shipped_at=at)
    for line in session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)):
        line.qty_shipped = line.qty - line.qty_cancelled
    session.add(Shipment(order_id=order_id, carrier=carrier, tracking=tracking, shipped_at=at))


def everything(
    session: Session, customer_id: str | None, states: Sequence[str], scenario: str | None
) -> list[OrderView]:
    """Orders for an operator's list, by buyer and newest first."""
    query = select(Order).order_by(Order.customer_id, Order.placed_at.desc(), Order.number)
    if customer_id:
        query = query.where(Order.customer_id == customer_id)
    if states:
        query = query.where(Order.state.in_(states))
    if scenario:
        query = query.where(Order.scenario == scenario)
    return _views(session, session.scalars(query).all())


def history(session: Session, order_id: str) -> list[dict[str, Any]]:
    """The order's moves, oldest first, as plain values."""
    return [
        {"from": row.from_state, "to": row.to_state, "actor": row.actor_type, "reason": row.reason, "at": row.at}
        for row in log_of(session, order_id)
    ]


def _row(session: Session, order_id: str, lock: bool) -> Order:
    query = select(Order).where(Order.id == order_id)
    return _one(session, _locked(query) if lock else query, order_id)


def _one(session: Session, query: Any, order_id: str) -> Order:
    row: Order | None = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound(f"no order with id {order_id}")
    return row


def _locked(query: Any) -> Any:
    """Lock the row and read it fresh: an already loaded row would keep stale values (domain 3.2, rule 6)."""
    return query.with_for_update(of=Order).execution_options(populate_existing=True)


def _at(listed: Sequence[str], ordinal: int) -> str | None:
    index = ordinal - 1 if ordinal > 0 else ordinal
    return listed[index] if ordinal and -len(listed) <= index < len(listed) else None


def _candidates(session: Session, customer_id: str, states: Sequence[str] = ()) -> list[search.Candidate]:
    query = select(Order).where(Order.customer_id == customer_id).order_by(Order.placed_at.desc(), Order.number)
    if states:
        query = query.where(Order.state.in_(states))
    rows = session.scalars(query.limit(_SEARCH_DEPTH)).all()
    named = sellers.names(session, [row.seller_id for row in rows])
    return [
        search.Candidate(row.number, " ".join([*(line.title for line in row.lines), named[row.seller_id]]))
        for row in rows
    ]


def _views(session: Session, rows: Sequence[Order]) -> list[OrderView]:
    named = sellers.names(session, [row.seller_id for row in rows]) if rows else {}
    return [_view(row, named[row.seller_id]) for row in rows]


def _view(row: Order, seller: str) -> OrderView:
    lines = (
        Line(line.id, line.title, line.sku, line.qty, line.unit_price, line.paid_alloc, line.coupon_alloc)
        for line in row.lines
    )
    tenders = sorted(row.allocations, key=lambda alloc: alloc.payment.tender_rank)
    return OrderView(
        id=row.id,
        number=row.number,
        version=row.version,
        group_id=row.group_id,
        customer_id=row.customer_id,
        seller_id=row.seller_id,
        seller=seller,
        state=row.state,
        frozen=row.frozen,
        frozen_reason=row.frozen_reason,
        currency=row.currency,
        total_paid=row.total_paid,
        gross=row.gross,
        discount=row.discount,
        shipping=row.shipping,
        policy=Policy.from_json(row.policy_snapshot),
        placed_at=row.placed_at,
        pay_by=row.pay_by,
        review_by=row.review_by,
        ship_by=row.ship_by,
        paid_at=row.paid_at,
        shipped_at=row.shipped_at,
        delivered_at=row.delivered_at,
        completed_at=row.completed_at,
        cancelled_at=row.cancelled_at,
        close_reason=row.close_reason,
        scenario=row.scenario,
        lines=tuple(lines),
        tenders=tuple(
            Tender(
                a.payment_id,
                a.payment.method,
                a.payment.instrument,
                a.amount,
                a.payment.captured > 0,
                a.amount < a.payment.authorised,
            )
            for a in tenders
        ),
        coupons=tuple(Coupon(c.id, c.code, c.amount, c.state, c.valid_until) for c in row.coupons),
        parcels=tuple(
            Parcel(p.carrier, p.tracking, p.shipped_at, p.promised_by, p.delivered_at) for p in row.shipments
        ),
    )
