"""One turn of a custom action: who asks, in which words to answer, and a transaction that ends with the turn.

Store access is synchronous and runs in a thread, so that one slow query does not hold up other buyers.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.orm import Session

from recourse.conversations import service as conversations
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.errors import NotFound
from recourse.core.settings import settings
from recourse.core.words import Words
from recourse.customers import service as customers
from recourse.customers.service import Buyer
from recourse.migrations import tables as _tables  # noqa: F401 - foreign keys need every table to be known
from recourse.replies.voice import Say, Voice

Events = list[EventType]


class NotSignedIn(Exception):
    """The conversation belongs to no buyer that we know."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What an action works with. ``now`` is one moment (UTC) for the whole turn."""

    session: Session
    buyer: Buyer
    voice: Voice
    tracker: Tracker
    dispatcher: CollectingDispatcher
    now: datetime

    @property
    def intent(self) -> str:
        """Name of the intent of the buyer's last message."""
        return str((self.tracker.latest_message.get("intent") or {}).get("name") or "")

    @property
    def text(self) -> str:
        """What the buyer typed last; empty for a button."""
        text = str(self.tracker.latest_message.get("text") or "")
        return "" if text.startswith("/") else text

    def entity(self, name: str) -> Any:
        """First value of an entity in the last message, or None."""
        return next(self.tracker.get_latest_entity_values(name), None)

    def slot(self, name: str) -> Any:
        """Value of a slot, or None."""
        return self.tracker.get_slot(name)

    def say(self, say: Say) -> None:
        """Utter a response of ``domain.yml`` with its values and buttons."""
        buttons = [{"title": title, "payload": payload} for title, payload in say.buttons]
        self.dispatcher.utter_message(response=say.response, buttons=buttons or None, **say.values)


@cache
def words() -> Words:
    """The responses of ``domain.yml``."""
    return Words.load()


async def in_turn[T](
    dispatcher: CollectingDispatcher, tracker: Tracker, work: Callable[[Turn], T], writes: bool = False
) -> T:
    """Run ``work`` with a Turn of this conversation's buyer, in a thread and in one unit of work.

    Raises NotSignedIn when the conversation has no buyer.
    """

    def run() -> T:
        with transaction() if writes else reading() as session:
            return work(_turn(session, dispatcher, tracker))

    return await asyncio.to_thread(run)


class BuyerAction(Action, ABC):
    """A custom action that answers a signed-in buyer. Subclasses set ``action_name`` and write ``answer``."""

    action_name: str
    writes = False

    def name(self) -> str:
        return self.action_name

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        try:
            return await in_turn(dispatcher, tracker, self.answer, self.writes)
        except NotSignedIn:
            dispatcher.utter_message(response="utter_sign_in")
            return []

    @abstractmethod
    def answer(self, turn: Turn) -> Events:
        """Say what there is to say and return the tracker events."""


def _turn(session: Session, dispatcher: CollectingDispatcher, tracker: Tracker) -> Turn:
    identity = conversations.identify(session, tracker.sender_id)
    developer = settings().dev_buyer if settings().demo else None
    customer_id = identity.customer_id if identity else developer
    if customer_id is None:
        raise NotSignedIn
    try:
        buyer = customers.get(session, customer_id)
    except NotFound as error:
        raise NotSignedIn from error
    locale = identity.locale if identity else buyer.locale
    timezone = identity.timezone if identity else buyer.timezone
    return Turn(session, buyer, Voice(words(), locale, timezone), tracker, dispatcher, SystemClock().now())
