"""From what services know to what a seller may see. Fields are named one by one: nothing else gets out."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.cancellations.service import RequestView
from recourse.core.money import Money
from recourse.core.redact import redact
from recourse.disputes import service as disputes
from recourse.disputes.views import DisputeView, EventView
from recourse.gateway.seller_api.schemas import (
    AskDone,
    AskOut,
    DisputeDone,
    DisputeOut,
    EvidenceOut,
    LineOut,
    MessageDone,
    MessageOut,
    MoneyOut,
    OfferDone,
    OfferOut,
    OrderDone,
    OrderOut,
    ParcelOut,
    PieceOut,
    ProposalOut,
    RequestDone,
    RequestOut,
    ReturnDone,
    ReturnOut,
)
from recourse.messages import asks, offers
from recourse.messages import rules as message_rules
from recourse.messages.asks import ActionView
from recourse.messages.offers import OfferView
from recourse.messages.service import MessageView
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.returns import service as returns
from recourse.returns.views import ReturnView


def request_out(session: Session, request: RequestView, order: OrderView | None = None) -> RequestOut:
    """A cancellation request with its lines and what was asked for it."""
    order = order or orders.get_by_id(session, request.order_id)
    return RequestOut(
        id=request.id,
        order_number=order.number,
        state=request.state,
        kind=request.kind,
        scope=request.scope,
        reason=request.reason_code,
        note=_from_buyer(request.note),
        lines=_pieces(order, request.pieces),
        requested_at=request.requested_at,
        respond_by=request.respond_by,
        on_silence=order.policy.on_silence,
        escalated_at=request.escalated_at,
        decided_by=request.decided_by,
        decided_at=request.decided_at,
        reject_reason=request.reject_reason,
        asks=[ask_out(each) for each in asks.of_request(session, request.id)],
    )


def request_done(session: Session, request: RequestView) -> RequestDone:
    """What became of a request."""
    return RequestDone(
        id=request.id,
        order_number=orders.get_by_id(session, request.order_id).number,
        state=request.state,
        decided_by=request.decided_by,
        decided_at=request.decided_at,
    )


def ask_done(ask: ActionView) -> AskDone:
    """The buyer is asked."""
    return AskDone(
        id=ask.id, request_id=ask.request_id, state=ask.state, asked_at=ask.asked_at, respond_by=ask.respond_by
    )


def ask_out(ask: ActionView) -> AskOut:
    """Something that was asked of the buyer."""
    return AskOut(
        id=ask.id,
        kind=ask.kind,
        text=ask.text,
        url=ask.url,
        state=ask.state,
        answer=_from_buyer(ask.answer),
        asked_at=ask.asked_at,
        answered_at=ask.answered_at,
    )


def order_out(session: Session, order: OrderView) -> OrderOut:
    """An order with everything of it that a seller deals with."""
    return OrderOut(
        number=order.number,
        external_id=order.external_id,
        status=order.state,
        on_hold=order.frozen,
        issue=order.issue,
        placed_at=order.placed_at,
        paid_at=order.paid_at,
        ship_by=order.ship_by,
        total=_money(order.total),
        refundable=_money(order.money(offers.refundable(order))),
        lines=[
            LineOut(
                id=line.id,
                sku=line.sku,
                title=line.title,
                qty=line.qty,
                unit_price=_money(order.money(line.unit_price)),
                qty_cancelled=line.qty_cancelled,
                qty_shipped=line.qty_shipped,
                qty_returned=line.qty_returned,
                unsent=line.unsent,
            )
            for line in order.lines
        ],
        parcels=_parcels(order),
        open_request=_open_request(session, order),
        offers=[offer_out(each) for each in offers.all_of(session, order.id)],
        disputes=[each.id for each in disputes.of_order(session, order.id)],
        returns=[each.id for each in returns.of_order(session, order.id)],
    )


def order_done(session: Session, order: OrderView) -> OrderDone:
    """What became of an order."""
    return OrderDone(
        number=order.number, status=order.state, open_request=_open_request(session, order), parcels=_parcels(order)
    )


def offer_done(offer: OfferView) -> OfferDone:
    """The offer stands."""
    return OfferDone(id=offer.id, amount=_money(offer.amount), state=offer.state, open_until=offer.open_until)


def offer_out(offer: OfferView) -> OfferOut:
    """An offer."""
    return OfferOut(
        id=offer.id,
        amount=_money(offer.amount),
        text=offer.text,
        state=offer.state,
        offered_at=offer.offered_at,
        open_until=offer.open_until,
        decided_at=offer.decided_at,
    )


def message_out(message: MessageView) -> MessageOut:
    """A message; others' without what leads off the platform."""
    return MessageOut(
        id=message.id,
        author=message.author,
        purpose=message.purpose,
        text=message.text if message.author == "seller" else message.shown,
        off_platform=message.off_platform,
        sent_at=message.sent_at,
        read_at=message.read_at,
    )


