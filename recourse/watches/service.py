"""Stock watches: a buyer is told once when a product is back [SEED 11.4]. Nothing here commits; ``now`` is aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.db import new_id
from recourse.core.errors import InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state, created
from recourse.watches.models import StockWatch
from recourse.watches.rules import WATCH_MACHINE

SKU_MAX, TITLE_MAX = 40, 200
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WatchView:
    """One watch as its row says it now. ``state``: active, notified or cancelled."""

    id: str
    customer_id: str
    sku: str
    title: str
    state: str
    asked_at: datetime
    notified_at: datetime | None


def watch(session: Session, customer_id: str, sku: str, title: str, now: datetime) -> WatchView:
    """Tell this buyer when ``sku`` is back. Asking again while a watch is active answers with that one.

    ``title``: how the buyer knows the product; what the notice says. Raises InvalidInput for a product that cannot be stored.
    """
    sku, title = sku.strip(), title.strip()[:TITLE_MAX]
    if not sku or len(sku) > SKU_MAX or not title:
        raise InvalidInput(f"name the product: a sku of at most {SKU_MAX} characters and a title")
    found = _active(session, customer_id, sku)
    if found is not None:
        return _view(found)
    row = StockWatch(id=new_id(), customer_id=customer_id, sku=sku, title=title, state="active", asked_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # the same buyer in another tab, between our look and our write
        found = _active(session, customer_id, sku)
        if found is None:
            raise
        return _view(found)
    created(session, row, WATCH_MACHINE, Actor("buyer", customer_id), now)
    return _view(row)


def unwatch(session: Session, customer_id: str, watch_id: str, now: datetime) -> WatchView:
    """Call a watch off; calling it off twice changes nothing. Raises NotFound, and NotAllowed when the notice went out."""
    row = session.scalars(
        select(StockWatch)
        .where(StockWatch.id == watch_id, StockWatch.customer_id == customer_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise _missing(watch_id)
    if row.state == "notified":
        raise NotAllowed("you were told already that it is back; this watch is over")
    if row.state == "active":
        change_state(session, row, "cancelled", WATCH_MACHINE, Actor("buyer", customer_id), now)
    return _view(row)


def mine(session: Session, customer_id: str) -> list[WatchView]:
    """The buyer's active watches, oldest first."""
    rows = session.scalars(
        select(StockWatch)
        .where(StockWatch.customer_id == customer_id, StockWatch.state == "active")
        .order_by(StockWatch.asked_at, StockWatch.id)
    )
    return [_view(row) for row in rows]


def stock_back(session: Session, sku: str, now: datetime) -> int:
    """``sku`` can be bought again: tell everybody who watches it, once. Returns how many are told; a repeat tells nobody."""
    told = 0
    while rows := session.scalars(
        select(StockWatch)
        .where(StockWatch.sku == sku, StockWatch.state == "active")
        .order_by(StockWatch.id)
        .limit(_AT_ONCE)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all():
        for row in rows:
            change_state(session, row, "notified", WATCH_MACHINE, Actor("system"), now, notified_at=now)
            outbox.notify_buyer(session, row.customer_id, "back_in_stock", now, watch_id=row.id)
        told += len(rows)
    return told


def get(session: Session, watch_id: str) -> WatchView:
    """A watch by id, whoever's it is. Raises NotFound."""
    row = session.get(StockWatch, watch_id)
    if row is None:
        raise _missing(watch_id)
    return _view(row)


def _active(session: Session, customer_id: str, sku: str) -> StockWatch | None:
    return session.scalars(
        select(StockWatch).where(
            StockWatch.customer_id == customer_id, StockWatch.sku == sku, StockWatch.state == "active"
        )
    ).one_or_none()


def _missing(watch_id: str) -> NotFound:
    return NotFound(f"no stock watch {watch_id} of this buyer")


def _view(row: StockWatch) -> WatchView:
    return WatchView(row.id, row.customer_id, row.sku, row.title, row.state, row.asked_at, row.notified_at)
