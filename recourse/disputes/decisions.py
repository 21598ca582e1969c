"""How a dispute moves: events, acceptance, outcome and the timer. ``service`` is what other capabilities use.

Nothing here commits; ``now`` is aware UTC. Every writer locks the order first, then reads the dispute again: of two sides, the
platform and a timer exactly one wins (invariant 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.db import new_id
from recourse.core.errors import Conflict, NotAllowed
from recourse.core.transitions import Actor, change_state
from recourse.disputes import rules, views
from recourse.disputes.models import Dispute, DisputeEvent
from recourse.disputes.rules import DISPUTE_MACHINE
from recourse.disputes.views import DisputeView
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.rules import Days
from recourse.returns import service as returns

_NEWS = {
    "negotiating": "dispute_countered",
    "platform_review": "dispute_in_review",
    "awaiting_return": "dispute_return_agreed",
    "resolved": "dispute_decided",
}
"""What a buyer is told when a dispute gets into a state by somebody else."""

_DUE_AT = case(
    (Dispute.state == "awaiting_seller", Dispute.respond_by),
    (Dispute.state == "negotiating", Dispute.negotiate_by),
    (Dispute.state == "awaiting_return", Dispute.ship_back_by),
    (Dispute.state == "return_in_transit", func.coalesce(Dispute.inspect_by, Dispute.transit_by)),
)
"""The deadline of the state that a dispute is in."""


def locked(session: Session, dispute_id: str) -> tuple[Dispute, OrderView]:
    """The dispute and its order, the order locked first. Raises NotFound."""
    order = orders.get_by_id(session, views.row_of(session, dispute_id).order_id, lock=True)
    query = select(Dispute).where(Dispute.id == dispute_id).with_for_update(of=Dispute)
    return session.scalars(query.execution_options(populate_existing=True)).one(), order


def locked_of_buyer(session: Session, customer_id: str, dispute_id: str) -> tuple[Dispute, OrderView]:
    """As ``locked``; somebody else's dispute is NotFound."""
    if views.row_of(session, dispute_id).customer_id != customer_id:
        raise views.missing(dispute_id)
    return locked(session, dispute_id)


def locked_of_seller(session: Session, seller_id: str, dispute_id: str) -> tuple[Dispute, OrderView]:
    """As ``locked``; another seller's dispute is NotFound."""
    views.of_seller(session, seller_id, dispute_id)
    return locked(session, dispute_id)


def deadline(row: Dispute) -> datetime | None:
    """When the timer takes over from the humans in the state that ``row`` is in; None: never."""
    return {
        "awaiting_seller": row.respond_by,
        "negotiating": row.negotiate_by,
        "awaiting_return": row.ship_back_by,
        "return_in_transit": row.inspect_by or row.transit_by,
    }.get(row.state)


def still(row: Dispute, states: Sequence[str], now: datetime) -> None:
    """Raise Conflict unless the dispute is in one of ``states`` and the deadline of its state is not over."""
    if row.state not in states:
        raise Conflict(f"dispute {row.id} is {row.state}; read it again")
    limit = deadline(row)
    if limit is not None and now >= limit:
        raise Conflict(f"the time for this ended at {limit.isoformat()}; the deadline decides now")


def note(
    session: Session, row: Dispute, kind: str, actor: Actor, now: datetime, *, wanted: str | None = None,
    amount: int | None = None, text: str | None = None,
) -> DisputeEvent:  # fmt: skip
    """Append one event. The order is locked, so that numbers do not clash."""
    last = session.scalar(select(func.max(DisputeEvent.seq)).where(DisputeEvent.dispute_id == row.id)) or 0
    event = DisputeEvent(
        id=new_id(), dispute_id=row.id, seq=last + 1, actor_type=actor.type, actor_id=actor.id, kind=kind, wanted=wanted,
        amount=amount, text=text, at=now,
    )  # fmt: skip
    session.add(event)
    session.flush()
    return event


def tell(session: Session, row: Dispute, kind: str, event: DisputeEvent, now: datetime) -> None:
    """Queue a notice for the buyer, unless it was the buyer's own doing."""
    if event.actor_type != "buyer":
        outbox.notify_buyer(session, row.customer_id, kind, now, dispute_id=row.id, event_id=event.id)


def move(
    session: Session, row: Dispute, to: str, actor: Actor, now: datetime, event: DisputeEvent, reason: str | None = None,
    **deadlines: datetime,
) -> None:  # fmt: skip
    """Move the dispute, setting the deadline of its new state with it, and tell the buyer what ``event`` brought about."""
    change_state(session, row, to, DISPUTE_MACHINE, actor, now, reason, **deadlines)
    if to in _NEWS:
        tell(session, row, _NEWS[to], event, now)


def carry_out(
    session: Session, row: Dispute, order: OrderView, wanted: str, amount: int, actor: Actor, decided_by: str,
    event: DisputeEvent, now: datetime, reason: str | None = None,
) -> None:  # fmt: skip
    """Do what was agreed or decided: give the money back, or wait for the goods first."""
    if wanted == rules.RETURN_REFUND:
        limit = rules.ship_back_by(order.policy, now)
        move(session, row, "awaiting_return", actor, now, event, reason, ship_back_by=limit)
        return
    resolve(session, row, order, wanted, amount, actor, decided_by, event, now, reason)


