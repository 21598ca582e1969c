"""``POST /v1/session``: the shop's token against a token for one conversation (contract 1 of docs/architecture.md)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recourse.conversations import service as conversations
from recourse.conversations.service import ConversationView, Identity
from recourse.customers.service import Buyer
from recourse.gateway.errors import ApiError
from recourse.gateway.requests import bad_request, read_json, require_buyer, require_origin, require_pace
from recourse.gateway.runtime import Gateway, gateway_of
from recourse.gateway.tokens import issue_session_token

SOCKET_PATH = "/v1/socket"
WELCOME = "utter_welcome"


class SessionRequest(BaseModel):
    """Body of the request; all of it optional."""

    model_config = ConfigDict(strict=True)

    conversation: str | None = Field(None, max_length=64)
    locale: str | None = Field(None, max_length=100)
    timezone: str | None = Field(None, max_length=100)


async def create_session(request: Request) -> Response:
    """201 with ``{"conversation", "token", "expires_at", "socket", "buyer": {"name"}}``."""
    gateway = gateway_of(request)
    require_pace(gateway, request)
    require_origin(gateway, request)
    token, buyer = await require_buyer(gateway, request)
    wanted = _parse(await read_json(request))
    conversation = await gateway.store.write(lambda session: _conversation(session, gateway, buyer, wanted))
    signed, expires_at = issue_session_token(token, conversation.id, gateway.config)
    return JSONResponse(
        {
            "conversation": conversation.id,
            "token": signed,
            "expires_at": expires_at.isoformat().replace("+00:00", "Z"),
            "socket": SOCKET_PATH,
            "buyer": {"name": buyer.name},
        },
        status_code=201,
    )


def _parse(body: object) -> SessionRequest:
    if body is not None and not isinstance(body, dict):
        raise ApiError(400, "bad_request", "The body must be a JSON object, or empty.")
    try:
        return SessionRequest.model_validate(body or {})
    except ValidationError as error:
        raise bad_request(error) from error


def _conversation(session: Session, gateway: Gateway, buyer: Buyer, wanted: SessionRequest) -> ConversationView:
    if wanted.conversation is not None:
        found = conversations.resume_conversation(session, buyer.id, wanted.conversation)
    else:
        identity = Identity(buyer.id, buyer.locale, buyer.timezone)
        welcome = gateway.words.say(WELCOME)
        found = conversations.open_conversation(session, conversations.WEB, None, identity, welcome, gateway.now())
    return conversations.localise(session, found, wanted.locale, wanted.timezone)
