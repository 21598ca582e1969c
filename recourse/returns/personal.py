"""A buyer's returns and withdrawals, to export and to erase."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from recourse.core import personal
from recourse.core.personal import Matter
from recourse.returns.models import WAITING, Return, Withdrawal

_OPEN = ("requested", "approved", "in_transit", "received")
_RETURN = (
    "id order_id kind reason_code reason_note state requested_at respond_by ship_back_by inspect_by refund_by label_cost_by carrier "
    "tracking received_at decline_reason instructions"
)


def open_matters(session: Session, customer_id: str, now: datetime) -> list[Matter]:
    """Returns that are not over, and withdrawals whose return could not begin yet."""
    rows = session.scalars(
        select(Return)
        .where(Return.customer_id == customer_id, Return.state.in_(_OPEN))
        .order_by(Return.requested_at, Return.id)
    )
    waiting = session.scalars(
        select(Withdrawal)
        .where(Withdrawal.customer_id == customer_id, text(WAITING))
        .order_by(Withdrawal.declared_at, Withdrawal.id)
    )
    return [Matter("return", row.id, row.order_id) for row in (*rows, *waiting)]


def erase_customer(session: Session, customer_id: str, keep: Collection[str] = ()) -> int:
    """Forget what buyer and seller wrote, and the wording of acknowledgements; returns how many rows.

    ``keep``: ids of orders that are left alone.
    """
    mine = [Return.customer_id == customer_id, Return.order_id.not_in(list(keep))]
    changed = personal.blank(session, Return, mine, reason_note=None, decline_reason=None, instructions=None)
    changed += personal.blank(
        session,
        Withdrawal,
        [Withdrawal.customer_id == customer_id, Withdrawal.order_id.not_in(list(keep))],
        ack_document=personal.DELETED,
    )
    return changed + personal.forget_reasons(session, session.scalars(select(Return.id).where(*mine)).all())


def export_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Returns with their pieces, and withdrawals, oldest first."""
    rows = session.scalars(
        select(Return).where(Return.customer_id == customer_id).order_by(Return.requested_at, Return.id)
    ).all()
    declared = session.scalars(
        select(Withdrawal).where(Withdrawal.customer_id == customer_id).order_by(Withdrawal.declared_at, Withdrawal.id)
    )
    made = personal.table("return_request", personal.plains(rows, _RETURN))
    for row in rows:
        made += personal.table("return_line", personal.plains(row.lines, "return_id line_id qty"))
    made += personal.table(
        "withdrawal",
        personal.plains(declared, "id order_id return_id declared_at deadline within why pieces ack_document"),
    )
    return made + personal.table("history", personal.history(session, [row.id for row in rows]))
