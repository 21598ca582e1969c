"""Requests seen from the seller's side, and as a part of other queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from recourse.cancellations.models import CancellationRequest
from recourse.orders import service as orders


def open_ids() -> Select[str]:
    """The ids of requests that wait for a decision, to be used inside another query."""
    return select(CancellationRequest.id).where(CancellationRequest.state == "pending_seller")


def ids_for_seller(
    session: Session, seller_id: str, state: str | None, after: tuple[datetime, str] | None, limit: int
) -> Sequence[tuple[str, datetime]]:
    """(id, requested at) of requests about this seller's orders, oldest first, at most ``limit``.

    ``state``: only those in it. ``after``: the last (requested at, id) of the page before.
    """
    row = CancellationRequest
    query = select(row.id, row.requested_at).where(row.order_id.in_(orders.ids_of_seller(seller_id)))
    if state is not None:
        query = query.where(row.state == state)
    if after is not None:
        at, last = after
        query = query.where(or_(row.requested_at > at, and_(row.requested_at == at, row.id > last)))
    found = session.execute(query.order_by(row.requested_at, row.id).limit(limit))
    return [(each.id, each.requested_at) for each in found]
