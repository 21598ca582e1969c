"""What the payment provider does: it takes refunds, and tells what became of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select

from pytest_rasa.world import WorldError
from recourse.core.outbox import Outbox
from recourse.orders import payments
from recourse.payments import chargebacks
from recourse.payments.chargebacks import ChargebackView
from recourse.refunds import service as refunds
from recourse.refunds.models import RefundLeg
from recourse.refunds.service import LegView
from recourse_world.steps.hands import Hands, minor_units
from recourse_world.steps.shapes import ProviderStep

_UNDER_WAY = ("submitted", "processing", "requires_action")
_BALANCE = "balance"
_ANSWERS = {"refuse": "refused", "times_out": "timeout", "error": "error", "error_after": "error_after"}
_EVENTS = {
    "process": "processing",
    "settle": "succeeded",
    "fail": "failed",
    "needs_details": "requires_action",
    "cancel": "cancelled",
}
_ANSWER_WITHIN = timedelta(days=7)


def provider_does(hands: Hands, step: ProviderStep) -> str:
    """Carry it out; returns what the transcript says of it. Raises WorldError."""
    if step.does == "receive":
        _send(hands)
        return "receive"
    _DOES[step.does](hands, step)
    return f"{step.does} {hands.number(step.order)}"


def _answer(hands: Hands, step: ProviderStep) -> None:
    """The next refund that is sent is answered otherwise than usual."""
    hands.number(step.order)
    with hands.reading() as session:
        mine = select(Outbox.id).where(
            Outbox.topic == refunds.REFUND_LEG, Outbox.customer_id.in_(_buyers(hands)), Outbox.done_at.is_(None)
        )
        count = len(session.scalars(mine).all())
    if not count:
        raise WorldError("no refund of this case waits to be sent")
    hands.desk.next_ones(_ANSWERS[step.does], count)
    _send(hands, impatient=step.does == "times_out")


def _event(hands: Hands, step: ProviderStep) -> None:
    """What is under way, or waits to be sent, comes to this."""
    _send(hands)
    for leg in _legs(hands, step, _UNDER_WAY):
        hands.desk.happen(_refund_at_provider(hands, leg), _EVENTS[step.does], step.reason)


def _reverse(hands: Hands, step: ProviderStep) -> None:
    """The bank sends money back that had arrived."""
    for leg in _legs(hands, step, ("succeeded",)):
        hands.desk.happen(_refund_at_provider(hands, leg), "reversed")


def _duplicate(hands: Hands, step: ProviderStep) -> None:
    """The refund arrives; every news of it comes twice, and the last one first."""
    hands.desk.next_ones("duplicates", 20)
    _send(hands)
    known = {refund["key"]: refund for refund in hands.desk.known()}
    for leg in _legs(hands, step, _UNDER_WAY):
        refund = known.get(_key(hands, leg))
        if refund is None or refund["behaviour"] != "duplicates":
            raise WorldError(
                "this refund was sent before; `duplicate` must be the first that the provider does about it"
            )
        hands.desk.settle(refund["id"])


def _fill_form(hands: Hands, step: ProviderStep) -> None:
    """The buyer gives bank details on the provider's page."""
    for leg in _legs(hands, step, ("requires_action",)):
        refund = _refund_at_provider(hands, leg)
        form = next(each["form"] for each in hands.desk.known() if each["id"] == refund)
        if form is None:  # a fixture's: the case began with the form sent
            hands.desk.happen(refund, "requires_action")
            form = next(each["form"] for each in hands.desk.known() if each["id"] == refund)
        hands.desk.fill_form(form)


def _payment(hands: Hands, step: ProviderStep) -> None:
    for reference in _references(hands, step.order):
        hands.desk.emit(step.does.replace("_", ".", 1), {"payment": reference})


def _review(hands: Hands, step: ProviderStep) -> None:
    for reference in _references(hands, step.order):
        hands.desk.emit(f"payment.{step.does}", {"payment": reference})


