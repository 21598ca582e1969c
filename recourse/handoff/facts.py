"""Filling the payload of a case from the rows: what is true at the moment the case is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.cancellations.service import RequestView
from recourse.core.money import Money
from recourse.core.redact import redact
from recourse.customers.service import Buyer
from recourse.disputes import views as disputes
from recourse.disputes.views import DisputeView
from recourse.handoff import rules
from recourse.handoff.payload import (
    Amount,
    Cancellation,
    Computed,
    Conversation,
    Customer,
    Dispute,
    Expected,
    Leg,
    Order,
    OrderLine,
    Payload,
    Piece,
    Refund,
    Said,
    SellerMessage,
)
from recourse.messages import service as messages
from recourse.orders.rules import OrderView
from recourse.overview.service import Case
from recourse.refunds import service as refunds
from recourse.refunds.service import RefundView

_THREAD_MAX = 50
_MESSAGES_MAX = 20


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the conversation knows besides the rows.

    ``last_messages``: ``{"author", "text"}``, oldest first. ``expected``: what the customer said should come back.
    ``failed_turns``: how often the assistant did not understand in a row. ``asked``: what it asked; None: found in the messages.
    """

    conversation_id: str
    last_messages: Sequence[dict[str, str]]
    wants: str
    priority: str = "normal"
    expected: Money | None = None
    failed_turns: int = 0
    sentiment: str = "neutral"
    asked: Sequence[str] | None = None
    promised_by: datetime | None = None


def payload(
    session: Session,
    case_no: str,
    buyer: Buyer,
    reason_code: str,
    item: Case | None,
    about: Circumstances,
    now: datetime,
) -> Payload:
    """The whole document. Raises ValidationError where a value does not fit it, which is a bug and stores nothing."""
    order = item.order if item else None
    request = cancellations.latest_of(session, [order.id]).get(order.id) if order else None
    granted = refunds.all_of(session, order.id, now.date()) if order else []
    found = _disputes(session, order)
    said = [(each["author"], redact(each["text"])) for each in about.last_messages][-_MESSAGES_MAX:]
    cancellation = _cancellation(order, request) if order else None
    refund = _refund(order, granted, about.expected) if order else _expectation(about.expected)
    asked = about.asked if about.asked is not None else rules.asked_already(said)
    return Payload(
        v=1,
        case_no=case_no,
        created_at=now,
        priority=about.priority,  # type: ignore[arg-type]
        reason_code=reason_code,
        customer=Customer(
            id=buyer.id,
            verified=True,
            locale=buyer.locale,
            tz=buyer.timezone,
            country=buyer.country,
            is_consumer=buyer.is_consumer,
        ),
        order=_order(order, item.label) if order and item else None,
        cancellation=cancellation,
        refund=refund,
        dispute=found[0] if found else None,
        further_disputes=found[1:],
        seller_messages=_thread(session, order),
        conversation=Conversation(
            id=about.conversation_id,
            summary=_summary(order, item, cancellation, granted, found, about),
            last_messages=[Said(author=author, text=text) for author, text in said],
            asked_already=[redact(each) for each in asked],
            failed_turns=about.failed_turns,
            sentiment=about.sentiment,  # type: ignore[arg-type]
            language=buyer.locale,
        ),
        wants=redact(about.wants),
        promised=f"answer by {about.promised_by.isoformat()}" if about.promised_by else None,
        allowed_actions=rules.allowed_actions(reason_code),
        policy_id=order.policy.id if order else None,
    )


def _order(order: OrderView, label: str) -> Order:
    return Order(
        number=order.number,
        status=order.state,
        projection=label,
        seller_id=order.seller_id,
        placed_at=order.placed_at,
        total=Amount(amount_minor=order.total.amount_minor, currency=order.currency),
        lines=[OrderLine(id=line.id, title=line.title, qty=line.qty) for line in order.lines],
    )


def _cancellation(order: OrderView, request: RequestView | None) -> Cancellation | None:
    if request is not None:
        return Cancellation(
            id=request.id,
            state=request.state,
            date=request.requested_at,
            reason_code=request.reason_code,
            note=_redacted(request.note),
            respond_by=request.respond_by,
            decided_by=request.decided_by,
            scope=request.scope,  # type: ignore[arg-type]
            lines=[Piece(line_id=line_id, qty=qty) for line_id, qty in request.pieces],
            reject_reason=_redacted(request.reject_reason),
            proof_tracking=request.proof_tracking,
        )
    if order.cancelled_at is None:
        return None
    return Cancellation(
        id=None, state="cancelled", date=order.cancelled_at, reason_code=order.close_reason, note=None, respond_by=None,
        decided_by=None, scope="all", reject_reason=None, proof_tracking=None,
        lines=[Piece(line_id=line.id, qty=line.qty_cancelled) for line in order.lines if line.qty_cancelled],
    )  # fmt: skip


