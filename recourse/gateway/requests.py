"""What every HTTP endpoint does first: limits, the buyer behind the token, a body of a sensible size."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from starlette.requests import HTTPConnection, Request

from recourse.core.errors import NotFound
from recourse.customers import service as customers
from recourse.customers.service import Buyer
from recourse.gateway.errors import ApiError, slow_down, unauthorised
from recourse.gateway.limits import address_key
from recourse.gateway.origins import is_allowed
from recourse.gateway.runtime import Gateway
from recourse.gateway.tokens import BuyerToken, read_buyer_token

BODY_MAX = 16 * 1024


def seconds_to_wait(gateway: Gateway, connection: HTTPConnection) -> float:
    """Count one request of this address; 0 when it may go on."""
    return gateway.requests.take(address_key(connection.client.host if connection.client else None))


def require_pace(gateway: Gateway, request: Request) -> None:
    """Raise 429 when this address asks too often."""
    wait = seconds_to_wait(gateway, request)
    if wait:
        raise slow_down(wait)


def origin_is_allowed(gateway: Gateway, connection: HTTPConnection) -> bool:
    """Does the request come from a page that may use the chat?"""
    return is_allowed(connection.headers.get("origin"), connection.headers.get("host", ""), gateway.origins)


def require_origin(gateway: Gateway, request: Request) -> None:
    """Raise 403 for a page that is not on the list."""
    if not origin_is_allowed(gateway, request):
        raise wrong_origin()


def wrong_origin() -> ApiError:
    """403 that says where the list is."""
    return ApiError(
        403,
        "origin_not_allowed",
        "This page may not use the chat. Send an Origin header; the shop's pages are listed in RECOURSE_ORIGINS.",
    )


async def require_buyer(gateway: Gateway, request: Request) -> tuple[BuyerToken, Buyer]:
    """The shop's token of a request and the buyer that it names. Raises 401."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise unauthorised("no_token", "Sign in: send the shop's token as 'Authorization: Bearer <token>'.")
    token = read_buyer_token(value.strip(), gateway.config)
    try:
        buyer = await gateway.store.read(lambda session: customers.get(session, token.customer_id))
    except NotFound as error:
        raise unauthorised(
            "unknown_buyer", "The token is good, but its buyer (sub) is not in the order store. Use a buyer who is."
        ) from error
    return token, buyer


async def whole_body(request: Request, most: int) -> bytes:
    """The body of a request. Raises 413 as soon as it has more than ``most`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ApiError(413, "too_large", f"The body may have {most} bytes. Send less.")
    return bytes(body)


async def read_json(request: Request) -> Any:
    """The body as JSON whatever its Content-Type says; None where it is empty. Raises 400 and 413."""
    body = await whole_body(request, BODY_MAX)
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(
            400, "bad_json", 'The body is not JSON. Send an object, for example {"message": "hello"}.'
        ) from error


def bad_request(error: ValidationError) -> ApiError:
    """400 that names the first field that is wrong."""
    return ApiError(400, "bad_request", problem(error))


def problem(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{field}: {message}." if field else f"{message}."