def _chargeback(hands: Hands, step: ProviderStep) -> None:
    with hands.reading() as session:
        order = hands.order(session, step.order)
        payment = payments.get(session, next(each.payment_id for each in order.tenders if each.method != _BALANCE))
    amount = payment.captured or payment.authorised
    if step.amount is not None:
        amount = minor_units(step.amount, payment.currency)
    data = {
        "id": f"cb_{secrets.token_hex(8)}",
        "payment": payment.reference,
        "amount": amount,
        "currency": payment.currency,
        "reason": step.reason or "fraudulent",
        "due_by": (hands.now() + _ANSWER_WITHIN).isoformat(),
    }
    hands.desk.emit("chargeback.opened", data)


def _bank_decides(hands: Hands, step: ProviderStep) -> None:
    found = _open_chargeback(hands, step.order)
    with hands.reading() as session:
        payment = payments.get(session, found.payment_id)
    data = {
        "id": found.psp_ref,
        "payment": payment.reference,
        "amount": found.amount.amount_minor,
        "currency": found.amount.currency,
        "due_by": found.due_by.isoformat(),
    }
    hands.desk.emit(step.does.replace("_", "."), data)


_DOES: Mapping[str, Callable[[Hands, ProviderStep], None]] = {
    **dict.fromkeys(_ANSWERS, _answer),
    **dict.fromkeys(_EVENTS, _event),
    "reverse": _reverse,
    "duplicate": _duplicate,
    "fill_form": _fill_form,
    "payment_captured": _payment,
    "payment_failed": _payment,
    "review_started": _review,
    "review_passed": _review,
    "review_failed": _review,
    "chargeback": _chargeback,
    "chargeback_won": _bank_decides,
    "chargeback_lost": _bank_decides,
}


def _send(hands: Hands, impatient: bool = False) -> None:
    hands.desk.send(_buyers(hands), impatient)


def _buyers(hands: Hands) -> list[str]:
    return [person.id for person in hands.cast.people.values()]


def _legs(hands: Hands, step: ProviderStep, states: Sequence[str]) -> list[LegView]:
    """The legs of the order in one of ``states``, or the one that is named, without the shop's own balance."""
    now = hands.now()
    with hands.reading() as session:
        order = hands.order(session, step.order)
        every = [leg for refund in refunds.all_of(session, order.id, now.date()) for leg in refund.legs]
    if step.leg is not None and step.leg > len(every):
        raise WorldError(f"order {order.number} has {len(every)} refunds, not {step.leg}")
    meant = every if step.leg is None else [every[step.leg - 1]]
    found = [leg for leg in meant if leg.state in states and leg.method != _BALANCE]
    if not found:
        there = ", ".join(f"{leg.state} ({leg.method})" for leg in meant) or "none"
        raise WorldError(f"order {order.number} has no refund that is {' or '.join(states)}; there is: {there}")
    return found


def _refund_at_provider(hands: Hands, leg: LegView) -> str:
    """The provider's id of a leg; one that a fixture has sent in the past is made known there first."""
    key = _key(hands, leg)
    for _ in range(2):
        found = next((refund["id"] for refund in hands.desk.known() if refund["key"] == key), None)
        if found is not None:
            return str(found)
        with hands.reading() as session:
            paid = payments.get(session, leg.payment_id)
        to = {"method": leg.method, "instrument": leg.instrument, "original": True}
        body = {"payment": paid.reference, "amount": leg.amount.amount_minor, "currency": leg.amount.currency, "to": to}
        hands.desk.ask(key, body)
    raise WorldError("the simulated provider did not take a refund")


def _key(hands: Hands, leg: LegView) -> str:
    with hands.reading() as session:
        return session.get_one(RefundLeg, leg.id).idempotency_key


def _references(hands: Hands, name: str | None) -> list[str]:
    with hands.reading() as session:
        order = hands.order(session, name)
        return [payments.get(session, each.payment_id).reference for each in order.tenders if each.method != _BALANCE]


def _open_chargeback(hands: Hands, name: str | None) -> ChargebackView:
    with hands.reading() as session:
        order = hands.order(session, name)
        found = chargebacks.of_payments(session, [tender.payment_id for tender in order.tenders])
    open_ = [each for each in found if each.closed_at is None]
    if not open_:
        raise WorldError(f"no bank disputes a payment of order {order.number}; `provider: chargeback` begins that")
    return open_[-1]
