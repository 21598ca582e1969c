"""A conversation as a test file that ``tests/conversations`` can play. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.orm import Session

from recourse.conversations import recording
from recourse.conversations import service as conversations
from recourse.conversations.recording import Entry
from recourse.conversations.service import ConversationView
from recourse.core.errors import InvalidInput
from recourse.customers import service as customers
from recourse.recording import sheet
from recourse.recording.cast import Cast, Item, Told, cast_of
from recourse.recording.masking import masked
from recourse.recording.outside import events
from recourse.recording.script import Script
from recourse.recording.words import Responses

_BUYER = "buyer"
_NAME_MAX = 60


class NothingSaid(InvalidInput):
    """The buyer wrote nothing, so there is nothing to record."""

    code = "nothing_said"


def record(session: Session, conversation_id: str, name: str | None = None) -> str:
    """The test file of a conversation, personal data masked. ``name``: of the test case; else it is called by its first words.

    Raises NotFound (unknown id) and NothingSaid.
    """
    entries = recording.entries(session, conversation_id)
    if not any(entry.author == "buyer" for entry in entries):
        raise NothingSaid(
            f"the buyer has said nothing in conversation {conversation_id}, so there is nothing to record"
        )
    conversation = conversations.get(session, conversation_id)
    buyer = customers.get(session, conversation.customer_id)
    responses = Responses.load()
    cast = cast_of(session, buyer, entries, entries[0].at, responses.text_of("utter_button_more_orders"))
    clean = partial(masked, names=[buyer.name], references=_references(cast))
    happened = events(cast, entries[0].at, entries[-1].at, clean)
    script = Script(cast.numbers, responses, clean, cast.sorted)
    steps = script.steps(entries, happened)
    case = _case(name or _first_words(entries, cast, clean), steps)
    return "\n".join([*_head(entries), *_fixture(cast, conversation, script.unread), "", *case, ""])


def _references(cast: Cast) -> list[str]:
    """Numbers of parcels, and the shop's own order numbers: they are somebody's, and not the same in a test."""
    parcels = [parcel.tracking for told in cast.orders for parcel in told.order.parcels]
    return parcels + [told.order.external_id for told in cast.orders if told.order.external_id]


def _head(entries: Sequence[Entry]) -> list[str]:
    day = entries[0].at.strftime("%-d %B %Y")
    return [
        f"# A conversation of {day}, recorded. Review before committing: what rules recognise as personal data is masked,",
        "# a name in the middle of a sentence may not be.",
    ]


def _fixture(cast: Cast, conversation: ConversationView, unread: bool) -> list[str]:
    lines = ["fixtures:", f"  - {_BUYER}:", f"      like: {cast.like.id}"]
    if conversation.locale != cast.like.locale:
        lines.append(f"      locale: {sheet.scalar(conversation.locale)}")
    if conversation.timezone != cast.like.timezone:
        lines.append(f"      timezone: {sheet.scalar(conversation.timezone)}")
    if unread:
        lines.append("      unread: true")
    if not cast.orders:
        return [*lines, "      orders: []"]
    if not cast.sorted and len(cast.orders) > 1:
        lines.append("      # newest first; but how old they are follows from their scenarios")
    lines.append("      orders:")
    for told in cast.orders:
        lines += _order(told)
    return lines


def _order(told: Told) -> list[str]:
    items = ", ".join(_item(item) for item in told.items)
    line = f"        - {{as: {told.name}, scenario: {told.scenario}, items: [{items}]}}"
    return [f"        {sheet.comment(f'guessed: {told.situation}')}", line] if told.guessed else [line]


def _item(item: Item) -> str:
    if item.qty == 1 and item.title is None:
        return sheet.scalar(item.sku, in_list=True)
    pairs: list[tuple[str, str | int]] = [("sku", item.sku)]
    if item.qty > 1:
        pairs.append(("qty", item.qty))
    if item.title is not None:
        pairs.append(("title", item.title))
    return sheet.mapping(pairs)


def _case(name: str, steps: Sequence[str]) -> list[str]:
    return [
        "test_cases:",
        f"  - test_case: {sheet.scalar(name)}",
        f"    fixtures: [{_BUYER}]",
        "    channel: socket",
        "    steps:",
        *(f"      {line}" for line in steps),
    ]


def _first_words(entries: Sequence[Entry], cast: Cast, clean: Callable[[str], str]) -> str:
    first = next(entry for entry in entries if entry.author == "buyer")
    words = cast.numbers.typed(clean(first.text)).replace("{", "").replace("}", "")
    return " ".join(words.split())[:_NAME_MAX].strip()
