"""Rasa's HTTP API, served from the child process to an ``httpx.AsyncClient``: no port, no server."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx

from pytest_rasa.engine.client import RasaClient
from pytest_rasa.engine.errors import EngineDown, EngineError

_DEFAULT_SENDER = "default"
_WEBHOOK = "/webhooks/rest/webhook"
_TRACKER = re.compile(r"/conversations/(?P<sender>.+?)/tracker(?P<events>/events)?")


class RasaTransport(httpx.AsyncBaseTransport):
    """Answers as ``rasa run --enable-api`` does: the REST channel, ``/status``, a conversation's tracker and adding events to it;
    and as the action server answers ``/health``. Works in any event loop."""

    def __init__(self, client: RasaClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ConnectError while Rasa does not run, ReadError when it ends under way, ReadTimeout when it takes too long."""
        seconds = request.extensions.get("timeout", {}).get("read")
        body = await request.aread()
        try:
            status, answer = await asyncio.wait_for(self._answer(request, json.loads(body) if body else None), seconds)
        except TimeoutError:
            raise httpx.ReadTimeout("Rasa takes too long", request=request) from None
        except EngineDown as error:
            raise (httpx.ReadError if error.cut_off else httpx.ConnectError)(str(error), request=request) from None
        except EngineError as error:
            status = 400 if request.method == "POST" else 500  # only added events can be wrong
            answer = {"status": "failure", "message": str(error)}
        return httpx.Response(status, json=answer, request=request)

    async def _answer(self, request: httpx.Request, body: Any) -> tuple[int, Any]:
        match request.method, request.url.path:
            case "POST", path if path == _WEBHOOK:
                turn = await self._client.asend(
                    body.get("sender") or _DEFAULT_SENDER, body.get("message"), body.get("metadata")
                )
                return 200, turn.messages
            case "GET", "/status":
                return 200, await self._client.arequest("status")
            case "GET", "/health":
                if self._client.actions.down:
                    raise EngineDown("the action server is down")
                return 200, {"status": "ok"}
        return await self._tracker(request, body)

    async def _tracker(self, request: httpx.Request, body: Any) -> tuple[int, Any]:
        known = _TRACKER.fullmatch(request.url.path)
        verbosity = request.url.params.get("include_events", "AFTER_RESTART")
        if known and request.method == "GET" and not known["events"]:
            return 200, await self._client.arequest("tracker", sender=known["sender"], include_events=verbosity)
        if known and request.method == "POST" and known["events"]:
            events = body if isinstance(body, list) else [body]
            return 200, await self._client.arequest(
                "append", sender=known["sender"], events=events, include_events=verbosity
            )
        return 404, {"status": "failure", "message": f"{request.method} {request.url.path} is not served"}
