"""What is open about a buyer: everything that an erasure would tear apart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recourse.cancellations import personal as cancellations
from recourse.core.personal import Matter
from recourse.disputes import personal as disputes
from recourse.orders import personal as orders
from recourse.payments import personal as payments
from recourse.refunds import personal as refunds
from recourse.returns import personal as returns


def open_matters(session: Session, customer_id: str, now: datetime) -> list[Matter]:
    """Open orders, cancellation requests, refunds, returns, disputes and chargebacks, in this sequence."""
    asked = (orders, cancellations, refunds, returns, disputes, payments)
    return [matter for capability in asked for matter in capability.open_matters(session, customer_id, now)]


def blockers(session: Session, customer_id: str, now: datetime) -> list[dict[str, str]]:
    """The same as ``{"kind", "id", "number"}``, as a request keeps it."""
    numbers = orders.numbers(session, customer_id)
    return [
        {"kind": matter.kind, "id": matter.id, "number": numbers[matter.order_id]}
        for matter in open_matters(session, customer_id, now)
    ]
