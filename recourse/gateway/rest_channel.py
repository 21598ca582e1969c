"""Rasa's REST channel, for clients that exist (contract 2 of docs/architecture.md)."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recourse.conversations import service as conversations
from recourse.conversations.buttons import is_token
from recourse.conversations.service import ConversationView, Identity, MessageView
from recourse.customers.service import Buyer
from recourse.gateway.errors import ApiError, slow_down
from recourse.gateway.requests import bad_request, read_json, require_buyer, require_pace
from recourse.gateway.runtime import Gateway, gateway_of
from recourse.gateway.sessions import WELCOME
from recourse.gateway.turns import NOT_YET

ANSWER_WITHIN_S = 25.0


class RestMessage(BaseModel):
    """Body of a request. Rasa's other fields (``metadata``, ``input_channel``) are ignored."""

    model_config = ConfigDict(strict=True)

    sender: str = Field(min_length=1, max_length=128)
    message: str


class RestChannel:
    """``POST /webhooks/rest/webhook``. One message of a conversation at a time: the next waits for its turn."""

    def __init__(self, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._answer_within = answer_within_s
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._users: defaultdict[tuple[str, str], int] = defaultdict(int)

    async def health(self, _request: Request) -> Response:
        """What Rasa answers at this address."""
        return JSONResponse({"status": "ok"})

    async def receive(self, request: Request) -> Response:
        """A list of ``{"recipient_id", "text", "buttons": [{"title", "payload"}]}``."""
        gateway = gateway_of(request)
        require_pace(gateway, request)
        _, buyer = await require_buyer(gateway, request)
        body = _parse(await read_json(request))
        async with self._alone((buyer.id, body.sender)):
            said = await self._converse(gateway, request, buyer, body)
        return JSONResponse([_element(body.sender, message) for message in said])

    @asynccontextmanager
    async def _alone(self, key: tuple[str, str]) -> AsyncIterator[None]:
        """Be the only request of this conversation. Raises 429 when the ones before take too long."""
        self._users[key] += 1
        try:
            await self._acquire(self._locks[key])
            try:
                yield
            finally:
                self._locks[key].release()
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                del self._locks[key]

    async def _acquire(self, lock: asyncio.Lock) -> None:
        try:
            async with asyncio.timeout(self._answer_within):
                await lock.acquire()
        except TimeoutError as error:
            raise slow_down(1) from error

    async def _converse(self, gateway: Gateway, request: Request, buyer: Buyer, body: RestMessage) -> list[MessageView]:
        """Store the message, wait for its answer, and give out what was not given out yet, late answers first."""
        conversation = await gateway.store.write(lambda session: _conversation(session, gateway, buyer, body.sender))
        if wait := gateway.messages.take(conversation.id):
            raise slow_down(wait)
        said, cid = body.message.strip(), f"rest-{uuid.uuid4().hex}"
        if is_token(said):
            accepted = await gateway.accept(conversation.id, cid, button=said)
        else:
            accepted = await gateway.accept(conversation.id, cid, text=said)
        with suppress(TimeoutError):  # what there is goes out now, the answer comes first in the next one
            async with asyncio.timeout(self._answer_within):
                await gateway.turns.until_handled(conversation.id, accepted.message.seq)
        if await request.is_disconnected():
            return []  # nobody would read it: it stays for the next request
        return await gateway.store.write(lambda session: _take(session, gateway, conversation.id))


def _parse(body: Any) -> RestMessage:
    if not isinstance(body, dict):
        raise ApiError(
            400,
            "bad_request",
            'The body must be a JSON object: {"sender": "any name", "message": "what the buyer says"}.',
        )
    try:
        return RestMessage.model_validate(body)
    except ValidationError as error:
        raise bad_request(error) from error


def _conversation(session: Session, gateway: Gateway, buyer: Buyer, sender: str) -> ConversationView:
    identity = Identity(buyer.id, buyer.locale, buyer.timezone)
    welcome = gateway.words.say(WELCOME)
    return conversations.open_conversation(session, conversations.REST, sender, identity, welcome, gateway.now())


def _take(session: Session, gateway: Gateway, conversation_id: str) -> list[MessageView]:
    """What there is to give out. An empty list would be silence: then the buyer is told that the answer will come."""
    now = gateway.now()
    there = conversations.take_undelivered(session, conversation_id, now)
    if not there:
        conversations.say(session, conversation_id, [gateway.words.say(NOT_YET)], now)
        there = conversations.take_undelivered(session, conversation_id, now)
    return there


def _element(sender: str, message: MessageView) -> dict[str, Any]:
    element: dict[str, Any] = {"recipient_id": sender, "text": message.text}
    if message.buttons and not message.stale:
        element["buttons"] = [{"title": title, "payload": token} for title, token in message.buttons]
    return element
