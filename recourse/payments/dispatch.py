"""Deliver what waits in the outbox to payment providers.

Each message takes two transactions with the provider's answer between them, outside of both: first it is noted that the request
is about to be sent, afterwards what was answered. A process that dies between the two repeats the request with the same key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.db import transaction
from recourse.core.errors import NotFound
from recourse.core.money import Money
from recourse.orders import payments
from recourse.orders import service as orders
from recourse.payments import chargebacks
from recourse.payments.port import Answer, ProviderDown, Providers, ProviderTimeout, RefundStatus, Target
from recourse.refunds import legs, rules
from recourse.refunds.leg_rows import REFUND_LEG
from recourse.refunds.legs import REFUND_LOOKUP, Sending

PAYMENT_VOID = "payment_void"
"""Outbox topic: the part of an authorisation that one order has let go. Payload: ``{"payment_id", "order_id"}``."""

TOPICS = (REFUND_LEG, REFUND_LOOKUP, PAYMENT_VOID)

TRIES = 8
"""A refund that was sent so often without an answer is not sent again: the provider is asked for it by its key."""

_HELD = timedelta(minutes=10)
_NOBODY = timedelta(minutes=5)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Task:
    """One claimed outbox row."""

    id: str
    topic: str
    payload: dict[str, Any]


def deliver_due(now: datetime, providers: Providers, bind: Engine | None = None, limit: int = 50) -> int:
    """Deliver up to ``limit`` messages that are due at ``now`` (UTC), one after the other; returns how many are done with.

    A provider that does not answer delays its message, never the others. Several processes may do this at once. Raises
    OperationalError when the database is away.
    """
    with transaction(bind) as session:
        claimed = outbox.claim(session, TOPICS, now, limit)
        tasks = [_Task(row.id, row.topic, dict(row.payload)) for row in claimed]
    return sum(_deliver(task, now, providers, bind) for task in tasks)


def _deliver(task: _Task, now: datetime, providers: Providers, bind: Engine | None) -> bool:
    work = {REFUND_LEG: _refund_leg, REFUND_LOOKUP: _lookup, PAYMENT_VOID: _void}[task.topic]
    try:
        return work(task, now, providers, bind)
    except (ProviderTimeout, ProviderDown) as error:
        _failed(task, str(error) or type(error).__name__, now, bind)
    except (OperationalError, InterfaceError):
        raise  # the database is away: that concerns all messages alike
    except Exception as error:  # one broken message must not stop the others
        _log.error("outbox_delivery_failed", id=task.id, topic=task.topic, error=type(error).__name__, exc_info=error)
        _failed(task, type(error).__name__, now, bind)
    return False


def _refund_leg(task: _Task, now: datetime, providers: Providers, bind: Engine | None) -> bool:
    leg_id = str(task.payload["leg_id"])
    with transaction(bind) as session:
        sending = _start(session, task, leg_id, providers, now)
        if not isinstance(sending, Sending):
            return sending
        paid = payments.get(session, sending.payment_id)
    provider = providers.of(sending.method)
    assert provider is not None, "checked by _start"
    if sending.tries > TRIES:
        return _ask_by_key(task, sending, provider.find_refund(sending.key), now, bind)
    home = (sending.method, sending.instrument) == (paid.method, paid.instrument)
    to = Target(sending.method, sending.instrument, home)
    answer = provider.refund(sending.key, paid.reference, sending.amount, to, task.payload.get("details"))
    with transaction(bind) as session:
        _record(session, sending, answer, now)
        outbox.done(session, task.id, now)
    return True


def _start(session: Session, task: _Task, leg_id: str, providers: Providers, now: datetime) -> Sending | bool:
    """The first transaction: what to send, or whether the message is done with (True) or was put off (False)."""
    try:
        payment_id, method = legs.payment_of(session, leg_id)
    except NotFound:
        outbox.done(session, task.id, now)
        return True
    if chargebacks.is_open(session, payment_id):
        outbox.postpone(session, task.id, now + _HELD, "the buyer's bank disputes the payment")
        return False
    if providers.of(method) is None:
        outbox.postpone(session, task.id, now + _NOBODY, "no payment provider is set up (RECOURSE_PROVIDER_URL)")
        return False
    sending = legs.start_sending(session, leg_id, now)
    if sending is None:
        outbox.done(session, task.id, now)
        return True
    return sending


def _ask_by_key(task: _Task, sending: Sending, found: RefundStatus | None, now: datetime, bind: Engine | None) -> bool:
    """No answer came so often: what the provider knows under our key decides. Where it knows nothing, nothing was sent."""
    with transaction(bind) as session:
        if found is None:
            view = legs.fail_unreachable(session, sending.leg_id, now)
            if view.state == "failed":
                outbox.failed(session, task.id, "the provider never got this refund", now, give_up=True)
                return False
        else:
            _take_state(session, sending, found, now)
        outbox.done(session, task.id, now)
    return True


def _lookup(task: _Task, now: datetime, providers: Providers, bind: Engine | None) -> bool:
    """Ask where a late refund is. Nothing is concluded from silence: a leg that the provider does not know stays as it is."""
    with transaction(bind) as session:
        sending = legs.sending_of(session, str(task.payload["leg_id"]))
        provider = providers.of(sending.method) if sending else None
        if sending is None or provider is None:
            outbox.done(session, task.id, now)
            return True
    found = provider.find_refund(sending.key)
    with transaction(bind) as session:
        if found is not None:
            _take_state(session, sending, found, now)
        outbox.done(session, task.id, now)
    return True


def _void(task: _Task, now: datetime, providers: Providers, bind: Engine | None) -> bool:
    payment_id, order_id = str(task.payload["payment_id"]), str(task.payload["order_id"])
    with transaction(bind) as session:
        payment = payments.get(session, payment_id)
        amount = Money(payments.part_of(session, payment_id, order_id), payment.currency)
        provider = providers.of(payment.method)
        if provider is None:
            outbox.postpone(session, task.id, now + _NOBODY, "no payment provider is set up (RECOURSE_PROVIDER_URL)")
            return False
    answer = provider.void(f"void:{payment_id}:{order_id}", payment.reference, amount)
    with transaction(bind) as session:
        if answer.kind == "refused":
            customer_id = orders.get_by_id(session, order_id).customer_id
            outbox.alert_staff(session, customer_id, "void_refused", now, payment_id=payment_id, order_id=order_id)
        outbox.done(session, task.id, now)
    return True


def _record(session: Session, sending: Sending, answer: Answer, now: datetime) -> None:
    """The second transaction. An event may have told more meanwhile; then this says nothing new."""
    if answer.kind == "refused":
        legs.record_result(session, "failed", now, now, leg_id=sending.leg_id, reason=answer.reason)
        return
    if answer.reference:
        legs.record_reference(session, sending.leg_id, answer.reference)
    if answer.kind == "instant":
        legs.record_result(session, "succeeded", now, now, leg_id=sending.leg_id)


def _take_state(session: Session, sending: Sending, found: RefundStatus, now: datetime) -> None:
    legs.record_reference(session, sending.leg_id, found.reference)
    if found.state not in rules.EVENTS:
        return
    details = found.details
    legs.record_result(
        session,
        found.state,
        _moment(found.at) or now,
        now,
        leg_id=sending.leg_id,
        arn=details.get("reference"),
        reason=details.get("reason"),
        action_url=details.get("action_url"),
        action_by=_moment(details.get("action_by")),
    )


def _moment(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def _failed(task: _Task, error: str, now: datetime, bind: Engine | None) -> None:
    with transaction(bind) as session:
        if outbox.failed(session, task.id, error, now):
            _log.warning("outbox_dead_letter", id=task.id, topic=task.topic, error=error)
