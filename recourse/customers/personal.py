"""A buyer's account, to export and to erase."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.customers.models import Customer


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """The account as it is on record. Empty for an unknown buyer. Erasing it: ``customers.service.erase``."""
    rows = session.scalars(select(Customer).where(Customer.id == customer_id))
    names = "id display_name locale timezone country is_consumer status created_at"
    return personal.table("customer", personal.plains(rows, names))
