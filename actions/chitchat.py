"""What is said when a message was not understood, or answers a question that was not asked."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

from actions.human import OpenCase
from recourse.core.consent import plain_answer

_RE_ASKS = ("utter_default", "utter_default_again", "utter_default_person")


class Fallback(Action):
    """Two re-asks in different words, then a person. Inside a form: a short remark, and the form asks again."""

    def name(self) -> str:
        return "action_fallback"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        dispatcher.utter_message(response=_response(tracker))
        return []


class NothingPending(Action):
    """A yes, a no or an old choice while no form is open. A yes to "shall I pass you to a person?" does that."""

    def name(self) -> str:
        return "action_nothing_pending"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        if _last_response(tracker) == _RE_ASKS[-1] and _says_yes(tracker):
            return await OpenCase().run(dispatcher, tracker, domain)
        dispatcher.utter_message(response="utter_nothing_pending")
        return []


def _response(tracker: Tracker) -> str:
    intent = (tracker.latest_message.get("intent") or {}).get("name")
    if (tracker.active_loop or {}).get("name"):
        if intent == "help":
            return "utter_help_in_flow"
        asked_for = tracker.get_slot("requested_slot")
        if asked_for == "cancel_confirm":
            return "utter_cancel_confirm_unclear"
        if intent == "deny":
            return "utter_ask_cancel_reason_own_words" if asked_for == "cancel_reason" else "utter_none_of_these"
        return "utter_default_in_flow"
    return _RE_ASKS[min(_re_asked(tracker), len(_RE_ASKS) - 1)]


def _says_yes(tracker: Tracker) -> bool:
    message = tracker.latest_message
    return plain_answer(str(message.get("text") or ""), str((message.get("intent") or {}).get("name") or "")) is True


def _last_response(tracker: Tracker) -> str | None:
    """Name of the response that was uttered last."""
    for event in reversed(tracker.events):
        if event.get("event") == "bot":
            return (event.get("metadata") or {}).get("utter_action")
    return None


def _re_asked(tracker: Tracker) -> int:
    """How many times in a row, up to now, the only answer was a re-ask."""
    count = 0
    for event in reversed(tracker.events):
        if event.get("event") == "bot":
            if (event.get("metadata") or {}).get("utter_action") not in _RE_ASKS:
                break
            count += 1
    return count
