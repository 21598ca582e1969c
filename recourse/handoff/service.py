"""Opening a case for a human, with the frozen facts of domain 4.2."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.db import new_id
from recourse.core.transitions import Actor, Machine, created
from recourse.customers.service import Buyer
from recourse.handoff.models import Handoff
from recourse.overview.service import Case

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
REASONS = ("user_asked", "refund_missing", "dispute_help", "seller_refused", "frozen", "bot_failed", "tech_error")

HANDOFF_MACHINE: Machine = {
    (None, "queued"): frozenset({"buyer"}),
    (None, "ticket"): frozenset({"system"}),
}
"""How a case begins (domain 3.4). In this cut a case is recorded as a ticket; the desk moves it on."""


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case and whether this call made it (``new``) or found it open."""

    case_no: str
    new: bool


def reason_for(item: Case | None) -> str:
    """Why a case about ``item`` is likely wanted, from its rows; ``user_asked`` where they say nothing."""
    if item is None:
        return "user_asked"
    if item.order.frozen:
        return "frozen"
    if item.refund is not None and (item.refund.overdue or any(leg.state == "failed" for leg in item.refund.legs)):
        return "refund_missing"
    if item.request is not None and item.request.state == "rejected":
        return "seller_refused"
    return "user_asked"


def open_case(
    session: Session,
    buyer: Buyer,
    conversation_id: str,
    reason_code: str,
    item: Case | None,
    last_messages: list[dict[str, str]],
    wants: str,
    now: datetime,
) -> OpenedCase:
    """Record that this conversation needs a human. One open case a conversation: a second call answers with the first.

    ``item``: the order it is about, if one is known. ``last_messages``: ``{"author", "text"}``, oldest first. ``wants``: the
    buyer's own words. The payload is frozen: it says what was true when the case was opened.
    """
    row = session.scalars(
        select(Handoff).where(
            Handoff.conversation_id == conversation_id, Handoff.state.in_(("queued", "ticket", "active"))
        )
    ).first()
    if row is not None:
        return OpenedCase(row.case_no, new=False)
    case_no = "C-" + "".join(secrets.choice(_LETTERS) for _ in range(6))
    row = Handoff(
        id=new_id(),
        case_no=case_no,
        conversation_id=conversation_id,
        customer_id=buyer.id,
        state="ticket",
        priority="normal",
        reason_code=reason_code,
        payload=_payload(case_no, buyer, conversation_id, reason_code, item, last_messages, wants, now),
        opened_at=now,
    )
    session.add(row)
    session.flush()
    created(session, row, HANDOFF_MACHINE, Actor("system"), now, reason_code)
    return OpenedCase(case_no, new=True)


def _payload(
    case_no: str,
    buyer: Buyer,
    conversation_id: str,
    reason_code: str,
    item: Case | None,
    last_messages: list[dict[str, str]],
    wants: str,
    now: datetime,
) -> dict[str, Any]:
    return {
        "v": 1,
        "case_no": case_no,
        "created_at": now.isoformat(),
        "priority": "normal",
        "reason_code": reason_code,
        "customer": {
            "id": buyer.id,
            "verified": True,
            "locale": buyer.locale,
            "tz": buyer.timezone,
            "country": buyer.country,
            "is_consumer": buyer.is_consumer,
        },
        "order": _order(item) if item else None,
        "cancellation": _cancellation(item) if item else None,
        "refund": _refund(item) if item else None,
        "seller_messages": [],
        "conversation": {"id": conversation_id, "last_messages": last_messages, "language": buyer.locale},
        "wants": wants,
        "policy_id": item.order.policy.id if item else None,
    }


def _order(item: Case) -> dict[str, Any]:
    order = item.order
    return {
        "number": order.number,
        "status": order.state,
        "projection": item.label,
        "seller_id": order.seller_id,
        "placed_at": order.placed_at.isoformat(),
        "total": {"amount_minor": order.total_paid, "currency": order.currency},
        "lines": [{"id": line.id, "title": line.title, "qty": line.qty} for line in order.lines],
    }


def _cancellation(item: Case) -> dict[str, Any] | None:
    request = item.request
    if request is None:
        return None
    return {
        "id": request.id,
        "state": request.state,
        "date": request.requested_at.isoformat(),
        "reason_code": request.reason_code,
        "note": request.note,
        "respond_by": request.respond_by.isoformat() if request.respond_by else None,
        "decided_by": request.decided_by,
    }


def _refund(item: Case) -> dict[str, Any] | None:
    refund = item.refund
    if refund is None:
        return None
    return {
        "computed": {
            "coupon_credit": refund.coupon_credit.amount_minor,
            "fee": refund.fee.amount_minor,
            "legs": [
                {
                    "tender": leg.instrument,
                    "amount_minor": leg.amount.amount_minor,
                    "state": leg.state,
                    "arn": leg.reference,
                    "expected_to": leg.expected_to.isoformat(),
                }
                for leg in refund.legs
            ],
        }
    }
