"""Custom actions of the tiny assistant that the plugin's own tests talk to."""

from __future__ import annotations

import asyncio
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection

weather = ["clear"]
"""What ``action_look`` sees."""
meeting = asyncio.Barrier(2)


class ValidateTeaForm(FormValidationAction):
    """Tea comes in one to nine cups."""

    def name(self) -> str:
        return "validate_tea_form"

    def validate_cups(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        intent = tracker.latest_message["intent"]["name"]
        if intent in ("stop", "thank"):
            return {}
        return {"cups": value if value in set("123456789") else None}


class Order(Action):
    """Says what was ordered."""

    def name(self) -> str:
        return "action_order"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        dispatcher.utter_message(text=f"{tracker.get_slot('cups')} × {tracker.get_slot('tea')} tea")
        return [SlotSet("tea", None), SlotSet("cups", None)]


class Look(Action):
    """Looks out of the window."""

    def name(self) -> str:
        return "action_look"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        return [SlotSet("sky", weather[0])]


class Refuse(Action):
    """Does not want to run."""

    def name(self) -> str:
        return "action_refuse"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        raise ActionExecutionRejection("action_refuse", "not today")


class Fail(Action):
    """Has a bug."""

    def name(self) -> str:
        return "action_fail"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        raise ZeroDivisionError("a bug")


class Meet(Action):
    """Ends when two conversations are in it at the same time."""

    def name(self) -> str:
        return "action_meet"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        async with asyncio.timeout(20):
            await meeting.wait()
        dispatcher.utter_message(text=f"{tracker.sender_id} met somebody")
        return []
