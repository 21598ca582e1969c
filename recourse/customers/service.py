"""Reading buyers, and what becomes of their account."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from recourse.core.errors import NotFound
from recourse.customers.models import Customer

ACTIVE, RESTRICTED, ERASED = "active", "restricted", "erased"
ERASED_NAME = "deleted"


@dataclass(frozen=True, slots=True)
class Buyer:
    """A buyer as other capabilities see one. ``locale`` and ``timezone`` are for display only.

    ``status``: active, or restricted: the data is kept only for what is still open (GDPR 18).
    """

    id: str
    name: str
    locale: str
    timezone: str
    country: str
    is_consumer: bool
    status: str = ACTIVE


def get(session: Session, customer_id: str, lock: bool = False) -> Buyer:
    """The buyer ``customer_id``; ``lock`` holds the row until the transaction ends.

    Raises NotFound for an unknown buyer and, with the same words, for an erased one.
    """
    query = select(Customer).where(Customer.id == customer_id, Customer.status != ERASED)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound(f"no buyer {customer_id!r}; `recourse orders list` shows the demo's buyers")
    return _buyer(row)


def all_buyers(session: Session) -> list[Buyer]:
    """Every buyer who is not erased, by id. For the demo's picker and the CLI, never for a buyer's request."""
    return [
        _buyer(row) for row in session.scalars(select(Customer).where(Customer.status != ERASED).order_by(Customer.id))
    ]


def of_ids(session: Session, customer_ids: Collection[str]) -> dict[str, Buyer]:
    """Id -> buyer, in one query; for operators and imports, which must also know whom they may not touch: erased ones too."""
    rows = session.scalars(select(Customer).where(Customer.id.in_(customer_ids)))
    return {row.id: _buyer(row) for row in rows}


def add_missing(session: Session, buyers: Iterable[Buyer], at: datetime) -> None:
    """Add those of ``buyers`` who are not known; what is known of the others stays as it is."""
    values = [
        {
            "id": buyer.id, "display_name": buyer.name, "locale": buyer.locale, "timezone": buyer.timezone,
            "country": buyer.country, "is_consumer": buyer.is_consumer, "status": ACTIVE, "version": 1,
            "created_at": at, "updated_at": at,
        }
        for buyer in buyers
    ]  # fmt: skip
    if values:
        insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgres_insert
        session.execute(insert(Customer).on_conflict_do_nothing(index_elements=["id"]), values)


def is_reachable(session: Session, customer_id: str) -> bool:
    """Is there still somebody to tell? Not once the account is erased."""
    return session.scalar(select(Customer.status).where(Customer.id == customer_id)) not in (None, ERASED)


def restrict(session: Session, customer_id: str) -> int:
    """Keep the account only for what is still open; returns 1 when that is new. An erased account stays erased."""
    row = _row(session, customer_id)
    if row is None or row.status != ACTIVE:
        return 0
    row.status = RESTRICTED
    row.version += 1
    session.flush()
    return 1


def erase(session: Session, customer_id: str, at: datetime) -> int:
    """Take from the account what says who it was, for good; returns 1 when that is new.

    Id, country and consumer status stay for the order records that the law keeps. Nobody can sign in as this buyer again.
    """
    row = _row(session, customer_id)
    if row is None or row.status == ERASED:
        return 0
    row.display_name, row.locale, row.timezone = ERASED_NAME, "en", "UTC"
    row.status, row.anonymised_at = ERASED, at
    row.version += 1
    session.flush()
    return 1


def _row(session: Session, customer_id: str) -> Customer | None:
    query = select(Customer).where(Customer.id == customer_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _buyer(row: Customer) -> Buyer:
    return Buyer(row.id, row.display_name, row.locale, row.timezone, row.country, row.is_consumer, row.status)
