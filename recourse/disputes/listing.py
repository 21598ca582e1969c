"""Disputes seen from the seller's side."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.disputes import rules
from recourse.disputes.models import Dispute
from recourse.orders import service as orders


def open_for_seller(session: Session, seller_id: str, limit: int) -> Sequence[str]:
    """Ids of open disputes about this seller's orders, the oldest deadline to answer first, at most ``limit``."""
    return session.scalars(
        select(Dispute.id)
        .where(Dispute.order_id.in_(orders.ids_of_seller(seller_id)), Dispute.state.not_in(rules.OVER))
        .order_by(Dispute.respond_by, Dispute.id)
        .limit(limit)
    ).all()
