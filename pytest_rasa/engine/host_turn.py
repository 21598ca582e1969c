"""What happens in one turn, and custom actions that run at the other end of the pipe. Loads under Rasa's Python (3.10)."""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from rasa.utils.endpoints import ClientResponseError, EndpointConfig

from pytest_rasa.engine.host_pipe import Pipe


@dataclass
class Turn:
    """What happens while one message is handled. ``tracker``: as it was saved, None before that."""

    rules: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    tracker: Any = None


current_turn: contextvars.ContextVar[Turn | None] = contextvars.ContextVar("current_turn", default=None)


class PipeEndpoint(EndpointConfig):
    """The action server at the other end of the pipe. ``configured``: the project's own settings of the action endpoint."""

    def __init__(self, pipe: Pipe, configured: EndpointConfig | None) -> None:
        settings = configured.kwargs if configured else {}
        super().__init__(configured.url if configured and configured.url else "http://pytest/webhook", **settings)
        self._pipe = pipe

    async def request(self, *args: Any, json: Any = None, **kwargs: Any) -> Any:
        """Arguments, answer and errors are those of EndpointConfig.request."""
        limit = kwargs.get("timeout")
        seconds = limit.total if isinstance(limit, aiohttp.ClientTimeout) else limit
        answer = await asyncio.wait_for(self._pipe.call(json), seconds)
        status = answer["status"]
        if not status:
            raise aiohttp.ClientConnectionError("the action server is down")
        turn = current_turn.get()
        if turn is not None:
            turn.calls.append(json["next_action"])
        if status >= 400:
            raise ClientResponseError(status, answer["reason"], answer["text"])
        return answer["body"]
