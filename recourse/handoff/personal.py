"""A buyer's cases, to export and to erase."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.handoff.models import Handoff
from recourse.handoff.payload import parse

_KEPT_OF_OLD = ("v", "case_no", "created_at", "priority", "reason_code")


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Take every word that anybody wrote out of the buyer's cases; codes, states and amounts stay. Returns how many rows.

    What is open about an order (``keep``) lives in the order's own records and needs no transcript.
    """
    rows = session.scalars(select(Handoff).where(Handoff.customer_id == customer_id)).all()
    changed = 0
    for row in rows:
        bare = _without_words(row.payload)
        if bare != row.payload:
            row.payload = bare
            changed += 1
    session.flush()
    return changed + personal.forget_reasons(session, [row.id for row in rows])


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """The buyer's cases with what support was told, oldest first."""
    rows = session.scalars(
        select(Handoff).where(Handoff.customer_id == customer_id).order_by(Handoff.opened_at, Handoff.id)
    ).all()
    names = "id case_no conversation_id state priority reason_code opened_at promised_by closed_at payload"
    return personal.table("handoff", personal.plains(rows, names)) + personal.table(
        "history", personal.history(session, [row.id for row in rows])
    )


def _without_words(payload: dict[str, Any]) -> dict[str, Any]:
    try:
        return parse(payload).without_words().to_json()
    except ValidationError:  # a case from before the document had a schema
        return {name: payload[name] for name in _KEPT_OF_OLD if name in payload}
