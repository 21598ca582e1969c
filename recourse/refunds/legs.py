"""The life of a refund leg: sent, answered, failed, late. Every function locks the order first.

A leg only ever moves along ``LEG_MACHINE``. What a provider says may come twice, late and in any order. ``routes`` sends again
what has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.errors import InvalidInput
from recourse.core.money import Money
from recourse.core.transitions import Actor, change_state
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import rules, wallet
from recourse.refunds.leg_rows import locked
from recourse.refunds.models import Refund, RefundLeg
from recourse.refunds.reading import LegView, get_leg
from recourse.refunds.routes import send_again
from recourse.refunds.rules import CHARGED_BACK, LEG_MACHINE

REFUND_LOOKUP = "refund_lookup"
"""Outbox topic: a leg that is late; ask its provider where it is. Payload: ``{"leg_id"}``."""

_LOOK_AGAIN = timedelta(days=1)
_LOOKED_UP = ("submitted", "processing")


@dataclass(frozen=True, slots=True)
class Sending:
    """What a provider must be told about one leg. ``payment_id``: what the buyer paid with; ``method`` and ``instrument``: where
    the money goes. ``tries``: how often it was sent, this time included."""

    leg_id: str
    order_id: str
    payment_id: str
    key: str
    method: str
    instrument: str
    amount: Money
    tries: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an event did. ``outcome``: ``applied``; ``repeated`` (it was so already); ``ignored`` (older than what is known, or
    not possible from there); ``unknown`` (no such leg)."""

    outcome: str
    leg: LegView | None = None


def start_sending(session: Session, leg_id: str, now: datetime) -> Sending | None:
    """Note that the leg is about to be sent, so that it is known whatever happens next; None where it needs no sending.

    Commit before calling the provider. A leg whose first answer got lost comes here again and is sent with the same key.
    """
    order, leg = locked(session, leg_id)
    if leg.state == "created":
        change_state(
            session, leg, "submitted", LEG_MACHINE, Actor("worker"), now, tries=leg.tries + 1, submitted_at=now
        )
    elif leg.state == "submitted" and leg.psp_refund_ref is None:
        leg.tries += 1
        session.flush()
    else:
        return None
    return _sending(order, leg)


def payment_of(session: Session, leg_id: str) -> tuple[str, str]:
    """The payment that a leg gives back, and the method by which it goes, with the leg's order locked. Raises NotFound."""
    leg = locked(session, leg_id)[1]
    return leg.payment_id, leg.method


def sending_of(session: Session, leg_id: str) -> Sending | None:
    """What a provider was told about a leg that is on its way; None for one that was not sent or has ended."""
    leg = session.get(RefundLeg, leg_id, populate_existing=True)
    if leg is None or leg.state not in (*_LOOKED_UP, "requires_action"):
        return None
    return _sending(orders.get_by_id(session, session.get_one(Refund, leg.refund_id).order_id), leg)


def record_reference(session: Session, leg_id: str, psp_refund_ref: str) -> None:
    """The provider has received the refund and calls it ``psp_refund_ref``. What comes of it, it says later."""
    _, leg = locked(session, leg_id)
    if leg.psp_refund_ref is None:
        leg.psp_refund_ref = psp_refund_ref
        session.flush()


def record_result(
    session: Session,
    event: str,
    at: datetime,
    now: datetime,
    *,
    leg_id: str | None = None,
    key: str | None = None,
    psp_refund_ref: str | None = None,
    arn: str | None = None,
    reason: str | None = None,
    action_url: str | None = None,
    action_by: datetime | None = None,
) -> Recorded:
    """Take note of what a provider says of a refund: ``event`` is one of ``rules.EVENTS``, ``at`` when it happened there.

    The leg is found by its id, by our idempotency ``key`` (known before the provider has answered), or by the provider's
    reference. An older or impossible event changes nothing and raises nothing. ``arn``: the reference for the buyer's bank;
    ``action_url`` and ``action_by``: where and until when the buyer gives bank details. Raises InvalidInput for another event.
    """
    if event not in rules.EVENTS:
        raise InvalidInput(f"{event!r} is not an event of a refund; those are {', '.join(rules.EVENTS)}")
    found = _find(session, leg_id, key, psp_refund_ref)
    if found is None:
        return Recorded("unknown")
    order, leg = locked(session, found)
    if psp_refund_ref and leg.psp_refund_ref is None:
        leg.psp_refund_ref = psp_refund_ref
    if event == "reversed" and leg.method == "balance":
        return Recorded("ignored", get_leg(session, leg.id, now.date()))
    path = rules.leg_path(leg.state, event, leg.event_at, at)
    if not path:
        return _nothing_new(session, order, leg, event, arn, now)
    for to in path:
        values = _values(leg, to, event, at, arn, reason, action_url, action_by, now)
        actor = rules.actor_of(leg.state, to)
        change_state(
            session, leg, to, LEG_MACHINE, _actor(actor, order), now, reason if to == event else None, **values
        )
    _consequences(session, order, leg, now)
    return Recorded("applied", get_leg(session, leg.id, now.date()))


