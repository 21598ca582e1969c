"""Orders: read them, send them, cancel them; messages, offers and stock."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from recourse.core.clock import require_utc
from recourse.core.errors import InvalidInput, NotFound
from recourse.fulfilment import service as fulfilment
from recourse.gateway.seller_api import views
from recourse.gateway.seller_api.call import Reads, Writes
from recourse.gateway.seller_api.paths import Id, Number, order_number
from recourse.gateway.seller_api.schemas import (
    MessageDone,
    MessageIn,
    OfferDone,
    OfferIn,
    OfferOut,
    OrderDone,
    OrderOut,
    PiecesIn,
    ReadOut,
    ReasonIn,
    ShipmentIn,
    StockIn,
    StockOut,
    ThreadOut,
)
from recourse.messages import offers
from recourse.messages import service as messages
from recourse.orders import service as orders
from recourse.watches import service as watches

router = APIRouter(tags=["orders"])


@router.get("/orders/{number}", response_model=OrderOut)
async def get_order(call: Reads, number: Number) -> OrderOut:
    """One of your orders."""

    def work(session: Session) -> OrderOut:
        order = orders.get_of_seller(session, call.seller_id, order_number(number))
        return views.order_out(session, order)

    return await call.read(work)


@router.post("/orders/{number}/shipments", response_model=OrderDone, status_code=201)
async def ship(once: Writes, number: Number, body: ShipmentIn) -> Response:
    """Hand a parcel to a carrier. An open request about what is in it ends, or forbids it where your policy says so."""

    def work(session: Session, now: datetime) -> OrderDone:
        orders.get_of_seller(session, once.call.seller_id, order_number(number))
        shipped = fulfilment.seller_ships(
            session,
            order_number(number),
            body.carrier,
            body.tracking,
            now,
            once.call.seller,
            pieces=_pieces(body.lines),
            shipped_at=require_utc(body.shipped_at) if body.shipped_at else None,
            promised_by=require_utc(body.promised_by) if body.promised_by else None,
        )
        return views.order_done(session, shipped)

    return await once.do(body, work, 201)


@router.post("/orders/{number}/cancel", response_model=OrderDone)
async def cancel(once: Writes, number: Number, body: ReasonIn) -> Response:
    """Cancel an order yourself, with a reason. Where the buyer had paid, everything is refunded and it counts against you."""

    def work(session: Session, now: datetime) -> OrderDone:
        orders.get_of_seller(session, once.call.seller_id, order_number(number))
        done = fulfilment.seller_cancels(session, order_number(number), body.reason, now, once.call.seller)
        return views.order_done(session, done)

    return await once.do(body, work)


@router.get("/orders/{number}/messages", response_model=ThreadOut)
async def get_messages(call: Reads, number: Number) -> ThreadOut:
    """The messages of an order, oldest first."""

    def work(session: Session) -> ThreadOut:
        found = messages.own_thread(session, call.seller, order_number(number))
        return ThreadOut(messages=[views.message_out(each) for each in found])

    return await call.read(work)


@router.post("/orders/{number}/messages", response_model=MessageDone, status_code=201)
async def send_message(once: Writes, number: Number, body: MessageIn) -> Response:
    """Write to the buyer."""

    def work(session: Session, now: datetime) -> MessageDone:
        sent = messages.send(session, once.call.seller, order_number(number), body.text, once.key, now, body.purpose)
        return views.message_done(sent)

    return await once.do(body, work, 201)


@router.post("/orders/{number}/messages/read", response_model=ReadOut)
async def mark_read(once: Writes, number: Number) -> Response:
    """Say that you have read what the buyer wrote."""

    def work(session: Session, now: datetime) -> ReadOut:
        return ReadOut(read=messages.mark_read(session, once.call.seller, order_number(number), now))

    return await once.do(None, work)


@router.post("/orders/{number}/offers", response_model=OfferDone, status_code=201)
async def make_offer(once: Writes, number: Number, body: OfferIn) -> Response:
    """Offer a part of the money back if the buyer keeps the order."""

    def work(session: Session, now: datetime) -> OfferDone:
        made = offers.offer(
            session, once.call.seller_id, order_number(number), body.amount_minor, body.text, now, timedelta(hours=body.hours)
        )  # fmt: skip
        return views.offer_done(made)

    return await once.do(body, work, 201)


@router.delete("/offers/{offer_id}", response_model=OfferOut)
async def retract_offer(call: Reads, offer_id: Id) -> OfferOut:
    """Take an open offer back. Doing it twice changes nothing."""
    now = call.now
    return await call.write(
        lambda session: views.offer_out(offers.retract_offer(session, call.seller_id, offer_id, now))
    )


@router.post("/stock", response_model=StockOut)
async def stock(once: Writes, body: StockIn) -> Response:
    """Say that a product of yours can be bought again: buyers who wait for it are told, once."""

    def work(session: Session, now: datetime) -> StockOut:
        if not orders.has_sold(session, once.call.seller_id, body.sku):
            raise NotFound(f"no product {body.sku} among this seller's orders")
        return StockOut(told=watches.stock_back(session, body.sku, now) if body.available else 0)

    return await once.do(body, work)


def _pieces(lines: list[PiecesIn] | None) -> dict[str, int] | None:
    if lines is None:
        return None
    pieces = {line.line_id: line.qty for line in lines}
    if len(pieces) != len(lines):
        raise InvalidInput("lines: name each line once")
    return pieces
