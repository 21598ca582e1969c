"""What a button does, which only the store knows: the buyer's side has nothing but a token."""

from __future__ import annotations

import dataclasses

from sqlalchemy import Engine, select

from pytest_rasa.coverage.turns import button_action
from pytest_rasa.world import Button, Reply
from recourse.conversations.models import Button as Offered
from recourse.core.db import reading


def with_actions(reply: Reply, store: Engine) -> Reply:
    """``reply`` with ``Button.action`` of every button whose payload names an intent."""
    tokens = [button.payload for button in reply.buttons]
    if not tokens:
        return reply
    with reading(store) as session:
        query = select(Offered.token, Offered.payload).where(Offered.token.in_(tokens))
        actions = {token: button_action(payload) for token, payload in session.execute(query)}

    def known(button: Button) -> Button:
        return dataclasses.replace(button, action=actions.get(button.payload))

    return Reply(
        tuple(
            dataclasses.replace(message, buttons=tuple(known(button) for button in message.buttons))
            for message in reply.messages
        )
    )
