"""Reading buyers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.errors import NotFound
from recourse.customers.models import Customer


@dataclass(frozen=True, slots=True)
class Buyer:
    """A buyer as other capabilities see one. ``locale`` and ``timezone`` are for display only."""

    id: str
    name: str
    locale: str
    timezone: str
    country: str
    is_consumer: bool


def get(session: Session, customer_id: str) -> Buyer:
    """The buyer ``customer_id``. Raises NotFound."""
    row = session.get(Customer, customer_id)
    if row is None:
        raise NotFound(f"no buyer {customer_id!r}; `recourse orders list` shows the demo's buyers")
    return _buyer(row)


def all_buyers(session: Session) -> list[Buyer]:
    """Every buyer by id. For the demo's picker and the CLI, never for a buyer's request."""
    return [_buyer(row) for row in session.scalars(select(Customer).order_by(Customer.id))]


def _buyer(row: Customer) -> Buyer:
    return Buyer(row.id, row.display_name, row.locale, row.timezone, row.country, row.is_consumer)
