"""Compares what somebody got with what the test expects. Every function answers with the problem in words, or None."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_rasa.format import Assertion, BotUttered, SlotValue
from pytest_rasa.transcript import first_difference
from pytest_rasa.words import Responses
from pytest_rasa.world import Button, Message, Reply, Turn

_UTTER = "utter_"


def bot(reply: Reply, expected: str) -> str | None:
    """One message, or the whole reply, is exactly this text."""
    if any(expected == text for text in [reply.text, *(message.text for message in reply.messages)]):
        return None
    if not reply.messages:
        return f"expected the bot to say {expected!r}, but it said nothing"
    return first_difference(expected, _nearest(reply, expected))


def utter(reply: Reply, names: Sequence[str], responses: Responses) -> str | None:
    """Each of the responses is one of the messages."""
    for name in names:
        if not any(responses.is_said(message.text, name) for message in reply.messages):
            return _not_uttered(reply, name, responses)
    return None


def contains(reply: Reply, pieces: Sequence[str]) -> str | None:
    """Each of the pieces stands somewhere in the reply."""
    missing = [piece for piece in pieces if piece not in reply.text]
    return f"not in the reply: {', '.join(map(repr, missing))}" if missing else None


def pushed(reply: Reply, wanted: Sequence[str], responses: Responses) -> str | None:
    """Each of these came: a response's name, or a piece of text."""
    for name in wanted:
        problem = utter(reply, [name], responses) if name.startswith(_UTTER) else contains(reply, [name])
        if problem:
            return problem
    return None


def did_not_utter(reply: Reply, unwanted: Sequence[str], responses: Responses) -> str | None:
    """None of these: a response's name, or a piece of text (upper and lower case alike)."""
    for name in unwanted:
        if name.startswith(_UTTER):
            responses.texts(name)  # one that does not exist is never said
            said = any(responses.is_said(message.text, name) for message in reply.messages)
        else:
            said = name.lower() in reply.text.lower()
        if said:
            return f"expected the bot not to say {name!r}, but it did"
    return None


def buttons(reply: Reply, titles: Sequence[str]) -> str | None:
    """The reply has exactly these buttons, in this order (see ``fits``)."""
    found = [button.title for button in reply.buttons]
    if len(found) == len(titles) and all(fits(title, one) for title, one in zip(titles, found, strict=True)):
        return None
    return f"expected the buttons {list(titles)}\n               found {found}"


def fits(wanted: str, title: str) -> bool:
    """Is ``title`` what the test calls ``wanted``: the whole title, its beginning, or a /regular expression/?"""
    if is_expression(wanted):
        return re.search(wanted[1:-1], title) is not None
    return title.startswith(wanted)


def is_expression(text: str) -> bool:
    """Is it a ``/regular expression/``?"""
    return len(text) > 2 and text[0] == text[-1] == "/"


def find_button(replies: Sequence[Reply], wanted: str) -> tuple[Message, Button] | None:
    """The button called ``wanted`` in the last of ``replies`` that has it, and its message; a whole title goes before a
    beginning."""
    for reply in reversed(replies):
        hits = [
            (message, button) for message in reply.messages for button in message.buttons if fits(wanted, button.title)
        ]
        if hits:
            return next((hit for hit in hits if hit[1].title == wanted), hits[0])
    return None


def same(reply: Reply, earlier: Reply) -> str | None:
    """Nobody can tell this reply from an earlier one."""
    now, then = _looks(reply), _looks(earlier)
    if now == then:
        return None
    return "the reply differs from the earlier one\n" + first_difference(repr(then), repr(now))


def slots_set(expected: Sequence[SlotValue], found: Mapping[str, Any]) -> str | None:
    """Each slot is set, to the value that is given."""
    for slot in expected:
        value = found.get(slot.name)
        if (value != slot.value) if slot.has_value else (value is None):
            return f"slot {slot.name}: expected {slot.value if slot.has_value else 'any value'!r}, found {value!r}"
    return None


def slots_not_set(expected: Sequence[SlotValue], found: Mapping[str, Any]) -> str | None:
    """Each slot is empty, or at least does not have the value that is given."""
    for slot in expected:
        value = found.get(slot.name)
        if (value == slot.value) if slot.has_value else (value is not None):
            return f"slot {slot.name} is set to {value!r}"
    return None


