"""Use cases of orders. Everything a buyer asks for is filtered by that buyer in the query itself (invariant 21)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, lazyload

from recourse.core.clock import require_utc
from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state, log_of
from recourse.orders import deadlines, views
from recourse.orders.models import CouponUse, Order, OrderLine, Payment, PaymentAlloc, Shipment, ShipmentLine
from recourse.orders.rules import COUPON_MACHINE, ORDER_MACHINE, PAYMENT_MACHINE, OrderView


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a buyer's orders, newest first. ``after``: where the next page begins, None on the last one."""

    orders: tuple[OrderView, ...]
    after: str | None


def list_for(
    session: Session, customer_id: str, states: Sequence[str] = (), limit: int = 20, offset: int = 0
) -> list[OrderView]:
    """A page of the buyer's own orders, newest first; ``states`` (if any) filters by status."""
    return views.of_rows(session, session.scalars(_of(customer_id, states).limit(limit).offset(offset)).all())


def page(
    session: Session, customer_id: str, states: Sequence[str] = (), after: str | None = None, limit: int = 20
) -> Page:
    """The buyer's own orders that come after the cursor ``after`` (of the page before; None: from the newest on).

    Orders that are placed meanwhile do not shift the pages. Raises InvalidInput for a cursor that is none.
    """
    query = _of(customer_id, states)
    if after is not None:
        placed_at, number = _place(after)
        query = query.where(Order.placed_at <= placed_at, or_(Order.placed_at < placed_at, Order.number > number))
    rows = session.scalars(query.limit(limit + 1)).all()
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    found = views.of_rows(session, rows[:limit])
    return Page(tuple(found), f"{last.placed_at.isoformat()}|{last.number}" if last else None)


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
    return views.of_rows(session, [row])[0]


