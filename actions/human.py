"""Handing over to a person: honoured the first time, from anywhere, with the case prepared."""

from __future__ import annotations

from rasa_sdk.events import SlotSet

from actions import order_choice
from actions.cancellation import forget
from actions.turn import BuyerAction, Events, Turn
from recourse.conversations import service as conversations
from recourse.handoff import service as handoff
from recourse.orders import finding
from recourse.overview import service as overview
from recourse.overview.service import Case
from recourse.replies.voice import Say

_LAST_MESSAGES = 20


class OpenCase(BuyerAction):
    """Records a case and gives its number."""

    action_name = "action_open_case"
    writes = True

    def answer(self, turn: Turn) -> Events:
        item = _order(turn)
        return _open(turn, item, handoff.reason_for(item))


class OpenDisputeCase(BuyerAction):
    """A dispute is opened by a person; says so, and records a case for it."""

    action_name = "action_open_dispute_case"
    writes = True

    def answer(self, turn: Turn) -> Events:
        turn.say(Say("utter_dispute_case"))
        return _open(turn, _order(turn), "dispute_help")


def _open(turn: Turn, item: Case | None, reason: str) -> Events:
    opened = handoff.open_case(
        turn.session,
        turn.buyer,
        turn.tracker.sender_id,
        reason,
        item,
        conversations.last_messages(turn.session, turn.tracker.sender_id, _LAST_MESSAGES),
        turn.text,
        turn.now,
    )
    if (turn.tracker.active_loop or {}).get("name") == "cancel_form":
        turn.say(Say("utter_case_stopped_flow"))
    values = {"case_no": opened.case_no}
    if not opened.new:
        turn.say(Say("utter_case_already_open", values))
    elif item is not None:
        turn.say(Say("utter_case_opened_for_order", {**values, "number": item.order.number}))
    else:
        turn.say(Say("utter_case_opened", values))
    return [*forget(), SlotSet("refund_order", None)]


def _order(turn: Turn) -> Case | None:
    """The order that the case is about: named now, else the one that the running flow or the last answer was about."""
    asked = order_choice.query(turn)
    found = finding.find(turn.session, turn.buyer.id, asked).orders if order_choice.says_something(asked) else ()
    if len(found) != 1:
        slots = (turn.slot("cancel_order"), turn.slot("refund_order"), turn.slot("order_in_focus"))
        number = next((slot for slot in slots if isinstance(slot, str)), None)
        found = finding.by_numbers(turn.session, turn.buyer.id, [number]) if number else ()
    return overview.cases(turn.session, found, turn.now)[0] if found else None
