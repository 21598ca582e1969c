"""Compares what the buyer got with what the test expects. Every function answers with the problem in words, or None."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from recourse.core.settings import PROJECT_ROOT
from runner.format import Assertion, BotUttered, SlotValue
from runner.transcript import Button, Message, Reply, first_difference

_UTTER = "utter_"


class UnknownResponse(Exception):
    """A test names a response that ``domain.yml`` does not have."""


@cache
def responses() -> Mapping[str, tuple[str, ...]]:
    """Response name -> its texts, from ``domain.yml``."""
    domain = YAML(typ="safe").load((PROJECT_ROOT / "domain.yml").read_text(encoding="utf-8"))
    return {name: tuple(one["text"] for one in variants) for name, variants in domain["responses"].items()}


def is_response(text: str, name: str) -> bool:
    """Is ``text`` the response ``name`` with some values filled in? Raises UnknownResponse."""
    if name not in responses():
        raise UnknownResponse(f"domain.yml has no response {name!r}")
    return any(_pattern(template).fullmatch(text) for template in responses()[name])


def bot(reply: Reply, expected: str) -> str | None:
    """One message, or the whole reply, is exactly this text."""
    if any(expected == text for text in [reply.text, *(message.text for message in reply.messages)]):
        return None
    if not reply.messages:
        return f"expected the bot to say {expected!r}, but it said nothing"
    nearest = max((message.text for message in reply.messages), key=lambda text: _shared(expected, text))
    return first_difference(expected, nearest)


def utter(reply: Reply, names: Sequence[str]) -> str | None:
    """Each of the responses is one of the messages."""
    for name in names:
        if not any(is_response(message.text, name) for message in reply.messages):
            return _not_uttered(reply, name)
    return None


def contains(reply: Reply, pieces: Sequence[str]) -> str | None:
    """Each of the pieces stands somewhere in the reply."""
    missing = [piece for piece in pieces if piece not in reply.text]
    return f"not in the reply: {', '.join(map(repr, missing))}" if missing else None


def did_not_utter(reply: Reply, unwanted: Sequence[str]) -> str | None:
    """None of these: a response's name, or a piece of text (upper and lower case alike)."""
    for name in unwanted:
        if name.startswith(_UTTER):
            said = any(is_response(message.text, name) for message in reply.messages)
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
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        return re.search(wanted[1:-1], title) is not None
    return title.startswith(wanted)


def find_button(replies: Sequence[Reply], wanted: str) -> Button | None:
    """The button called ``wanted`` in the last of ``replies`` that has it; a whole title goes before a beginning."""
    for reply in reversed(replies):
        hits = [button for button in reply.buttons if fits(wanted, button.title)]
        if hits:
            return next((button for button in hits if button.title == wanted), hits[0])
    return None


def same(reply: Reply, earlier: Reply) -> str | None:
    """A buyer cannot tell this reply from an earlier one."""
    if reply.looks == earlier.looks:
        return None
    return "the reply differs from the earlier one\n" + first_difference(repr(earlier.looks), repr(reply.looks))


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


def assertion(wanted: Assertion, reply: Reply, slots: Mapping[str, Any], actions: Sequence[str]) -> str | None:
    """One of Rasa Pro's assertions. ``actions``: what the engine ran since the buyer's message."""
    if wanted.bot_uttered is not None:
        said = any(_described(message, wanted.bot_uttered) for message in reply.messages)
        return None if said else f"the bot did not utter {wanted.bot_uttered.model_dump(exclude_none=True)}"
    if wanted.bot_did_not_utter is not None:
        said = any(_described(message, wanted.bot_did_not_utter) for message in reply.messages)
        return f"the bot did utter {wanted.bot_did_not_utter.model_dump(exclude_none=True)}" if said else None
    if wanted.slot_was_set is not None:
        return slots_set(wanted.slot_was_set, slots)
    if wanted.slot_was_not_set is not None:
        return slots_not_set(wanted.slot_was_not_set, slots)
    if wanted.action_executed not in actions:
        return f"action {wanted.action_executed} did not run; these did: {', '.join(actions) or 'none'}"
    return None


def _described(message: Message, wanted: BotUttered) -> bool:
    titles = [button.title for button in message.buttons]
    return (
        (wanted.utter_name is None or is_response(message.text, wanted.utter_name))
        and (wanted.text_matches is None or re.search(wanted.text_matches, message.text) is not None)
        and (wanted.buttons is None or titles == [button["title"] for button in wanted.buttons])
    )


@cache
def _pattern(template: str) -> re.Pattern[str]:
    pieces = re.split(r"\{[a-z_]+\}", template)
    return re.compile(r"[\s\S]*?".join(re.escape(piece) for piece in pieces))


def _not_uttered(reply: Reply, name: str) -> str:
    said = [other for message in reply.messages for other in responses() if _specific(message.text, other)]
    instead = ", ".join(dict.fromkeys(said)) or ("something else" if reply.messages else "nothing")
    lines = [f"expected the bot to say {name}, but it said {instead}"]
    if reply.messages:
        template = responses()[name][0]
        nearest = max((message.text for message in reply.messages), key=lambda text: _shared(template, text))
        lines.append(first_difference(template, nearest))
    return "\n".join(lines)


def _specific(text: str, name: str) -> bool:
    """Is ``text`` that response, and is the response more than a frame around values?"""
    fixed = re.sub(r"\{[a-z_]+\}", "", responses()[name][0])
    return len(fixed) > 12 and is_response(text, name)


def _shared(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
