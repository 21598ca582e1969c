"""Returns seen from the seller's side."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.orders import service as orders
from recourse.returns.models import Return
from recourse.returns.rules import OPEN_STATES


def open_for_seller(session: Session, seller_id: str, limit: int) -> Sequence[str]:
    """Ids of open returns of this seller's orders, oldest first, at most ``limit``."""
    return session.scalars(
        select(Return.id)
        .where(Return.order_id.in_(orders.ids_of_seller(seller_id)), Return.state.in_(OPEN_STATES))
        .order_by(Return.requested_at, Return.id)
        .limit(limit)
    ).all()
