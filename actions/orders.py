"""The list of orders, and one order."""

from __future__ import annotations

from rasa_sdk.events import SlotSet

from actions import order_choice
from actions.turn import BuyerAction, Events, Turn
from recourse.overview import service as overview
from recourse.replies import orders as say
from recourse.replies.orders import PAGE
from recourse.replies.voice import Say


class ListOrders(BuyerAction):
    """Shows a page of the buyer's orders."""

    action_name = "action_list_orders"

    def answer(self, turn: Turn) -> Events:
        page = turn.entity("page")
        number = page if isinstance(page, int) and not isinstance(page, bool) and 0 < page < 10_000 else 1
        return _show_page(turn, (number - 1) * PAGE)


class TellOrder(BuyerAction):
    """Says how one order stands; shows the list when none was named."""

    action_name = "action_tell_order"

    def answer(self, turn: Turn) -> Events:
        found = order_choice.resolve(turn, lambda: overview.page(turn.session, turn.buyer.id, turn.now, PAGE)[0])
        if found.picked is not None:
            turn.say(say.order_detail(turn.voice, found.picked))
            return [SlotSet("order_in_focus", found.picked.order.number), SlotSet("order_choice", None)]
        if found.kind == "choose":
            return _show_page(turn, 0)
        if not found.candidates:
            turn.say(
                Say("utter_ask_order_nothing_found" if found.kind in ("unknown", "unclear") else "utter_orders_none")
            )
            return []
        turn.say(say.which_order(turn.voice, f"utter_ask_order_{found.kind}", found.candidates))
        return [SlotSet(name, value) for name, value in found.slot().items()]


def _show_page(turn: Turn, offset: int) -> Events:
    page, total = overview.page(turn.session, turn.buyer.id, turn.now, PAGE, offset)
    turn.say(say.order_list(turn.voice, page, total, offset))
    return [SlotSet("order_choice", {"kind": "choose", "numbers": [item.order.number for item in page]})]
