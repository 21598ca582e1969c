"""What happens before any endpoint of an API for machines: pace, who it is, and the size of the body.

Strangers learn nothing, not even by bad input.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from recourse.gateway.api_common import replayed
from recourse.gateway.errors import ApiError, error_response, slow_down
from recourse.gateway.limits import address_key
from recourse.gateway.requests import whole_body
from recourse.gateway.runtime import Gateway

OPEN = "/openapi.json"
"""The one address that anybody may read: it says what there is, and nothing about anybody."""

Admit = Callable[[Headers, MutableMapping[str, Any]], Awaitable[None]]
"""Checks the headers of a request and notes in its state whose it is. Raises ApiError."""


class Door:
    """Middleware (pure ASGI): ``admit`` decides who comes in, ``body_max`` is in bytes."""

    def __init__(self, app: ASGIApp, gateway: Gateway, admit: Admit, body_max: int) -> None:
        self._app, self._gateway, self._admit, self._body_max = app, gateway, admit, body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            client = scope.get("client")
            wait = self._gateway.requests.take(address_key(client[0] if client else None))
            if wait:
                raise slow_down(wait)
            if scope["path"].removeprefix(scope.get("root_path", "")) != OPEN:
                await self._admit(Headers(scope=scope), scope.setdefault("state", {}))
            body = await whole_body(Request(scope, receive), self._body_max)
        except Exception as error:
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, replayed(body, receive), send)


def bearer(headers: Headers, missing: ApiError) -> str:
    """The secret in ``Authorization: Bearer ...``. Raises ``missing`` where there is none."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise missing
    return value.strip()
