"""What a payment provider tells us, signed as Standard Webhooks are (https://www.standardwebhooks.com).

    webhook-id, webhook-timestamp, webhook-signature
    {"type": "refund.succeeded", "occurred_at": "2026-11-24T12:00:00+00:00", "data": {...}}

    refund.processing | refund.requires_action | refund.succeeded | refund.failed | refund.cancelled | refund.reversed
        data: {"id", "key", "reference"?, "reason"?, "action_url"?, "action_by"?}
    payment.captured | payment.failed | payment.review_started | payment.review_passed | payment.review_failed
        data: {"payment", "reason"?}
    chargeback.opened | chargeback.won | chargeback.lost
        data: {"id", "payment", "amount", "currency", "reason", "due_by"}

Events come at least once and in any order. Each has its effect once (invariant 24); one that is about something we do not know,
or that says nothing new, is noted and answered with 2xx, because sending it again would change nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy.orm import Session
from standardwebhooks import Webhook, WebhookVerificationError

from recourse.core import inbox, outbox
from recourse.core.clock import require_utc
from recourse.core.errors import InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.core.money import Money
from recourse.fulfilment import service as fulfilment
from recourse.orders import payments
from recourse.payments import chargebacks
from recourse.refunds import service as refunds

SOURCE = "payment_provider"
_ID_MAX = 64

_log = structlog.get_logger()
_Ref = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class BadSignature(RecourseError):
    """The signature is missing, wrong, or older (or newer) than five minutes. Nothing was read of the body."""

    code = "bad_signature"


class _Data(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _RefundData(_Data):
    id: _Ref | None = None
    key: _Ref | None = None
    reference: str | None = Field(default=None, max_length=100)
    reason: str | None = Field(default=None, max_length=200)
    action_url: str | None = Field(default=None, max_length=300, pattern=r"^https?://")
    action_by: Annotated[AwareDatetime | None, Field(strict=False)] = None


class _PaymentData(_Data):
    payment: _Ref
    reason: str | None = Field(default=None, max_length=200)


class _ChargebackData(_Data):
    id: _Ref
    payment: _Ref
    amount: int = Field(gt=0, lt=2**62)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    reason: str = Field(default="unknown", max_length=200)
    due_by: Annotated[AwareDatetime, Field(strict=False)]


class _Envelope(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    type: str = Field(min_length=1, max_length=60)
    occurred_at: Annotated[AwareDatetime, Field(strict=False)]
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Event:
    """A verified event. ``id`` is the sender's and the same on every delivery; ``at`` is when it happened there (UTC)."""

    id: str
    type: str
    at: datetime
    data: Mapping[str, object]
    body: bytes


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> Event:
    """The event in ``body`` if one of ``secrets`` signed it within five minutes. Several secrets allow one to be replaced.

    Raises BadSignature, and InvalidInput for a signed body that is not an event.
    """
    if not any(_is_signed_by(secret, body, headers) for secret in secrets):
        raise BadSignature("the signature is missing, wrong or too old; nothing was done")
    event_id = {name.lower(): value for name, value in headers.items()}["webhook-id"]
    try:
        parsed = _Envelope.model_validate(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is signed, but it is not an event: type, occurred_at and data") from error
    if len(event_id) > _ID_MAX:
        event_id = hashlib.sha256(event_id.encode()).hexdigest()
    return Event(event_id, parsed.type, require_utc(parsed.occurred_at), parsed.data, body)


def handle(session: Session, event: Event, now: datetime) -> str:
    """Let a verified event take effect once, in the caller's transaction; returns what came of it in a word.

    ``applied``; ``repeated`` (seen before, or it was so already); ``ignored`` (older than what is known, or of no concern);
    ``unknown`` (about something that is not here); ``refused`` (our rules forbid it: staff are told). Raises InvalidInput for
    data that an event of this type cannot have.
    """
    if not inbox.is_new(session, SOURCE, event.id, event.body, now):
        return "repeated"
    handler = _HANDLERS.get(event.type)
    if handler is None:
        return "ignored"
    try:
        with session.begin_nested():
            return handler(session, event, now)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise InvalidInput(f"an event of type {event.type} needs another value for {field or 'data'}") from error
    except NotFound:
        return "unknown"
    except (NotAllowed, InvalidInput) as error:
        _log.warning("webhook_refused", event_id=event.id, type=event.type, why=str(error))
        outbox.alert_staff(session, "", "webhook_refused", now, event_id=event.id, type=event.type)
        return "refused"


def _refund(session: Session, event: Event, now: datetime) -> str:
    data = _RefundData.model_validate(event.data)
    return refunds.record_result(
        session,
        event.type.partition(".")[2],
        event.at,
        now,
        key=data.key,
        psp_refund_ref=data.id,
        arn=data.reference,
        reason=data.reason,
        action_url=data.action_url,
        action_by=require_utc(data.action_by) if data.action_by else None,
    ).outcome


def _payment(session: Session, event: Event, now: datetime) -> str:
    data = _PaymentData.model_validate(event.data)
    payment = payments.by_reference(session, data.payment)
    if payment is None:
        return "unknown"
    payments.lock_orders(session, payment.id)
    if event.type == "payment.failed":
        payments.mark_failed(session, payment.id, now, data.reason)
        return "applied"
    if event.type in ("payment.captured", "payment.review_passed"):
        return _captured(session, payment, now)
    step = fulfilment.review_started if event.type == "payment.review_started" else fulfilment.review_failed
    for order_id in payment.order_ids:
        step(session, order_id, now)
    return "applied"


def _captured(session: Session, payment: payments.PaymentView, now: datetime) -> str:
    if not payments.mark_captured(session, payment.id, now):
        outbox.alert_staff(session, payment.customer_id, "captured_after_void", now, payment_id=payment.id)
        return "ignored"
    for order_id in payment.order_ids:
        fulfilment.payment_captured(session, order_id, now)
    return "applied"


def _chargeback(session: Session, event: Event, now: datetime) -> str:
    data = _ChargebackData.model_validate(event.data)
    payment = payments.by_reference(session, data.payment)
    if payment is None:
        return "unknown"
    amount = Money(data.amount, data.currency)
    # The decision may overtake the news that there is a chargeback at all: it says everything that is needed for that too.
    chargebacks.opened(session, payment.id, data.id, amount, data.reason, require_utc(data.due_by), now)
    outcome = event.type.partition(".")[2]
    if outcome != "opened":
        chargebacks.decided(session, data.id, outcome, now)
    return "applied"


_HANDLERS: Mapping[str, Callable[[Session, Event, datetime], str]] = {
    **{
        f"refund.{event}": _refund
        for event in ("processing", "requires_action", "succeeded", "failed", "cancelled", "reversed")
    },
    **{
        f"payment.{event}": _payment
        for event in ("captured", "failed", "review_started", "review_passed", "review_failed")
    },
    **{f"chargeback.{event}": _chargeback for event in ("opened", "won", "lost")},
}


def _is_signed_by(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: a signature or a body that is not even well-formed
        return False
    return True
