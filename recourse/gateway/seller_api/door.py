"""What happens before any endpoint: pace, the key, and the size of the body. Strangers learn nothing, not even by bad input."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from recourse.gateway.api_common import replayed, whole_body
from recourse.gateway.errors import error_response, slow_down, unauthorised
from recourse.gateway.limits import address_key
from recourse.gateway.runtime import Gateway
from recourse.sellers import keys

BODY_MAX = 32 * 1024
OPEN = "/openapi.json"
"""The one address without a key: it says what there is, and nothing about anybody."""


class Door:
    """Middleware (pure ASGI) of the seller API. It leaves the seller's id in ``scope["state"]["seller_id"]``."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app, self._gateway = app, gateway

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
                scope.setdefault("state", {})["seller_id"] = await self._seller(Headers(scope=scope))
            body = await whole_body(receive, BODY_MAX)
        except Exception as error:
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, replayed(body, receive), send)

    async def _seller(self, headers: Headers) -> str:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        plain = value.strip()
        if scheme.lower() != "bearer" or not plain:
            raise unauthorised("no_key", "Send the seller's key as 'Authorization: Bearer sk_...'.")
        seller_id = await self._gateway.store.read(lambda session: keys.authenticate(session, plain))
        if seller_id is None:
            raise unauthorised("wrong_key", "This key is unknown or was revoked. Ask the platform for a new one.")
        return seller_id
