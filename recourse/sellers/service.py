"""Reading sellers."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.sellers.models import Seller


def names(session: Session, seller_ids: Iterable[str]) -> dict[str, str]:
    """Seller id -> name, in one query."""
    rows = session.execute(select(Seller.id, Seller.name).where(Seller.id.in_(set(seller_ids))))
    return {row.id: row.name for row in rows}
