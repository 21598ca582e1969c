"""What one turn exercised, read from Rasa's own events."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pytest_rasa.coverage.exercised import Exercised

Event = Mapping[str, Any]

_OWN_SLOTS = ("requested_slot", "session_started_metadata")
"""Rasa's slots, which no domain declares."""
_LANGUAGE_SLOTS = ("language", "locale", "lang")
_COMMAND = re.compile(r"/(?P<intent>[^{@\s]+)(?:@[0-9.]+)?\s*(?P<entities>\{.*\})?\s*", re.DOTALL)


def from_turn(exercised: Exercised, events: Sequence[Event], rules: Iterable[str], calls: Collection[str]) -> None:
    """Count in ``exercised`` what one turn did.

    ``events``: Rasa's events of the turn as in its HTTP API, from the person's message on. ``rules``: names of the rules that were
    applied. ``calls``: custom actions that were called, form validations too.
    """
    for rule in rules:
        exercised.add("rule", rule)
    for action in calls:
        exercised.add("action", action)
    loop = _loop_before(events, calls)
    for position, event in enumerate(events):
        match event.get("event"):
            case "user":
                _intent(exercised, event)
            case "bot":
                _response(exercised, event)
            case "active_loop":
                loop = event.get("name")
            case "slot" if event.get("value") is not None and not _is_taken_back(events, position):
                _slot(exercised, event, loop)


def response_key(name: str, variation: Mapping[str, Any]) -> str:
    """The key of one variation of a response: ``utter_name``, or ``utter_name [es]`` when a condition on a slot for the language
    or a channel decides that it is said."""
    for condition in variation.get("condition") or ():
        if condition.get("name") in _LANGUAGE_SLOTS:
            return f"{name} [{condition.get('value')}]"
    channel = variation.get("channel")
    return f"{name} [{channel}]" if channel else name


def button_action(payload: str) -> str | None:
    """What a button does, for its key: ``/intent`` or ``/intent{entity, other}``; None for one that only says something."""
    command = _COMMAND.fullmatch(payload)
    if command is None:
        return None
    names = _names(command["entities"])
    return f"/{command['intent']}" + (f"{{{', '.join(names)}}}" if names else "")


def _names(entities: str | None) -> list[str]:
    """The names of a payload's entities. A payload with values to be filled in is no JSON yet, so names are looked for."""
    try:
        found = json.loads(entities or "{}")
        return sorted(found) if isinstance(found, dict) else []
    except ValueError:
        return sorted(re.findall(r'"(\w+)"\s*:', entities or ""))


def _intent(exercised: Exercised, event: Event) -> None:
    name = ((event.get("parse_data") or {}).get("intent") or {}).get("name")
    if name:
        exercised.add("intent", name)


def _response(exercised: Exercised, event: Event) -> None:
    # Rasa leaves all of a variation but its text and buttons in the metadata, its condition and channel too.
    metadata = event.get("metadata") or {}
    if metadata.get("utter_action"):
        exercised.add("response", response_key(metadata["utter_action"], metadata))


def _slot(exercised: Exercised, event: Event, loop: str | None) -> None:
    name = str(event["name"])
    if name not in _OWN_SLOTS:
        exercised.add("slot", name)
        if loop:
            exercised.add("form_step", f"{loop}.{name} filled")
    elif name == "requested_slot" and loop:
        exercised.add("form_step", f"{loop}.{event['value']} asked")


def _is_taken_back(events: Sequence[Event], position: int) -> bool:
    """Is the slot that is set here emptied again by the same action? So a form's validation refuses a value."""
    name = events[position]["name"]
    for event in events[position + 1 :]:
        if event.get("event") == "action":
            return False
        if event.get("event") == "slot" and event.get("name") == name:
            return event.get("value") is None
    return False


def _loop_before(events: Sequence[Event], calls: Collection[str]) -> str | None:
    """The loop that was active when the message came: it shows when it goes on, because a loop that runs always says which slot it
    asks for next, or that it is over. None where the loop starts in this turn, or does not run in it."""
    action = None
    for event in events:
        match event.get("event"), event.get("name"):
            case "action", name:
                action = None if name in calls or name == "action_deactivate_loop" else name
            case "active_loop", str():
                return None
            case ("active_loop", None) | ("slot", "requested_slot") if action:
                return str(action)
    return None
