"""A buyer's disputes and the files for them, to export and to erase."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.core.personal import Matter
from recourse.disputes.files import EvidenceStore, default_store
from recourse.disputes.models import Dispute, DisputeEvent, Evidence

_OVER = ("resolved", "withdrawn")
_DISPUTE = (
    "id order_id line_id type reason_code description qty wanted amount state opened_at respond_by negotiate_by "
    "ship_back_by inspect_by transit_by return_carrier return_tracking outcome outcome_amount decided_by decided_at"
)


def open_matters(session: Session, customer_id: str, now: datetime) -> list[Matter]:
    """Disputes that are not over."""
    rows = session.scalars(
        select(Dispute)
        .where(Dispute.customer_id == customer_id, Dispute.state.not_in(_OVER))
        .order_by(Dispute.opened_at, Dispute.id)
    )
    return [Matter("dispute", row.id, row.order_id) for row in rows]


def erase_customer(
    session: Session, customer_id: str, keep: Collection[str] = (), store: EvidenceStore | None = None
) -> int:
    """Forget what was written in disputes and delete the evidence; returns how many rows.

    ``keep``: ids of orders that are left alone. ``store``: where the files are (default: this process's). Files go before their
    rows, so that a crash in between leaves rows to try again with, never files that nobody knows of.
    """
    store = store or default_store()
    mine = [Dispute.customer_id == customer_id, Dispute.order_id.not_in(list(keep))]
    ids = session.scalars(select(Dispute.id).where(*mine)).all()
    changed = personal.blank(session, Dispute, mine, description=None)
    for some in personal.chunks(ids):
        changed += personal.blank(session, DisputeEvent, [DisputeEvent.dispute_id.in_(some)], text=None)
        for name in session.scalars(select(Evidence.file_name).where(Evidence.dispute_id.in_(some))):
            store.remove(name)
        changed += personal.delete_rows(session, Evidence, Evidence.dispute_id.in_(some))
    return changed + personal.forget_reasons(session, ids)


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Disputes with what was said in them and the files that were given, oldest first."""
    rows = session.scalars(
        select(Dispute).where(Dispute.customer_id == customer_id).order_by(Dispute.opened_at, Dispute.id)
    ).all()
    files = session.scalars(
        select(Evidence).where(Evidence.customer_id == customer_id).order_by(Evidence.at, Evidence.id)
    )
    made = personal.table("dispute", personal.plains(rows, _DISPUTE))
    for row in rows:
        events = personal.plains(row.events, "dispute_id seq actor_type kind wanted amount text at")
        made += personal.table("dispute_event", events)
    made += personal.table("evidence", personal.plains(files, "id dispute_id kind mime size sha256 at"))
    return made + personal.table("history", personal.history(session, [row.id for row in rows]))
