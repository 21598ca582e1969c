"""What a carrier does with parcels."""

from __future__ import annotations

from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.fulfilment import service as fulfilment
from recourse.orders.rules import OrderView, Parcel
from recourse_world.steps.hands import Hands
from recourse_world.steps.open_things import dispute_of, return_of
from recourse_world.steps.shapes import CarrierStep


def carrier_does(session: Session, hands: Hands, step: CarrierStep) -> None:
    """A scan, or goods brought back to the seller. Raises WorldError."""
    now, text = hands.now(), step.text or ""
    order = hands.order(session, step.order)
    if step.does == "brought_back":
        carrier, tracking = _on_its_way_back(session, order)
        fulfilment.carrier_reports(session, tracking, "delivered", now, text, now, carrier)
        return
    parcel = _parcel(order, step.tracking)
    fulfilment.carrier_reports(session, parcel.tracking, step.does, now, text, now, parcel.carrier)


def _parcel(order: OrderView, tracking: str | None) -> Parcel:
    found = [parcel for parcel in order.parcels if tracking in (None, parcel.tracking)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(parcel.tracking for parcel in order.parcels) or "none"
    raise WorldError(f"say with `tracking` which parcel of order {order.number} is meant; there are: {there}")


def _on_its_way_back(session: Session, order: OrderView) -> tuple[str, str]:
    if order.issue == "dispute":
        dispute = dispute_of(session, order)
        carrier, tracking = dispute.return_carrier, dispute.return_tracking
    else:
        back = return_of(session, order)
        carrier, tracking = back.carrier, back.tracking
    if not carrier or not tracking:
        raise WorldError(f"nothing of order {order.number} is on its way back; `buyer: send_back` begins that")
    return carrier, tracking
