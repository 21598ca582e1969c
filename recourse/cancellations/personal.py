"""A buyer's cancellation requests and quotes, to export and to erase."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.cancellations.models import CancellationRequest, QuoteRow
from recourse.core import personal
from recourse.core.personal import Matter

_REQUEST = (
    "id order_id initiator scope kind reason_code reason_note fault state quote_id requested_at respond_by decided_by "
    "decided_at reject_reason proof_tracking proof_shipped_at"
)


def open_matters(session: Session, customer_id: str, now: datetime) -> list[Matter]:
    """Requests that wait for the seller or for the platform."""
    rows = session.scalars(
        select(CancellationRequest)
        .where(CancellationRequest.customer_id == customer_id, CancellationRequest.state == "pending_seller")
        .order_by(CancellationRequest.requested_at, CancellationRequest.id)
    )
    return [Matter("cancellation", row.id, row.order_id) for row in rows]


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Forget what buyer and seller wrote, and the instruments in quotes; delete quotes that led to nothing.

    Returns how many rows. ``keep``: ids of orders that are left alone.
    """
    requests = session.scalars(
        select(CancellationRequest).where(
            CancellationRequest.customer_id == customer_id, CancellationRequest.order_id.not_in(list(keep))
        )
    ).all()
    quotes = session.scalars(
        select(QuoteRow).where(QuoteRow.customer_id == customer_id, QuoteRow.order_id.not_in(list(keep)))
    ).all()
    used = {row.quote_id for row in requests}
    changed = 0
    for request in requests:
        if request.reason_note is not None or request.reject_reason not in (None, personal.DELETED):
            request.reason_note = None
            request.reject_reason = personal.DELETED if request.reject_reason else None
            changed += 1
    for quote in quotes:
        if quote.id not in used:
            session.delete(quote)
            changed += 1
        elif (bare := _without_instruments(quote.terms)) != quote.terms:
            quote.terms = bare
            changed += 1
    session.flush()
    return changed + personal.forget_reasons(session, [row.id for row in requests])


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Requests with their pieces, and the quotes that were shown, oldest first."""
    requests = session.scalars(
        select(CancellationRequest)
        .where(CancellationRequest.customer_id == customer_id)
        .order_by(CancellationRequest.requested_at, CancellationRequest.id)
    ).all()
    quotes = session.scalars(
        select(QuoteRow).where(QuoteRow.customer_id == customer_id).order_by(QuoteRow.created_at, QuoteRow.id)
    )
    made = personal.table("cancellation_request", personal.plains(requests, _REQUEST))
    for row in requests:
        made += personal.table("cancellation_request_line", personal.plains(row.lines, "request_id line_id qty"))
    made += personal.table("quote", personal.plains(quotes, "id order_id terms created_at expires_at"))
    return made + personal.table("history", personal.history(session, [row.id for row in requests]))


def _without_instruments(value: Any) -> Any:
    """The same terms; an instrument is called by its method ("card" instead of "Visa ending 4242")."""
    if isinstance(value, list):
        return [_without_instruments(item) for item in value]
    if not isinstance(value, dict):
        return value
    bare = {name: _without_instruments(item) for name, item in value.items()}
    return {**bare, "instrument": bare.get("method", "")} if "instrument" in bare else bare
