"""What Rasa remembers of a conversation, from its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, select

from pytest_rasa.world import Turn
from recourse.conversations.models import Conversation
from recourse.core.db import reading

Event = Mapping[str, Any]


def newest_conversation(store: Engine, customer_id: str) -> str | None:
    """Id of the conversation in which something was said last to or by this buyer; Rasa knows it by that name."""
    mine = select(Conversation.id).where(Conversation.customer_id == customer_id)
    with reading(store) as session:
        return session.scalars(mine.order_by(Conversation.last_at.desc())).first()


def latest_turn(events: Sequence[Event]) -> Turn:
    """The latest message with what came of it, even if that was taken back, and the slots as they are now."""
    said = [position for position, event in enumerate(events) if event.get("event") == "user"]
    if not said:
        return Turn(None, _slots(events))
    turn = events[said[-1] :]
    intent = (turn[0].get("parse_data") or {}).get("intent") or {}
    return Turn(intent.get("name"), _slots(events), tuple(turn))


def _slots(events: Sequence[Event]) -> dict[str, Any]:
    """Name -> value of the slots that were ever set."""
    slots: dict[str, Any] = {}
    before: list[dict[str, Any]] = []
    for event in events:
        match event.get("event"):
            case "slot":
                slots[event["name"]] = event["value"]
            case "user":
                before.append(dict(slots))
            case "rewind" if before:
                slots = before.pop()
            case "restart" | "session_started":
                slots = {}
    return slots
