"""What is open of an order: a step names the order, and means that. Each raises WorldError where there is nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.cancellations import service as cancellations
from recourse.cancellations.service import RequestView
from recourse.disputes import service as disputes
from recourse.disputes.views import DisputeView
from recourse.handoff.models import Handoff
from recourse.handoff.rules import OPEN
from recourse.messages.models import SellerOffer
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.rules import LOST
from recourse.refunds.service import LegView
from recourse.returns import service as returns
from recourse.returns.views import ReturnView


def request_of(session: Session, order: OrderView) -> RequestView:
    """The open cancellation request."""
    found = cancellations.latest_of(session, [order.id]).get(order.id)
    if found is None or found.state != "pending_seller":
        raise WorldError(
            f"order {order.number} has no open cancellation request" + (f"; it is {found.state}" if found else "")
        )
    return found


def dispute_of(session: Session, order: OrderView) -> DisputeView:
    """The open dispute, of several the oldest."""
    found = disputes.open_of(session, [order.id]).get(order.id)
    if not found:
        raise WorldError(f"order {order.number} has no open dispute")
    return found[0]


def return_of(session: Session, order: OrderView) -> ReturnView:
    """The open return."""
    found = returns.open_of(session, [order.id]).get(order.id)
    if found is None:
        raise WorldError(f"order {order.number} has no open return")
    return found


def offer_of(session: Session, order: OrderView) -> str:
    """Id of the open offer."""
    found = session.scalars(
        select(SellerOffer.id).where(SellerOffer.order_id == order.id, SellerOffer.state == "open")
    ).first()
    if found is None:
        raise WorldError(f"order {order.number} has no open offer")
    return found


def lost_leg_of(session: Session, order: OrderView, now: datetime) -> LegView:
    """The refund that did not arrive and was not sent again."""
    every = [leg for refund in refunds.all_of(session, order.id, now.date()) for leg in refund.legs]
    for leg in every:
        if leg.state in LOST and leg.replaced_by is None:
            return leg
    there = ", ".join(leg.state for leg in every) or "none"
    raise WorldError(f"order {order.number} has no refund that failed; its refunds: {there}")


def case_of(session: Session, customer_id: str) -> str:
    """Number of the buyer's open case for a person."""
    query = select(Handoff.case_no).where(Handoff.customer_id == customer_id, Handoff.state.in_(OPEN))
    found = session.scalars(query.order_by(Handoff.opened_at.desc())).first()
    if found is None:
        raise WorldError("this buyer has no open case; the buyer asks for a person first")
    return found
