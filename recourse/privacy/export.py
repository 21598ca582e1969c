"""Everything that is on record about one buyer, in one machine-readable document (GDPR Art. 15 and 20)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.cancellations import personal as cancellations
from recourse.conversations import personal as conversations
from recourse.core import personal
from recourse.core.errors import NotFound
from recourse.customers import personal as customers
from recourse.disputes import personal as disputes
from recourse.handoff import personal as handoff
from recourse.messages import personal as messages
from recourse.orders import personal as orders
from recourse.payments import personal as payments
from recourse.privacy.models import ErasureRequest
from recourse.refunds import personal as refunds
from recourse.returns import personal as returns
from recourse.watches import personal as watches

SCHEMA = "recourse.export/1"
"""Name and version of the document. A change that a reader must know about gives it a new number."""

_ERASURE = "id state requested_at verify_by due_at execute_at completed_at blockers reason"
_ITEM = "request_id store state rows at retained_reason retained_until"
_CAPABILITIES = (
    customers, orders, payments, cancellations, refunds, returns, disputes, messages, watches, handoff, conversations,
)  # fmt: skip


def export(session: Session, customer_id: str, now: datetime) -> dict[str, Any]:
    """``{"schema", "made_at", "customer_id", "tables": {table: [row, ...]}}``; rows of a table oldest first.

    Amounts are in minor units with their currency, times ISO 8601 in UTC. Left out is what is not the buyer's: hashes, keys,
    tokens, file names, and notes of support. ``history`` has every change of state. Raises NotFound for a buyer who is not
    on record. An erased buyer gets what was retained.
    """
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in rows(session, customer_id):
        tables.setdefault(row["table"], []).append({name: value for name, value in row.items() if name != "table"})
    if "customer" not in tables:
        raise NotFound(f"no buyer {customer_id!r}; the shop's own name of the buyer (sub) is needed")
    return {"schema": SCHEMA, "made_at": now.isoformat(), "customer_id": customer_id, "tables": tables}


def rows(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Every row of every table that is about this buyer, each with the name of its table."""
    found = [row for capability in _CAPABILITIES for row in capability.export_customer(session, customer_id)]
    asked = session.scalars(
        select(ErasureRequest)
        .where(ErasureRequest.customer_id == customer_id)
        .order_by(ErasureRequest.requested_at, ErasureRequest.id)
    ).all()
    found += personal.table("erasure_request", personal.plains(asked, _ERASURE))
    for row in asked:
        found += personal.table("erasure_item", personal.plains(row.items, _ITEM))
    return found + personal.table("history", personal.history(session, [row.id for row in asked]))
