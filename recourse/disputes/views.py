"""Disputes as other capabilities see them, and how they are read. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.errors import NotFound
from recourse.core.money import Money
from recourse.disputes import rules
from recourse.disputes.models import Dispute, DisputeEvent, Evidence
from recourse.orders import service as orders
from recourse.orders.rules import OrderView


@dataclass(frozen=True, slots=True)
class EventView:
    """What was said or done. ``wanted`` and ``amount`` belong to proposals (kinds opened and proposal), to what was accepted and
    to a verdict; ``text`` is what was written, or an id of evidence."""

    id: str
    seq: int
    actor: str
    kind: str
    wanted: str | None
    amount: Money | None
    text: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A stored file. ``kind`` as in ``rules.EVIDENCE_KINDS``; ``scan_status``: clean or not_scanned; ``size`` in bytes."""

    id: str
    dispute_id: str
    kind: str
    file_name: str
    mime: str
    size: int
    sha256: str
    scan_status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DisputeView:
    """One dispute as its rows say it now. Times are aware UTC; a deadline is None where it does not apply (yet).

    ``wanted``, ``amount``: the buyer's proposal as it stands. ``buyer_proposal``, ``seller_proposal``: the newest of each side
    (its ``id`` is what an acceptance names). ``escalate_from``: from when the buyer may call the platform. ``missing_evidence``:
    kinds that the reason needs and nobody has given. ``outcome_amount``: cash that the outcome brings back.
    """

    id: str
    order_id: str
    order_number: str
    customer_id: str
    seller_id: str
    seller: str
    line_id: str
    title: str
    type: str
    reason_code: str
    description: str | None
    qty: int
    wanted: str
    amount: Money
    state: str
    opened_at: datetime
    respond_by: datetime
    negotiate_by: datetime | None
    escalate_from: datetime | None
    ship_back_by: datetime | None
    inspect_by: datetime | None
    return_carrier: str | None
    return_tracking: str | None
    outcome: str | None
    outcome_amount: Money | None
    decided_by: str | None
    decided_at: datetime | None
    buyer_proposal: EventView
    seller_proposal: EventView | None
    events: tuple[EventView, ...]
    evidence: tuple[EvidenceView, ...]
    missing_evidence: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Is it still under way?"""
        return self.state not in rules.OVER

    def event(self, event_id: str) -> EventView | None:
        """The event that a notice names."""
        return next((each for each in self.events if each.id == event_id), None)


def get(session: Session, dispute_id: str) -> DisputeView:
    """One dispute, for services and notices. Raises NotFound."""
    return view(session, row_of(session, dispute_id))


def get_own(session: Session, customer_id: str, dispute_id: str) -> DisputeView:
    """The buyer's own dispute. Raises NotFound, with the same words for somebody else's."""
    row = row_of(session, dispute_id)
    if row.customer_id != customer_id:
        raise missing(dispute_id)
    return view(session, row)


def of_seller(session: Session, seller_id: str, dispute_id: str) -> DisputeView:
    """A dispute about this seller's order. Raises NotFound, with the same words for another seller's."""
    found = get(session, dispute_id)
    if found.seller_id != seller_id:
        raise missing(dispute_id)
    return found


def of_order(session: Session, order_id: str) -> list[DisputeView]:
    """Every dispute of an order, oldest first."""
    rows = session.scalars(select(Dispute).where(Dispute.order_id == order_id).order_by(Dispute.opened_at, Dispute.id))
    return _views(session, rows)


def open_of(session: Session, order_ids: Sequence[str]) -> dict[str, list[DisputeView]]:
    """Order id -> its open disputes (at most one a line), oldest first, for those of ``order_ids`` that have any."""
    query = select(Dispute).where(Dispute.order_id.in_(list(order_ids)), Dispute.state.not_in(rules.OVER))
    found: dict[str, list[DisputeView]] = {}
    for each in _views(session, session.scalars(query.order_by(Dispute.opened_at, Dispute.id))):
        found.setdefault(each.order_id, []).append(each)
    return found


def row_of(session: Session, dispute_id: str) -> Dispute:
    """The row, read fresh. Raises NotFound."""
    row = session.get(Dispute, dispute_id, populate_existing=True)
    if row is None:
        raise missing(dispute_id)
    return row


def missing(dispute_id: str) -> NotFound:
    """What is said of a dispute that does not exist for whoever asks."""
    return NotFound(f"no dispute {dispute_id}; look it up by its order")


def newest(row: Dispute, side: str) -> DisputeEvent | None:
    """The proposal of ``side`` (buyer or seller) that stands."""
    said = [each for each in row.events if each.actor_type == side and each.kind in ("opened", "proposal")]
    return said[-1] if said else None


def view(session: Session, row: Dispute, order: OrderView | None = None) -> DisputeView:
    """``row`` for others; ``order``: if it has been read already."""
    order = order or orders.get_by_id(session, row.order_id)
    line = order.line(row.line_id)
    assert line is not None
    session.flush()
    session.refresh(row, ["events"])
    files = evidence_of(session, row.id)
    given = {each.kind for each in files}
    first, counter = newest(row, "buyer"), newest(row, "seller")
    assert first is not None
    return DisputeView(
        id=row.id,
        order_id=row.order_id,
        order_number=order.number,
        customer_id=row.customer_id,
        seller_id=order.seller_id,
        seller=order.seller,
        line_id=row.line_id,
        title=line.title,
        type=row.type,
        reason_code=row.reason_code,
        description=row.description,
        qty=row.qty,
        wanted=row.wanted,
        amount=order.money(row.amount),
        state=row.state,
        opened_at=row.opened_at,
        respond_by=row.respond_by,
        negotiate_by=row.negotiate_by,
        escalate_from=rules.escalate_from(order.policy, row.negotiate_by) if row.negotiate_by else None,
        ship_back_by=row.ship_back_by,
        inspect_by=row.inspect_by,
        return_carrier=row.return_carrier,
        return_tracking=row.return_tracking,
        outcome=row.outcome,
        outcome_amount=None if row.outcome_amount is None else order.money(row.outcome_amount),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        buyer_proposal=_event(first, order),
        seller_proposal=_event(counter, order) if counter else None,
        events=tuple(_event(each, order) for each in row.events),
        evidence=files,
        missing_evidence=tuple(kind for kind in rules.REASONS[row.reason_code].needs if kind not in given),
    )


def evidence_of(session: Session, dispute_id: str) -> tuple[EvidenceView, ...]:
    """The files of a dispute, oldest first."""
    query = select(Evidence).where(Evidence.dispute_id == dispute_id).order_by(Evidence.at, Evidence.id)
    return tuple(evidence_view(row) for row in session.scalars(query))


def evidence_view(row: Evidence) -> EvidenceView:
    """``row`` for others."""
    return EvidenceView(
        row.id, row.dispute_id, row.kind, row.file_name, row.mime, row.size, row.sha256, row.scan_status, row.at
    )


def _event(row: DisputeEvent, order: OrderView) -> EventView:
    amount = None if row.amount is None else order.money(row.amount)
    return EventView(row.id, row.seq, row.actor_type, row.kind, row.wanted, amount, row.text, row.at)


def _views(session: Session, rows: Iterable[Dispute]) -> list[DisputeView]:
    return [view(session, row) for row in list(rows)]
