"""Carries out this project's own steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.core.errors import RecourseError
from recourse_world.steps.agent import agent_does
from recourse_world.steps.buyer import buyer_does
from recourse_world.steps.carrier import carrier_does
from recourse_world.steps.hands import Hands
from recourse_world.steps.platform import platform_does
from recourse_world.steps.provider import provider_does
from recourse_world.steps.seller import seller_does
from recourse_world.steps.shapes import Doing

_WITHOUT_ORDER = {
    "agent": ("take", "write", "hand_back", "resolve"),
    "platform": ("back_in_stock", "refuse_erasure"),
    "buyer": ("watch", "erase", "keep_account"),
}
"""What is not about an order."""

_IN_ONE_TRANSACTION: Mapping[str, Callable[[Session, Hands, Any], None]] = {
    "seller": seller_does,
    "carrier": carrier_does,
    "agent": agent_does,
    "platform": platform_does,
    "buyer": buyer_does,
}


def carry_out(who: str, given: Doing, hands: Hands) -> str:
    """Let ``who`` do it; returns what the transcript says of it. Raises WorldError that says what is possible instead."""
    step = given.model_copy(update=_filled(given, hands))
    try:
        if who == "provider":
            return f"the provider: {provider_does(hands, step)}"  # type: ignore[arg-type]
        with hands.writing() as session:
            _IN_ONE_TRANSACTION[who](session, hands, step)
    except RecourseError as error:
        raise WorldError(f"{who}: {step.does} is not possible here: {error}") from error
    except SQLAlchemyError as error:
        raise WorldError(f"{who}: {step.does} did not get at the store ({type(error).__name__})") from error
    return f"the {who}: {step.does}{_about(who, step, hands)}"


def _about(who: str, step: Doing, hands: Hands) -> str:
    return "" if step.does in _WITHOUT_ORDER.get(who, ()) else f" {hands.number(step.order)}"


def _filled(step: Doing, hands: Hands) -> dict[str, str]:
    """Texts with the names of the case's things in them."""
    texts = {name: getattr(step, name) for name in step.model_fields_set - {"does", "order"}}
    return {name: hands.text(value) for name, value in texts.items() if isinstance(value, str)}