def message_done(message: MessageView) -> MessageDone:
    """The message is in the thread."""
    return MessageDone(id=message.id, off_platform=message.off_platform, sent_at=message.sent_at)


def dispute_done(dispute: DisputeView) -> DisputeDone:
    """What became of a dispute."""
    return DisputeDone(
        id=dispute.id,
        order_number=dispute.order_number,
        state=dispute.state,
        negotiate_by=dispute.negotiate_by,
        ship_back_by=dispute.ship_back_by,
        outcome=dispute.outcome,
        outcome_amount=_money(dispute.outcome_amount) if dispute.outcome_amount else None,
        decided_by=dispute.decided_by,
        decided_at=dispute.decided_at,
    )


def dispute_out(dispute: DisputeView) -> DisputeOut:
    """A dispute as its seller sees it."""
    return DisputeOut(
        id=dispute.id,
        order_number=dispute.order_number,
        line_id=dispute.line_id,
        title=dispute.title,
        qty=dispute.qty,
        type=dispute.type,
        reason=dispute.reason_code,
        description=_from_buyer(dispute.description),
        state=dispute.state,
        opened_at=dispute.opened_at,
        respond_by=dispute.respond_by,
        negotiate_by=dispute.negotiate_by,
        ship_back_by=dispute.ship_back_by,
        inspect_by=dispute.inspect_by,
        return_carrier=dispute.return_carrier,
        return_tracking=dispute.return_tracking,
        buyer_proposal=_proposal(dispute.buyer_proposal),
        seller_proposal=_proposal(dispute.seller_proposal) if dispute.seller_proposal else None,
        outcome=dispute.outcome,
        outcome_amount=_money(dispute.outcome_amount) if dispute.outcome_amount else None,
        decided_by=dispute.decided_by,
        decided_at=dispute.decided_at,
        evidence=[
            EvidenceOut(id=each.id, kind=each.kind, mime=each.mime, size=each.size, at=each.at)
            for each in dispute.evidence
        ],
    )


def return_out(session: Session, return_: ReturnView) -> ReturnOut:
    """A return as its seller sees it."""
    order = orders.get_by_id(session, return_.order_id)
    return ReturnOut(
        id=return_.id,
        order_number=return_.order_number,
        kind=return_.kind,
        state=return_.state,
        reason=return_.reason_code,
        note=_from_buyer(return_.note),
        lines=_pieces(order, ((piece.line_id, piece.qty) for piece in return_.pieces)),
        requested_at=return_.requested_at,
        respond_by=return_.respond_by,
        ship_back_by=return_.ship_back_by,
        inspect_by=return_.inspect_by,
        carrier=return_.carrier,
        tracking=return_.tracking,
        label_cost_by=return_.label_cost_by,
        decline_reason=return_.decline_reason,
    )


def return_done(return_: ReturnView) -> ReturnDone:
    """What became of a return."""
    return ReturnDone(
        id=return_.id, order_number=return_.order_number, state=return_.state, ship_back_by=return_.ship_back_by
    )


def _open_request(session: Session, order: OrderView) -> str | None:
    request = cancellations.latest_of(session, [order.id]).get(order.id)
    return request.id if request is not None and request.open else None


def _parcels(order: OrderView) -> list[ParcelOut]:
    return [
        ParcelOut(
            carrier=parcel.carrier,
            tracking=parcel.tracking,
            state=parcel.state,
            shipped_at=parcel.shipped_at,
            delivered_at=parcel.delivered_at,
        )
        for parcel in order.parcels
    ]


def _proposal(event: EventView) -> ProposalOut:
    return ProposalOut(
        id=event.id,
        wanted=event.wanted,
        amount=_money(event.amount) if event.amount else None,
        text=_from_buyer(event.text) if event.actor == "buyer" else event.text,
        at=event.at,
    )


def _pieces(order: OrderView, pieces: Iterable[tuple[str, int]]) -> list[PieceOut]:
    found = [(order.line(line_id), qty) for line_id, qty in pieces]
    return [PieceOut(line_id=line.id, sku=line.sku, title=line.title, qty=qty) for line, qty in found if line]


def _from_buyer(text: str | None) -> str | None:
    """A buyer's words without card numbers, and without what leads off the platform."""
    return message_rules.masked(redact(text)) if text else None


def _money(money: Money) -> MoneyOut:
    return MoneyOut(amount_minor=money.amount_minor, currency=money.currency)
