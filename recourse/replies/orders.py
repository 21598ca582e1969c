"""Words about orders: the list, one order, and which order is meant."""

from __future__ import annotations

from collections.abc import Sequence

from recourse.cancellations.rules import NO
from recourse.overview.service import Case
from recourse.refunds.rules import CHARGED_BACK
from recourse.replies.status import status
from recourse.replies.voice import Say, Voice
from recourse.replies.waiting import waiting

PAGE = 5


def order_list(voice: Voice, page: Sequence[Case], total: int, offset: int) -> Say:
    """A page of the buyer's orders with a button for each, and one for the next page."""
    if not page:
        return Say("utter_orders_none")
    lines = "\n".join(_line(voice, item, offset + i) for i, item in enumerate(page, start=1))
    buttons = [voice.order_button(item.order) for item in page]
    if offset + len(page) < total:
        buttons.append(voice.button("utter_button_more_orders", "list_orders", page=offset // PAGE + 2))
    values = {"first": str(offset + 1), "last": str(offset + len(page)), "total": str(total), "lines": lines}
    return Say("utter_orders_list", values, tuple(buttons))


def order_detail(voice: Voice, item: Case) -> Say:
    """One order: goods, status in the buyer's words, what happens next, and what can be done."""
    order = item.order
    values = {
        "number": order.number,
        "items": items(voice, item),
        "placed": voice.moment_day(order.placed_at),
        "status": status(voice, item),
        "total": voice.money(order.total),
        "seller": order.seller,
        "next": next_step(voice, item),
    }
    return Say("utter_order_detail", values, tuple(_actions(voice, item)))


def which_order(voice: Voice, response: str, candidates: Sequence[Case]) -> Say:
    """A question that is answered by one of ``candidates``; the buyer may also write a number or a product."""
    return Say(response, {}, tuple(voice.order_button(item.order) for item in candidates[:PAGE]))


def items(voice: Voice, item: Case) -> str:
    """All goods of an order in one line."""
    parts = [
        voice.text("utter_item", qty=str(line.qty), title=line.title) if line.qty > 1 else line.title
        for line in item.order.lines
    ]
    return ", ".join(parts)


def next_step(voice: Voice, item: Case) -> str:
    """One sentence on what happens next, from the dates of this order's rows."""
    order = item.order
    if item.label == "cancellation_requested" and item.request:
        return voice.text("utter_next_requested", waiting=waiting(voice, item, item.request))
    if item.label in ("on_hold", "bank_dispute", "in_dispute", "return_open"):
        return voice.text(f"utter_next_{item.label}")
    if order.state == "awaiting_payment" and order.pay_by:
        return voice.text("utter_next_awaiting_payment", pay_by=voice.when(order.pay_by))
    if order.state == "to_ship" and order.ship_by:
        return voice.text("utter_next_to_ship", ship_by=voice.moment_day(order.ship_by))
    if order.state in ("shipped", "partially_shipped"):
        parcel = order.parcels[-1]
        values = {"carrier": parcel.carrier, "tracking": parcel.tracking, "date": voice.moment_day(parcel.shipped_at)}
        return voice.text("utter_next_shipped", **values)
    if order.state == "delivered" and order.delivered_at:
        return voice.text("utter_next_delivered", date=voice.moment_day(order.delivered_at))
    if order.state == "cancelled" and order.cancelled_at:
        return voice.text("utter_next_cancelled", date=voice.moment_day(order.cancelled_at))
    if order.state == "closed" and order.close_reason == CHARGED_BACK:
        return voice.text("utter_next_closed_charged_back")
    return voice.text(f"utter_next_{order.state}_plain")


def _line(voice: Voice, item: Case, position: int) -> str:
    return voice.text(
        "utter_orders_line",
        position=str(position),
        title=voice.order_title(item.order),
        number=item.order.number,
        status=status(voice, item),
    )


def _actions(voice: Voice, item: Case) -> list[tuple[str, str]]:
    number = item.order.number
    buttons = []
    if item.verdict.kind != NO:
        buttons.append(voice.button("utter_button_cancel_this", "cancel_order", order_number=number))
    if item.refund is not None:
        buttons.append(voice.button("utter_button_refund_of_this", "refund_status", order_number=number))
    if item.order.state in ("shipped", "delivered", "completed"):
        buttons.append(voice.button("utter_button_dispute", "open_dispute", order_number=number))
    buttons.append(voice.button("utter_button_person", "ask_human", order_number=number))
    return buttons
