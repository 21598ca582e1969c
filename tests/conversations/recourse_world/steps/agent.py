"""What a person of the support desk does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.cancellations import service as cancellations
from recourse.conversations import service as conversations
from recourse.core.transitions import Actor
from recourse.core.words import Utterance
from recourse.disputes import service as disputes
from recourse.handoff import service as handoff
from recourse_world.engine_events import newest_conversation
from recourse_world.steps.hands import Hands, minor_units
from recourse_world.steps.open_things import case_of, dispute_of, request_of
from recourse_world.steps.shapes import AgentStep

AGENT = "agent-1"
_PLATFORM = Actor("platform", AGENT)


def agent_does(session: Session, hands: Hands, step: AgentStep) -> None:
    """Carry it out. Raises WorldError."""
    _DOES[step.does](session, hands, step)


def _take(session: Session, hands: Hands, _step: AgentStep) -> None:
    handoff.take(session, case_of(session, hands.speaker.id), AGENT, hands.now())


def _write(session: Session, hands: Hands, step: AgentStep) -> None:
    conversation = newest_conversation(hands.store, hands.speaker.id)
    if conversation is None:
        raise WorldError("this buyer has no conversation yet")
    conversations.say(session, conversation, [Utterance(step.text or "")], hands.now(), author="agent")


def _hand_back(session: Session, hands: Hands, step: AgentStep) -> None:
    reason = step.reason or "for somebody else"
    handoff.transfer(session, case_of(session, hands.speaker.id), AGENT, reason, hands.now())


def _resolve(session: Session, hands: Hands, step: AgentStep) -> None:
    handoff.resolve(session, case_of(session, hands.speaker.id), AGENT, step.reason or "solved", hands.now())


def _decide_request(session: Session, hands: Hands, step: AgentStep) -> None:
    request = request_of(session, hands.order(session, step.order))
    reason = step.reason or "We looked at it with the seller."
    cancellations.platform_decides(session, request.id, step.does == "approve", reason, hands.now(), _PLATFORM)


def _decide_dispute(session: Session, hands: Hands, step: AgentStep) -> None:
    order = hands.order(session, step.order)
    amount = None if step.amount is None else minor_units(step.amount, order.currency)
    reason = step.reason or "We looked at what both sides sent."
    dispute = dispute_of(session, order)
    disputes.decide(session, dispute.id, step.outcome or "", amount, reason, hands.now(), _PLATFORM)


_DOES: Mapping[str, Callable[[Session, Hands, AgentStep], None]] = {
    "take": _take,
    "write": _write,
    "hand_back": _hand_back,
    "resolve": _resolve,
    "approve": _decide_request,
    "reject": _decide_request,
    "decide": _decide_dispute,
}