def fail_unreachable(session: Session, leg_id: str, now: datetime) -> LegView:
    """The provider did not answer, and when asked by key it knows of no such refund: the leg has failed (domain 3.4)."""
    order, leg = locked(session, leg_id)
    if leg.state == "submitted" and leg.psp_refund_ref is None:
        _fail(session, order, leg, "provider_unreachable", now)
    return get_leg(session, leg.id, now.date())


def cancel_leg(session: Session, leg_id: str, now: datetime, actor: Actor, reason: str) -> LegView:
    """The platform stops a leg that was not sent, or that waits for bank details. Raises NotAllowed once it is on its way."""
    _, leg = locked(session, leg_id)
    change_state(session, leg, "cancelled", LEG_MACHINE, actor, now, reason, failure_reason=reason[:40], settled_at=now)
    return get_leg(session, leg.id, now.date())


def stop_for_good(session: Session, leg_id: str, now: datetime) -> bool:
    """The buyer has got this money from the bank instead: the leg is never sent (again). False where it is out already."""
    _, leg = locked(session, leg_id)
    if leg.state in ("created", "requires_action"):
        change_state(
            session, leg, "cancelled", LEG_MACHINE, Actor("platform"), now, CHARGED_BACK,
            failure_reason=CHARGED_BACK, settled_at=now,
        )  # fmt: skip
    elif leg.state in rules.LOST:
        leg.failure_reason = CHARGED_BACK
        session.flush()
    else:
        return False
    return True


