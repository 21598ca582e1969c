"""Where a refund goes after it failed: the same instrument again, or another one by the buyer's choice (invariant 17)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recourse.core.calendar import add_business_days
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor, change_state
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import rules
from recourse.refunds.leg_rows import add_leg, locked, of_payment
from recourse.refunds.models import Refund, RefundLeg
from recourse.refunds.reading import LegView, get_leg, ranges
from recourse.refunds.rules import CHARGED_BACK, LEG_MACHINE

ROUTES: Mapping[str, tuple[str, str] | None] = {
    "again": None,
    "balance": ("balance", "your shop balance"),
    "bank": ("bank", "your bank account"),
}
"""Where a buyer may send a refund that failed: to the same instrument again, to the balance, or to a bank account."""


def replace_leg(
    session: Session,
    leg_id: str,
    now: datetime,
    actor: Actor,
    method: str | None = None,
    instrument: str | None = None,
    bank_details_ref: str | None = None,
) -> LegView:
    """Send the money of a leg that failed, was cancelled or reversed once more; to another instrument if one is named.

    Another instrument needs the buyer's choice (invariant 17): ``choose_route`` is how a buyer makes it. ``bank_details_ref``:
    the provider's name for details that the buyer gave in its form. Raises NotAllowed where the leg may still arrive or the
    order is on hold, Conflict where it was replaced already.
    """
    order, leg = locked(session, leg_id)
    _require_replaceable(session, order, leg)
    return send_again(
        session, order, leg, now, actor, method or leg.method, instrument or leg.instrument, bank_details_ref
    )


def choose_route(session: Session, customer_id: str, leg_id: str, route: str, now: datetime) -> LegView:
    """The buyer says where a refund that failed shall go: ``again``, ``balance`` or ``bank`` (see ``ROUTES``).

    Returns the new leg; the same choice again gives the same leg. Raises NotFound for a leg that is not this buyer's,
    InvalidInput for another route, NotAllowed (it may still arrive, or the order is on hold), Conflict (another was chosen).
    """
    if route not in ROUTES:
        raise InvalidInput(f"{route!r} is not a way for a refund; choose one of {', '.join(ROUTES)}")
    order, leg = _own(session, customer_id, leg_id)
    method, instrument = ROUTES[route] or (leg.method, leg.instrument)
    successor = _successor(session, leg.id)
    if successor is not None and (successor.method, successor.instrument) == (method, instrument):
        return get_leg(session, successor.id, now.date())
    _require_replaceable(session, order, leg)
    return send_again(session, order, leg, now, Actor("buyer", customer_id), method, instrument, None)


def give_bank_details(session: Session, customer_id: str, leg_id: str, now: datetime) -> LegView:
    """The buyer has filled in the provider's form. The details themselves never come here.

    Saying it twice changes nothing. Raises NotFound for a leg that is not this buyer's, Conflict when the time for it is over,
    NotAllowed where no details are wanted.
    """
    _, leg = _own(session, customer_id, leg_id)
    if leg.state in ("processing", "succeeded"):
        return get_leg(session, leg.id, now.date())
    if leg.state == "requires_action" and leg.action_by is not None and now >= leg.action_by:
        raise Conflict(f"the time to give bank details ended at {leg.action_by.isoformat()}; choose another way")
    if leg.state != "requires_action":
        raise NotAllowed(f"refund leg {leg.id} is {leg.state}; it waits for no bank details")
    change_state(session, leg, "processing", LEG_MACHINE, Actor("buyer", customer_id), now, "bank details given")
    return get_leg(session, leg.id, now.date())


def resume_reversed(session: Session, order_id: str, payment_id: str, now: datetime) -> list[LegView]:
    """Send again what came back while the bank disputed the payment, when that has ended in the shop's favour."""
    order = orders.get_by_id(session, order_id, lock=True)
    made = []
    for leg in of_payment(session, order_id, payment_id):
        again = leg.state == "reversed" and leg.failure_reason != CHARGED_BACK
        if again and leg.attempt < rules.SAME_INSTRUMENT_TRIES:
            made.append(send_again(session, order, leg, now, Actor("system"), leg.method, leg.instrument, None))
    return made


def send_again(
    session: Session,
    order: OrderView,
    leg: RefundLeg,
    now: datetime,
    actor: Actor,
    method: str,
    instrument: str,
    details: str | None,
) -> LegView:
    """Write the leg that takes the place of ``leg``, which must have ended without its money. For this capability only."""
    low, high = ranges(session).get(method, rules.OUTER_RANGE)
    first, last = add_business_days(now.date(), low), add_business_days(now.date(), high)
    planned = rules.Leg(leg.payment_id, method, instrument, leg.amount, first, last)
    refund = session.get_one(Refund, leg.refund_id)
    reason = f"replaces {leg.id} ({leg.state}); chosen by {actor.type}"
    made = add_leg(
        session, refund, order.customer_id, planned, leg.rank, now, replaces=leg, reason=reason, details=details
    )
    session.expire(refund, ["legs"])
    return get_leg(session, made.id, now.date())


def _require_replaceable(session: Session, order: OrderView, leg: RefundLeg) -> None:
    if _successor(session, leg.id) is not None:
        raise Conflict(f"refund leg {leg.id} was replaced already; look at the refund again")
    if leg.state not in rules.LOST:
        raise NotAllowed(f"refund leg {leg.id} is {leg.state}: it may still arrive, so it is not sent a second time")
    if leg.failure_reason == CHARGED_BACK:
        raise NotAllowed(f"the buyer's bank has paid refund leg {leg.id} already; it is not sent again")
    if order.frozen or order.issue == "chargeback":
        raise NotAllowed(
            f"order {order.number} is on hold ({order.frozen_reason}); nothing can be refunded until it is over"
        )


def _successor(session: Session, leg_id: str) -> RefundLeg | None:
    return session.scalars(select(RefundLeg).where(RefundLeg.replaces_leg_id == leg_id)).one_or_none()


def _own(session: Session, customer_id: str, leg_id: str) -> tuple[OrderView, RefundLeg]:
    leg = session.get(RefundLeg, leg_id)
    owner = orders.get_by_id(session, session.get_one(Refund, leg.refund_id).order_id) if leg else None
    if owner is None or owner.customer_id != customer_id:
        raise NotFound("no such refund for this buyer; look at the refund again")
    return locked(session, leg_id)
