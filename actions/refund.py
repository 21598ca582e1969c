"""Where a refund is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa_sdk import FormValidationAction, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import order_choice
from actions.turn import BuyerAction, Events, NotSignedIn, Turn, in_turn
from recourse.cancellations import service as cancellations
from recourse.overview import service as overview
from recourse.overview.service import Case
from recourse.refunds.rules import OUTER_RANGE
from recourse.replies import cancellation as cancellation_words
from recourse.replies import refund as say
from recourse.replies.orders import which_order
from recourse.replies.voice import Say

_ASK_ORDER = {
    "choose": "utter_ask_refund_order",
    "unknown": "utter_ask_refund_order_unknown",
    "unclear": "utter_ask_refund_order_unclear",
    "near": "utter_ask_order_near",
    "ambiguous": "utter_ask_order_ambiguous",
}
_OTHER_WISHES = frozenset(
    """greet goodbye thank help bot_challenge stop ask_human open_dispute cancel_order list_orders order_status affirm
    deny choose_reason confirm_quote decline_quote withdraw_request confirm_withdrawal""".split()
)
_END = {"refund_order": None, "requested_slot": None}


class ValidateRefundForm(FormValidationAction):
    """Fills ``refund_order`` with one of the buyer's own order numbers."""

    def name(self) -> str:
        return "validate_refund_form"

    def extract_refund_order(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """``SAID`` when the message may name an order; nothing when it is about something else."""
        intent = str((tracker.latest_message.get("intent") or {}).get("name") or "")
        if tracker.get_slot("requested_slot") == "refund_order" and intent in _OTHER_WISHES:
            return {}
        return {"refund_order": order_choice.SAID} if tracker.get_slot("refund_order") is None else {}

    async def validate_refund_order(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """The own order that is meant; otherwise the question to ask, or the end of the flow."""
        try:
            return await in_turn(dispatcher, tracker, _validate_order)
        except NotSignedIn:
            dispatcher.utter_message(response="utter_sign_in")
            return dict(_END)


class AskRefundOrder(BuyerAction):
    """Asks which order's refund is meant."""

    action_name = "action_ask_refund_form_refund_order"

    def answer(self, turn: Turn) -> Events:
        kind, offered = order_choice.candidates(turn, lambda: _with_refund(turn))
        turn.say(which_order(turn.voice, _ASK_ORDER.get(kind, _ASK_ORDER["choose"]), offered))
        numbers = [item.order.number for item in offered[:5]]
        return [SlotSet("order_choice", {"kind": "choose", "numbers": numbers})]


class TellRefund(BuyerAction):
    """Says where the refund is, from the rows of this moment."""

    action_name = "action_tell_refund"

    def answer(self, turn: Turn) -> Events:
        number = turn.slot("refund_order")
        if not number:
            return [SlotSet("order_choice", None)]
        turn.say(say.refund_status(turn.voice, overview.case(turn.session, turn.buyer.id, number, turn.now)))
        return [SlotSet("refund_order", None), SlotSet("order_choice", None), SlotSet("order_in_focus", number)]


class RefundDigression(BuyerAction):
    """A question about the money in the middle of cancelling: answered from this order's own terms.

    Where another order is named, its refund is meant.
    """

    action_name = "action_refund_digression"

    def answer(self, turn: Turn) -> Events:
        number = turn.slot("cancel_order")
        if order_choice.is_explicit(order_choice.query(turn)):
            named = order_choice.resolve(turn, lambda: ()).picked
            if named is None or named.order.number != number:
                turn.say(say.refund_status(turn.voice, named) if named else Say("utter_ask_order_nothing_found"))
                return []
        turn.say(_of_this(turn, number) if number else _in_general())
        return []


def _of_this(turn: Turn, number: str) -> Say:
    item = overview.case(turn.session, turn.buyer.id, number, turn.now)
    terms = cancellations.preview(turn.session, item.order, item.verdict.kind, turn.now)
    return Say("utter_refund_digression", {"money": cancellation_words.money_back(turn.voice, item, terms)})


def _in_general() -> Say:
    low, high = OUTER_RANGE
    return Say("utter_refund_digression_general", {"low": str(low), "high": str(high)})


def _with_refund(turn: Turn) -> Sequence[Case]:
    return overview.with_refund(turn.session, turn.buyer.id, turn.now)


def _validate_order(turn: Turn) -> dict[str, Any]:
    answering = turn.slot("requested_slot") == "refund_order"
    found = order_choice.resolve(turn, lambda: _with_refund(turn), answering=answering)
    if found.picked is not None:
        return {"refund_order": found.picked.order.number}
    if found.candidates:
        return {"refund_order": None, **found.slot()}
    turn.say(Say("utter_ask_order_nothing_found" if found.kind in ("unknown", "unclear") else "utter_refund_none"))
    return dict(_END)