def due(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of legs that the timer must look at: bank details not given in time, and money that is late.

    A late leg comes back once a day, until its provider has said what became of it.
    """
    forms = session.execute(
        select(RefundLeg.id, RefundLeg.action_by)
        .where(RefundLeg.state == "requires_action", RefundLeg.action_by <= now)
        .order_by(RefundLeg.action_by)
        .limit(limit)
    ).all()
    late = session.scalars(
        select(RefundLeg.id)
        .where(
            RefundLeg.state.in_(rules.UNDER_WAY),
            RefundLeg.expected_to < now.date(),
            or_(RefundLeg.checked_at.is_(None), RefundLeg.checked_at <= now - _LOOK_AGAIN),
        )
        .order_by(RefundLeg.expected_to, RefundLeg.id)
        .limit(limit)
    ).all()
    return [*(row.id for row in forms), *late][:limit]


def settle(session: Session, leg_id: str, now: datetime) -> LegView | None:
    """Let the timer look at one leg; None when there is nothing to do any more.

    A form that was not filled in by its deadline fails the leg. For a late leg the provider is asked and staff are told;
    what became of the money is never guessed.
    """
    order, leg = locked(session, leg_id)
    if leg.state == "requires_action" and leg.action_by is not None and now >= leg.action_by:
        _fail(session, order, leg, "details_missing", now)
        return get_leg(session, leg.id, now.date())
    looked = leg.checked_at is not None and leg.checked_at > now - _LOOK_AGAIN
    if looked or not rules.is_overdue(leg.state, leg.expected_to, now.date()):
        return None
    leg.checked_at = now
    session.flush()
    outbox.alert_staff(session, order.customer_id, "refund_late", now, leg_id=leg.id)
    if leg.state in _LOOKED_UP:
        outbox.send(
            session, REFUND_LOOKUP, order.customer_id, f"{leg.id}:{now.isoformat()}", now, leg_id=leg.id
        )  # fmt: skip
    return get_leg(session, leg.id, now.date())


def _consequences(session: Session, order: OrderView, leg: RefundLeg, now: datetime) -> None:
    if leg.state == "succeeded":
        if leg.method == "balance":
            money = Money(leg.amount, leg.currency)
            wallet.add(session, order.customer_id, money, "refund", "refund_leg", leg.id, now)
        outbox.notify_buyer(session, order.customer_id, "refund_arrived", now, leg_id=leg.id)
    elif leg.state in ("failed", "cancelled"):
        outbox.notify_buyer(session, order.customer_id, "refund_failed", now, leg_id=leg.id)
    elif leg.state == "requires_action":
        outbox.notify_buyer(
            session, order.customer_id, "refund_needs_details", now, leg_id=leg.id, since=now.isoformat()
        )
    elif leg.state == "reversed":
        outbox.notify_buyer(session, order.customer_id, "refund_reversed", now, leg_id=leg.id)
        if order.issue == "chargeback":
            return  # no leg is made while the bank disputes the payment (invariant 18); its end takes this up again
        if leg.attempt < rules.SAME_INSTRUMENT_TRIES and not order.frozen:
            send_again(session, order, leg, now, Actor("system"), leg.method, leg.instrument, None)
        else:
            outbox.alert_staff(session, order.customer_id, "refund_not_sent_again", now, leg_id=leg.id)


def _nothing_new(
    session: Session, order: OrderView, leg: RefundLeg, event: str, arn: str | None, now: datetime
) -> Recorded:
    if event == "succeeded" and leg.state == "succeeded" and arn and not leg.reference:
        leg.reference = arn[:40]  # banks name it days after the money was sent
    elif event == "succeeded" and leg.state in ("failed", "cancelled"):
        outbox.alert_staff(session, order.customer_id, "refund_arrived_after_failure", now, leg_id=leg.id)
    elif event == "failed" and leg.state == "succeeded":
        outbox.alert_staff(session, order.customer_id, "refund_failed_after_arrival", now, leg_id=leg.id)
    session.flush()
    return Recorded("repeated" if event == leg.state else "ignored", get_leg(session, leg.id, now.date()))


def _values(
    leg: RefundLeg,
    to: str,
    event: str,
    at: datetime,
    arn: str | None,
    reason: str | None,
    action_url: str | None,
    action_by: datetime | None,
    now: datetime,
) -> dict[str, object]:
    values: dict[str, object] = {}
    if to == "submitted":
        values["submitted_at"] = now
    if to != event:
        return values
    values["event_at"] = at if leg.event_at is None else max(at, leg.event_at)
    if arn:
        values["reference"] = arn[:40]
    if to == "requires_action":
        values["action_url"] = action_url[:300] if action_url else None
        values["action_by"] = action_by or now + rules.BANK_DETAILS_WITHIN
    if to in ("succeeded", "failed", "cancelled", "reversed"):
        values["settled_at"] = at
    if to in rules.LOST:
        values["failure_reason"] = (reason or "unknown")[:40]
    return values


def _fail(session: Session, order: OrderView, leg: RefundLeg, reason: str, now: datetime) -> None:
    change_state(
        session, leg, "failed", LEG_MACHINE, Actor("timer"), now, reason, failure_reason=reason, settled_at=now
    )
    outbox.notify_buyer(session, order.customer_id, "refund_failed", now, leg_id=leg.id)


def _sending(order: OrderView, leg: RefundLeg) -> Sending:
    return Sending(
        leg.id, order.id, leg.payment_id, leg.idempotency_key, leg.method, leg.instrument,
        Money(leg.amount, leg.currency), leg.tries,
    )  # fmt: skip


def _actor(type_: str, order: OrderView) -> Actor:
    return Actor(type_, order.customer_id) if type_ == "buyer" else Actor(type_)


def _find(session: Session, leg_id: str | None, key: str | None, psp_refund_ref: str | None) -> str | None:
    for column, value in (
        (RefundLeg.id, leg_id),
        (RefundLeg.idempotency_key, key),
        (RefundLeg.psp_refund_ref, psp_refund_ref),
    ):
        if value:
            found = session.scalar(select(RefundLeg.id).where(column == value))
            if found is not None:
                return found
    return None
