"""Around every request: an id, one log line, safe headers, and never a traceback."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recourse.gateway.errors import error_response

_log = structlog.get_logger()
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set where the endpoint says nothing else."""

_OFTEN_PROBED = ("/healthz", "/readyz")


class Envelope:
    """Middleware (pure ASGI) for HTTP requests; sockets get their id and pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request=request_id):
            if scope["type"] == "http":
                await self._serve(scope, receive, send, request_id)
            else:
                await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            response = error_response(error)
            if not status:
                await response(scope, receive, send_with_headers)
        if scope["path"] not in _OFTEN_PROBED or status != 200:
            took = round((time.perf_counter() - started) * 1000, 1)
            _log.info("request", method=scope["method"], path=scope["path"], status=status, ms=took)