def assertion(wanted: Assertion, reply: Reply, turn: Turn, responses: Responses) -> str | None:
    """One of Rasa Pro's assertions, in any order."""
    if wanted.bot_uttered is not None:
        said = any(described(message, wanted.bot_uttered, responses) for message in reply.messages)
        return None if said else f"the bot did not utter {wanted.bot_uttered.model_dump(exclude_none=True)}"
    if wanted.bot_did_not_utter is not None:
        said = any(described(message, wanted.bot_did_not_utter, responses) for message in reply.messages)
        return f"the bot did utter {wanted.bot_did_not_utter.model_dump(exclude_none=True)}" if said else None
    if wanted.slot_was_set is not None:
        return slots_set(wanted.slot_was_set, turn.slots)
    if wanted.slot_was_not_set is not None:
        return slots_not_set(wanted.slot_was_not_set, turn.slots)
    if wanted.action_executed not in turn.actions:
        return f"action {wanted.action_executed} did not run; these did: {', '.join(turn.actions) or 'none'}"
    return None


def in_order(wanted: Sequence[Assertion], reply: Reply, turn: Turn, responses: Responses) -> str | None:
    """Rasa Pro's assertions with ``assertion_order_enabled``: each is looked for after the place where the one before was found.

    Messages that the engine does not know of (a gateway's own) come before its first event.
    """
    rest = [("message", message) for message in _before(reply, turn)] + _things(reply, turn)
    for one in wanted:
        if one.bot_did_not_utter is not None or one.slot_was_not_set is not None:
            problem = assertion(one, reply, turn, responses)
            at: int | None = -1
        else:
            at = next((i for i, thing in enumerate(rest) if _meets(one, thing, responses)), None)
            problem = None if at is not None else f"{_named(one)} did not come in this order"
        if problem or at is None:
            return assertion(one, reply, turn, responses) or problem
        rest = rest[at + 1 :]
    return None


def described(message: Message, wanted: BotUttered, responses: Responses) -> bool:
    """Is ``message`` what ``bot_uttered`` says?"""
    titles = [button.title for button in message.buttons]
    return (
        (wanted.utter_name is None or responses.is_said(message.text, wanted.utter_name))
        and (wanted.text_matches is None or re.search(wanted.text_matches, message.text) is not None)
        and (wanted.buttons is None or titles == [button["title"] for button in wanted.buttons])
    )


def _things(reply: Reply, turn: Turn) -> list[tuple[str, Any]]:
    """Actions, slots and messages in the order in which the engine made them."""
    by_text = {message.text: message for message in reply.messages}
    things: list[tuple[str, Any]] = []
    for event in turn.events:
        if event.get("event") == "bot" and event.get("text") in by_text:
            things.append(("message", by_text[str(event["text"])]))
        elif event.get("event") in ("action", "slot"):
            things.append((str(event["event"]), event))
    return things


def _before(reply: Reply, turn: Turn) -> list[Message]:
    known = {event.get("text") for event in turn.events if event.get("event") == "bot"}
    return [message for message in reply.messages if message.text not in known]


def _meets(wanted: Assertion, thing: tuple[str, Any], responses: Responses) -> bool:
    kind, what = thing
    if wanted.bot_uttered is not None:
        return kind == "message" and described(what, wanted.bot_uttered, responses)
    if wanted.action_executed is not None:
        return kind == "action" and what["name"] == wanted.action_executed
    slots = wanted.slot_was_set or []
    return kind == "slot" and any(
        slot.name == what["name"] and (not slot.has_value or slot.value == what["value"]) for slot in slots
    )


def _named(one: Assertion) -> str:
    return str(one.model_dump(exclude_unset=True))


def _not_uttered(reply: Reply, name: str, responses: Responses) -> str:
    said = [other for message in reply.messages for other in responses.recognised(message.text)]
    instead = ", ".join(dict.fromkeys(said)) or ("something else" if reply.messages else "nothing")
    lines = [f"expected the bot to say {name}, but it said {instead}"]
    if reply.messages:
        template = responses.texts(name)[0]
        lines.append(first_difference(template, _nearest(reply, template)))
    return "\n".join(lines)


def _nearest(reply: Reply, text: str) -> str:
    return max((message.text for message in reply.messages), key=lambda found: _shared(text, found))


def _shared(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _looks(reply: Reply) -> list[tuple[str, list[str]]]:
    return [(message.text, [button.title for button in message.buttons]) for message in reply.messages]
