"""What the shop itself does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.core.transitions import Actor
from recourse.fulfilment import service as fulfilment
from recourse.messages import service as messages
from recourse.privacy import service as privacy
from recourse.refunds import service as refunds
from recourse.watches import service as watches
from recourse_world.steps.hands import Hands, new_key
from recourse_world.steps.open_things import lost_leg_of
from recourse_world.steps.shapes import PlatformStep

_PERSON = "platform-1"


def platform_does(session: Session, hands: Hands, step: PlatformStep) -> None:
    """Carry it out. Raises WorldError."""
    _DOES[step.does](session, hands, step)


def _hold(session: Session, hands: Hands, step: PlatformStep) -> None:
    order = hands.order(session, step.order)
    fulfilment.freeze(session, order.id, step.reason or "payment_check", hands.now())


def _release(session: Session, hands: Hands, step: PlatformStep) -> None:
    fulfilment.unfreeze(session, hands.order(session, step.order).id, hands.now())


def _write(session: Session, hands: Hands, step: PlatformStep) -> None:
    number = hands.number(step.order)
    messages.send(session, Actor("platform", _PERSON), number, step.text or "", new_key(), hands.now())


def _back_in_stock(session: Session, hands: Hands, step: PlatformStep) -> None:
    if not watches.stock_back(session, step.sku or "", hands.now()):
        raise WorldError(f"nobody watches {step.sku}; `buyer: {{does: watch, sku: {step.sku}}}` begins that")


def _refuse_erasure(session: Session, hands: Hands, step: PlatformStep) -> None:
    """At the moment at which it is to be carried out: that is when a person can refuse it."""
    erasure = privacy.mine(session, hands.speaker.id)
    if erasure is None:
        raise WorldError("this buyer has not asked for an erasure; `buyer: erase` does")
    now = hands.now()
    if erasure.state == "scheduled" and erasure.execute_at is not None:
        privacy.settle(session, erasure.id, max(now, erasure.execute_at))
    reason = step.reason or "We must keep it for an open case. You can complain to the data protection authority."
    privacy.refuse(session, erasure.id, reason, _PERSON, now)


def _resend(session: Session, hands: Hands, step: PlatformStep) -> None:
    leg = lost_leg_of(session, hands.order(session, step.order), hands.now())
    refunds.replace_leg(session, leg.id, hands.now(), Actor("platform", _PERSON))


_DOES: Mapping[str, Callable[[Session, Hands, PlatformStep], None]] = {
    "hold": _hold,
    "release": _release,
    "write": _write,
    "back_in_stock": _back_in_stock,
    "refuse_erasure": _refuse_erasure,
    "resend": _resend,
}