def get_of_seller(session: Session, seller_id: str, number: str, lock: bool = False) -> OrderView:
    """The seller's own order ``number``. Raises NotFound for an unknown number and, with the same words, for another seller's."""
    query = select(Order).where(Order.number == number, Order.seller_id == seller_id)
    row = session.scalars(_locked(query) if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no order {number} among this seller's orders")
    return views.of_rows(session, [row])[0]


def ids_of_seller(seller_id: str) -> Select[str]:
    """The ids of a seller's orders, to be used inside another query."""
    return select(Order.id).where(Order.seller_id == seller_id)


def has_sold(session: Session, seller_id: str, sku: str) -> bool:
    """Has this seller ever had an order with the product ``sku``?"""
    query = select(OrderLine.id).join(Order, Order.id == OrderLine.order_id)
    return session.scalar(query.where(OrderLine.sku == sku, Order.seller_id == seller_id).limit(1)) is not None


def get_by_id(session: Session, order_id: str, lock: bool = False) -> OrderView:
    """The order with this id, whoever owns it: for services that already know the owner. Raises NotFound."""
    return views.of_rows(session, [_row(session, order_id, lock)])[0]


def get_many(session: Session, order_ids: Collection[str]) -> dict[str, OrderView]:
    """Id -> order, whoever owns it, in a few queries for any number; for services that already know the owner."""
    rows = session.scalars(select(Order).where(Order.id.in_(order_ids))).all()
    return {view.id: view for view in views.of_rows(session, rows)}


def get_by_number(session: Session, number: str) -> OrderView:
    """The order ``number``, whoever owns it: for operators, never for a buyer. Raises NotFound."""
    row = session.scalars(select(Order).where(Order.number == number)).one_or_none()
    if row is None:
        raise NotFound(f"no order {number}; `recourse orders list` shows what there is")
    return views.of_rows(session, [row])[0]


def move(
    session: Session, order_id: str, to: str, actor: Actor, at: datetime, reason: str | None = None, **values: Any
) -> None:
    """Move an order in its machine, setting ``values`` with it. Raises NotAllowed or Conflict."""
    row = _one(session, _locked(select(Order).where(Order.id == order_id)).options(lazyload("*")), order_id)
    change_state(session, row, to, ORDER_MACHINE, actor, at, reason, **values)


def touch(session: Session, order_id: str) -> None:
    """Note that something of the order changed besides its status, so that a quote made before is void (invariant 12)."""
    session.execute(
        update(Order)
        .where(Order.id == order_id)
        .values(version=Order.version + 1)
        .execution_options(synchronize_session=False)
    )
    row = session.get(Order, order_id)
    if row is not None:
        session.refresh(row, ["version"])


def cancel_pieces(session: Session, order_id: str, pieces: Mapping[str, int]) -> None:
    """Mark ``pieces`` (line id -> how many) as cancelled. The table refuses more than are unsent (invariant 6)."""
    for line in _lines(session, order_id, pieces):
        line.qty_cancelled += pieces[line.id]
    session.flush()


def note_refunded(
    session: Session,
    order_id: str,
    lines: Iterable[tuple[str, int, int, int]],
    tenders: Iterable[tuple[str, int]],
) -> None:
    """Count what a refund gives back: ``lines`` are (line id, pieces, cash, coupon value), ``tenders`` (payment id, cash).

    Cash of lines includes what is withheld of them (a fee, kept shipping), so that nothing is given back twice; the tables
    refuse more than was paid (invariants 1 and 6).
    """
    by_line = {line_id: (qty, cash, coupon) for line_id, qty, cash, coupon in lines}
    for line in _lines(session, order_id, by_line):
        qty, cash, coupon = by_line[line.id]
        line.qty_refunded += qty
        line.refunded += cash
        line.coupon_returned += coupon
    for payment_id, cash in tenders:
        alloc = session.get_one(PaymentAlloc, (payment_id, order_id))
        alloc.refunded += cash
    session.flush()


def note_returned(session: Session, order_id: str, pieces: Mapping[str, int]) -> None:
    """Count ``pieces`` (line id -> how many) that came back to the seller. The table refuses more than were sent (invariant 6)."""
    for line in _lines(session, order_id, pieces):
        line.qty_returned += pieces[line.id]
    session.flush()


def close_if_refunded(session: Session, order_id: str, at: datetime, reason: str) -> bool:
    """Close a sent order of which all money came back (domain 3.4: ``closed``); True if it did. Otherwise void its quotes.

    For a refund that was granted in this transaction. An order that cost nothing is closed when all its pieces came back.
    """
    order = get_by_id(session, order_id)
    over = not sum(line.refundable for line in order.lines) if order.total_paid else order.all_given_back
    if over and (order.state, "closed") in ORDER_MACHINE:
        move(session, order_id, "closed", Actor("platform"), at, reason, close_reason="refunded")
        return True
    touch(session, order_id)
    return False


def on_hold(order_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Is the order that this column names on hold? For another table's list of due work, which leaves such rows out."""
    return select(Order.id).where(Order.id == order_id, Order.frozen).exists()


def owned(order_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Is the order that this column names on hold, or does another process (dispute, return, chargeback) own it?"""
    return select(Order.id).where(Order.id == order_id, or_(Order.frozen, Order.issue.is_not(None))).exists()


def release_coupons(session: Session, order_id: str, at: datetime) -> None:
    """Give back the coupons of an order that was never paid (SEED 7, domain C10)."""
    for row in session.scalars(select(CouponUse).where(CouponUse.order_id == order_id, CouponUse.state == "reserved")):
        change_state(session, row, "released", COUPON_MACHINE, Actor("system"), at)


def return_coupons(session: Session, order_id: str, shares: Iterable[tuple[str, int, str]], at: datetime) -> None:
    """Take note of coupon value that comes back: (coupon id, value, how), where ``how`` is balance, restored or none.

    A coupon whose whole value has come back settles, once (invariant 20); "none" is value that is lost and changes nothing.
    """
    for coupon_id, value, how in shares:
        row = session.get_one(CouponUse, coupon_id)
        if how == "none" or not value:
            continue
        row.returned += value
        if how == "restored":
            change_state(session, row, "restored", COUPON_MACHINE, Actor("system"), at)
        elif row.returned == row.amount:
            change_state(session, row, "converted_to_balance", COUPON_MACHINE, Actor("system"), at)
    session.flush()


def release_authorisation(session: Session, order_id: str, at: datetime) -> list[tuple[str, str, int]]:
    """Let go of the order's part of money that was reserved but never taken: (payment id, method, amount) of each part.

    Other orders of the checkout keep theirs (invariant 22); a payment of which nothing is left is voided.
    """
    gone = []
    for alloc in session.scalars(select(PaymentAlloc).where(PaymentAlloc.order_id == order_id)):
        payment = session.get_one(Payment, alloc.payment_id, with_for_update=True, populate_existing=True)
        if payment.state not in ("pending", "authorised") or alloc.voided:
            continue
        alloc.voided = True
        payment.voided += alloc.amount
        if payment.state == "authorised":
            gone.append((payment.id, payment.method, alloc.amount))
        if payment.voided == payment.authorised:
            change_state(session, payment, "voided", PAYMENT_MACHINE, Actor("system"), at)
    session.flush()
    return gone


def set_issue(session: Session, order_id: str, issue: str | None) -> None:
    """Say which process owns the order besides its status: dispute, return, chargeback, or None when the last one ended."""
    row = session.scalars(_locked(select(Order).where(Order.id == order_id)).options(lazyload("*"))).one()
    if row.issue != issue:
        row.issue = issue
        session.flush()
        touch(session, order_id)


def set_frozen(session: Session, order_id: str, reason: str | None) -> None:
    """Put the order on hold for ``reason``, or take it off hold with None (invariant 30)."""
    row = session.scalars(_locked(select(Order).where(Order.id == order_id)).options(lazyload("*"))).one()
    if row.frozen_reason != reason:
        row.frozen, row.frozen_reason = reason is not None, reason
        session.flush()
        touch(session, order_id)


def ship(
    session: Session,
    order_id: str,
    carrier: str,
    tracking: str,
    at: datetime,
    actor: Actor,
    pieces: Mapping[str, int],
    *,
    shipped_at: datetime | None = None,
    promised_by: datetime | None = None,
) -> None:
    """Hand ``pieces`` (line id -> how many) to a carrier: the order is shipped when nothing is left to send, else in part.

    ``shipped_at``: when the parcel left, if before ``at``. With the last parcel the protection of the buyer begins.
    Raises NotAllowed when the order does not wait to be shipped; the table refuses pieces that were sent or cancelled.
    """
    state = get_by_id(session, order_id, lock=True).state
    if state not in ("to_ship", "partially_shipped"):
        raise NotAllowed(f"an order that is {state} cannot be shipped")
    left_at = shipped_at or at
    parcel = Shipment(
        id=new_id(), order_id=order_id, carrier=carrier, tracking=tracking, shipped_at=left_at, promised_by=promised_by
    )
    session.add(parcel)
    session.flush()
    for line in _lines(session, order_id, pieces):
        line.qty_shipped += pieces[line.id]
        session.add(ShipmentLine(shipment_id=parcel.id, line_id=line.id, qty=pieces[line.id]))
    session.flush()
    order = get_by_id(session, order_id, lock=True)
    if not order.unsent:
        until = deadlines.protection_after_sending(left_at, [each.promised_by for each in order.parcels])
        move(session, order_id, "shipped", actor, at, "seller shipped", shipped_at=left_at, protect_until=until)
    elif order.state == "to_ship":
        move(session, order_id, "partially_shipped", actor, at, "seller shipped a part")
    else:
        touch(session, order_id)


def everything(
    session: Session,
    customer_id: str | None,
    states: Sequence[str],
    scenario: str | None,
    limit: int | None = None,
    after: str | None = None,
) -> list[OrderView]:
    """Orders for an operator's list, by buyer and newest first; ``after``: go on behind the order with this number.

    Raises NotFound when there is no order ``after``.
    """
    query = _for_operators(session, customer_id, states, scenario, after)
    query = query.order_by(Order.customer_id, Order.placed_at.desc(), Order.number)
    return views.of_rows(session, session.scalars(query.limit(limit) if limit else query).all())


def how_many(
    session: Session, customer_id: str | None, states: Sequence[str], scenario: str | None, after: str | None = None
) -> int:
    """How many orders ``everything`` finds without a limit."""
    query = _for_operators(session, customer_id, states, scenario, after)
    return session.scalar(select(func.count()).select_from(query.options(lazyload("*")).subquery())) or 0


def history(session: Session, order_id: str) -> list[dict[str, Any]]:
    """The order's moves, oldest first, as plain values."""
    return [
        {"from": row.from_state, "to": row.to_state, "actor": row.actor_type, "reason": row.reason, "at": row.at}
        for row in log_of(session, order_id)
    ]


def _lines(session: Session, order_id: str, wanted: Collection[str]) -> Sequence[OrderLine]:
    query = select(OrderLine).where(OrderLine.order_id == order_id, OrderLine.id.in_(list(wanted)))
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    if len(rows) != len(wanted):
        raise InvalidInput("these pieces are not of this order")
    return rows


def _row(session: Session, order_id: str, lock: bool) -> Order:
    query = select(Order).where(Order.id == order_id)
    return _one(session, _locked(query) if lock else query, order_id)


def _one(session: Session, query: Any, order_id: str) -> Order:
    row: Order | None = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound(f"no order with id {order_id}")
    return row


def _locked(query: Any) -> Any:
    """Lock the row and read it fresh: an already loaded row would keep stale values (domain 3.2, rule 6).

    Its key never changes, and rows that point to it may be written meanwhile: else two transactions that have both written
    one, and then lock the order, would wait for each other for ever.
    """
    return query.with_for_update(of=Order, key_share=True).execution_options(populate_existing=True)


def _of(customer_id: str, states: Sequence[str]) -> Select[Order]:
    query = select(Order).where(Order.customer_id == customer_id).order_by(Order.placed_at.desc(), Order.number)
    return query.where(Order.state.in_(states)) if states else query


def _place(cursor: str) -> tuple[datetime, str]:
    at, _, number = cursor.partition("|")
    try:
        return require_utc(datetime.fromisoformat(at)), number
    except ValueError as error:
        raise InvalidInput("this is not a place in a list of orders; start again without one") from error


def _for_operators(
    session: Session, customer_id: str | None, states: Sequence[str], scenario: str | None, after: str | None
) -> Select[Order]:
    query = select(Order)
    if customer_id:
        query = query.where(Order.customer_id == customer_id)
    if states:
        query = query.where(Order.state.in_(states))
    if scenario:
        query = query.where(Order.scenario == scenario)
    if after:
        last = get_by_number(session, after)
        later = or_(
            Order.placed_at < last.placed_at, and_(Order.placed_at == last.placed_at, Order.number > last.number)
        )
        query = query.where(Order.customer_id >= last.customer_id, or_(Order.customer_id > last.customer_id, later))
    return query