def resolve(
    session: Session, row: Dispute, order: OrderView, outcome: str, amount: int, actor: Actor, decided_by: str,
    event: DisputeEvent, now: datetime, reason: str | None = None,
) -> None:  # fmt: skip
    """End the dispute with ``outcome`` and grant its refund, one per dispute (invariant 9).

    ``amount`` matters for a partial refund only. It is capped by what is still left, because another refund may have been made
    meanwhile. An order of which all money came back is closed. Raises NotAllowed for a refund while the order is on hold.
    """
    if outcome == rules.NONE:
        _end(session, row, outcome, 0, actor, decided_by, event, now, reason)
        return
    if order.frozen:
        raise NotAllowed(f"order {order.number} is on hold; nothing can be refunded until it is over")
    days = Days(refunds.ranges(session), now.date(), now.date())
    breakdown = rules.give_back(order, row.line_id, row.qty, row.reason_code, outcome, amount, days)
    _end(session, row, outcome, breakdown.legs_total, actor, decided_by, event, now, reason)
    if outcome == rules.RETURN_REFUND:
        orders.note_returned(session, order.id, {row.line_id: row.qty})
    refunds.grant(session, order, "dispute", row.id, breakdown, now)
    orders.close_if_refunded(session, order.id, now, f"dispute {row.id}")


def end_issue(session: Session, order_id: str) -> None:
    """A dispute is over: the order belongs to what else is open of it. A chargeback keeps it."""
    if orders.get_by_id(session, order_id).issue == "dispute":
        orders.set_issue(session, order_id, issue_of(session, order_id))


def issue_of(session: Session, order_id: str) -> str | None:
    """Which process owns the order besides its status and a chargeback: dispute, return or None."""
    query = select(Dispute.id).where(Dispute.order_id == order_id, Dispute.state.not_in(rules.OVER)).limit(1)
    if session.scalar(query):
        return "dispute"
    return "return" if returns.open_pieces(session, order_id) else None


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of disputes whose deadline is over at ``now``, the longest overdue first. Orders on hold are left out: they wait."""
    query = select(Dispute.id).where(
        or_(
            (Dispute.state == "awaiting_seller") & (Dispute.respond_by <= now),
            (Dispute.state == "negotiating") & (Dispute.negotiate_by <= now),
            (Dispute.state == "awaiting_return") & (Dispute.ship_back_by <= now),
            (Dispute.state == "return_in_transit") & (func.coalesce(Dispute.inspect_by, Dispute.transit_by) <= now),
        ),
        ~orders.on_hold(Dispute.order_id),
    )
    return session.scalars(query.order_by(_DUE_AT, Dispute.id).limit(limit)).all()


def settle(session: Session, dispute_id: str, now: datetime) -> DisputeView | None:
    """Let the timer decide one due dispute; None when there is nothing to do any more. Twice changes nothing.

    Silence of the seller carries out what the buyer proposed; a negotiation that is over goes to the platform; goods that were not
    sent back bring nothing; goods that nobody objected to bring the refund (domain 2.5).
    """
    row, order = locked(session, dispute_id)
    limit, timer = deadline(row), Actor("timer")
    if order.frozen or limit is None or now < limit:
        return None
    if row.state == "awaiting_seller":
        event = note(
            session, row, "verdict", timer, now, wanted=row.wanted, amount=row.amount, text="no answer in time"
        )
        carry_out(session, row, order, row.wanted, row.amount, timer, "system_timeout", event, now, "no answer in time")
    elif row.state == "negotiating":
        event = note(session, row, "escalate", timer, now)
        move(session, row, "platform_review", timer, now, event, "no agreement in time")
    elif row.state == "awaiting_return":
        event = note(session, row, "verdict", timer, now, wanted=rules.NONE, amount=0, text="not sent back in time")
        resolve(session, row, order, rules.NONE, 0, timer, "system_timeout", event, now, "not sent back in time")
    else:
        event = note(session, row, "verdict", timer, now, wanted=rules.RETURN_REFUND, text="no objection in time")
        resolve(
            session, row, order, rules.RETURN_REFUND, 0, timer, "system_timeout", event, now, "no objection in time"
        )
    return views.view(session, row)


def carrier_received(session: Session, carrier: str, tracking: str, now: datetime) -> list[str]:
    """The carrier has handed goods of disputes back to a seller, who may object for ``INSPECT_DAYS``: ids of the disputes.

    An unknown parcel, or one reported before, changes nothing.
    """
    query = select(Dispute.id).where(
        Dispute.state == "return_in_transit",
        Dispute.return_tracking == tracking,
        Dispute.return_carrier == carrier,
        Dispute.inspect_by.is_(None),
    )
    done = []
    for dispute_id in session.scalars(query.order_by(Dispute.order_id, Dispute.id)).all():
        row, _ = locked(session, dispute_id)
        limit = deadline(row)
        if row.state != "return_in_transit" or row.inspect_by is not None or (limit and now >= limit):
            continue
        row.inspect_by = now + timedelta(days=rules.INSPECT_DAYS)
        note(session, row, "return_received", Actor("carrier"), now)
        done.append(row.id)
    return done


def _end(
    session: Session, row: Dispute, outcome: str, cash: int, actor: Actor, decided_by: str, event: DisputeEvent,
    now: datetime, reason: str | None,
) -> None:  # fmt: skip
    change_state(
        session, row, "resolved", DISPUTE_MACHINE, actor, now, reason,
        outcome=outcome, outcome_amount=cash, decided_by=decided_by, decided_at=now,
    )  # fmt: skip
    tell(session, row, "dispute_decided", event, now)
    end_issue(session, row.order_id)