def _refund(order: OrderView, granted: Sequence[RefundView], expected: Money | None) -> Refund:
    legs = [leg for refund in granted for leg in refund.legs if leg.replaced_by is None]
    computed = None
    if granted:
        computed = Computed(
            paid_part=sum(refund.legs_total.amount_minor + refund.fee.amount_minor for refund in granted),
            coupon_credit=sum(refund.coupon_credit.amount_minor for refund in granted),
            fee=sum(refund.fee.amount_minor for refund in granted),
            legs=[
                Leg(
                    tender=leg.instrument,
                    amount_minor=leg.amount.amount_minor,
                    state=leg.state,
                    arn=leg.reference,
                    expected_to=leg.expected_to.isoformat(),
                )
                for leg in legs
            ],
        )
    difference = None
    if expected is not None and expected.currency == order.currency:
        difference = expected.amount_minor - sum(leg.amount.amount_minor for leg in legs)
    return Refund(expected=_expected(expected), computed=computed, difference_minor=difference)


def _expectation(expected: Money | None) -> Refund | None:
    """Without an order there is only what the customer says."""
    return Refund(expected=_expected(expected), computed=None, difference_minor=None) if expected else None


def _expected(expected: Money | None) -> Expected | None:
    if expected is None:
        return None
    return Expected(amount_minor=expected.amount_minor, currency=expected.currency, said_by="customer")


def _disputes(session: Session, order: OrderView | None) -> list[Dispute]:
    """Disputes about the order, the open ones first, then the newest."""
    found = disputes.of_order(session, order.id) if order else []
    found = sorted(found, key=lambda each: each.opened_at, reverse=True)
    return [_dispute(each) for each in sorted(found, key=lambda each: not each.is_open)]


def _dispute(view: DisputeView) -> Dispute:
    deadlines = {
        name: at
        for name in ("respond_by", "negotiate_by", "escalate_from", "ship_back_by", "inspect_by")
        if (at := getattr(view, name)) is not None
    }
    return Dispute(
        id=view.id,
        state=view.state,
        reason=view.reason_code,
        wanted=view.wanted,
        deadlines=deadlines,
        evidence=[file.id for file in view.evidence],
    )


def _thread(session: Session, order: OrderView | None) -> list[SellerMessage]:
    written = messages.thread(session, order.id)[-_THREAD_MAX:] if order else []
    return [SellerMessage(at=each.sent_at, author=each.author, text=redact(each.text)) for each in written]


def _summary(
    order: OrderView | None,
    item: Case | None,
    cancellation: Cancellation | None,
    granted: Sequence[RefundView],
    found: Sequence[Dispute],
    about: Circumstances,
) -> list[str]:
    """The case in a few lines of facts, made by rule: what is about which order, what was decided, where the money is."""
    lines = []
    if order is not None and item is not None:
        lines.append(f"Order {order.number}: {item.label}, {order.total.format()}, {len(order.lines)} product(s).")
    if cancellation is not None:
        until = (
            f", seller answers by {_minute(cancellation.respond_by)}" if cancellation.state == "pending_seller" else ""
        )
        lines.append(f"Cancellation of {_minute(cancellation.date)}: {cancellation.state}{until}.")
    for refund in granted:
        states = ", ".join(
            f"{leg.method} {leg.amount.format()} {leg.state}" for leg in refund.legs if leg.replaced_by is None
        )
        lines.append(f"Refund of {_minute(refund.accepted_at)}: {states or 'balance only'}.")
    lines += [f"Dispute: {dispute.state}, {dispute.reason}, wants {dispute.wanted}." for dispute in found]
    if about.expected is not None:
        lines.append(f"The customer expects {about.expected.format()} back.")
    if about.failed_turns:
        lines.append(f"The assistant did not understand {about.failed_turns} time(s) in a row.")
    return rules.summary(lines)


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "?"


def _redacted(text: str | None) -> str | None:
    return redact(text) if text else None
