"""A buyer in a conversation who needs a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from recourse.conversations import service as conversations
from recourse.conversations.models import Conversation
from recourse.conversations.service import Identity
from recourse.core.words import Utterance
from recourse.customers import service as customers
from recourse.handoff import service as handoff
from recourse.handoff.service import CaseView
from recourse.overview import service as overview
from tests.unit.world import BUYER, World

AGENT = "agent-7"


class Desk:
    """Opens and moves cases in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.conversation = self.talk()

    def talk(self, buyer: str = BUYER) -> str:
        """A new conversation; returns its id."""
        with self.world.transaction() as session:
            identity = Identity(buyer, "en", "UTC")
            opened = conversations.open_conversation(
                session, "web", None, identity, Utterance("Hello, I am an automated assistant."), self.world.now
            )
        return opened.id

    def say(self, text: str, cid: str) -> None:
        """The buyer writes."""
        with self.world.transaction() as session:
            conversations.accept_message(session, self.conversation, cid, self.world.now, text=text)

    def open(
        self, number: str | None = None, reason: str = "user_asked", wants: str = "a person, please", **more: Any
    ) -> CaseView:
        """Open a case, about an order or none."""
        said = more.pop("said", [{"author": "buyer", "text": wants}])
        with self.world.transaction() as session:
            buyer = customers.get(session, BUYER)
            item = overview.case(session, BUYER, number, self.world.now) if number else None
            opened = handoff.open_case(
                session, buyer, self.conversation, reason, item, said, wants, self.world.now, **more
            )
            return handoff.get(session, opened.case_no)

    def see(self, case_no: str) -> CaseView:
        """The case as it is now."""
        with self.world.reading() as session:
            return handoff.get(session, case_no)

    def take(self, case_no: str, agent: str = AGENT) -> CaseView:
        """A person takes it."""
        with self.world.transaction() as session:
            return handoff.take(session, case_no, agent, self.world.now)

    def settle(self, case: CaseView) -> CaseView | None:
        """The timer looks at it."""
        with self.world.transaction() as session:
            return handoff.settle(session, case.id, self.world.now)

    def due(self) -> list[str]:
        """What the timer would look at."""
        with self.world.reading() as session:
            return list(handoff.due(session, self.world.now))

    def talker(self) -> str:
        """Who answers in the conversation."""
        with self.world.reading() as session:
            return session.get_one(Conversation, self.conversation).state

    def later(self, **time: float) -> None:
        """Let time pass."""
        self.world.now += timedelta(**time)


@pytest.fixture
def desk(world: World) -> Desk:
    """A desk with one conversation of the buyer."""
    return Desk(world)
