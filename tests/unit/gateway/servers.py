"""Real servers on free ports in the test's own event loop: the gateway, and a stand-in for Rasa that can fail and die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

Elements = list[dict[str, Any]]
Behaviour = Callable[[str], Awaitable[Elements]]


async def eventually(condition: Callable[[], Any], within: float = 8.0) -> Any:
    """Wait until ``condition`` is true and return what it gave; fails after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)
    return found


class Running:
    """A uvicorn server that runs in this event loop."""

    def __init__(self, server: uvicorn.Server) -> None:
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        self.server = server
        self.task = asyncio.create_task(server.serve())

    async def started(self) -> int:
        """The port, as soon as it serves."""
        await eventually(lambda: self.server.started or self.task.done())
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """As on SIGTERM."""
        self.server.should_exit = True
        await self.task

    async def kill(self) -> None:
        """As on SIGKILL: nobody listens any more, connections are reset."""
        for listener in self.server.servers:
            listener.close()
        self.server.force_exit = self.server.should_exit = True
        self._abort()
        await self.task
        self._abort()

    def _abort(self) -> None:
        for connection in list(self.server.server_state.connections):
            connection.transport.abort()
        for task in list(self.server.server_state.tasks):
            task.cancel()


class StubRasa:
    """Answers like Rasa's REST channel and keeps a tracker as Rasa does: a turn is in it only when it was finished.

    ``behave``: what is said to a text. ``lose_next_answer``: the next turn is finished, but its answer gets lost.
    """

    def __init__(self) -> None:
        self.turns: list[tuple[str, str, int]] = []
        self.trackers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.behave: Behaviour = echo
        self.lose_next_answer = False
        self.tokens: list[str | None] = []
        self.port = 0
        self._running: Running | None = None

    @property
    def texts(self) -> list[str]:
        """What it was asked, in order."""
        return [text for _, text, _ in self.turns]

    async def start(self) -> None:
        """Listen; on the same port as before."""
        app = Starlette(
            routes=[
                Route("/webhooks/rest/webhook", self._webhook, methods=["POST"]),
                Route("/conversations/{id}/tracker", self._tracker),
                Route("/conversations/{id}/tracker/events", self._append, methods=["POST"]),
                Route("/status", self._status),
                Route("/health", self._status),
            ]
        )
        self._running = Running(
            uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=self.port, log_config=None, lifespan="off"))
        )
        self.port = await self._running.started()

    async def kill(self) -> None:
        """Be gone at once."""
        if self._running is not None:
            await self._running.kill()
        self._running = None

    async def _webhook(self, request: Request) -> Response:
        body = await request.json()
        sender, text, seq = body["sender"], body["message"], body["metadata"]["seq"]
        self.turns.append((sender, text, seq))
        elements = await self.behave(text)
        self.trackers[sender] += [
            {"event": "action", "name": "action_listen"},
            {"event": "user", "text": text, "metadata": {"seq": seq, "model_id": "m"}},
            *(_bot_event(element) for element in elements),
        ]
        if self.lose_next_answer:
            self.lose_next_answer = False
            for connection in list(self._running.server.server_state.connections):  # type: ignore[union-attr]
                connection.transport.abort()
        return JSONResponse(elements)

    async def _tracker(self, request: Request) -> Response:
        self.tokens.append(request.query_params.get("token"))
        return JSONResponse({"events": self.trackers[request.path_params["id"]]})

    async def _append(self, request: Request) -> Response:
        self.tokens.append(request.query_params.get("token"))
        self.trackers[request.path_params["id"]] += await request.json()
        return JSONResponse({})

    async def _status(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})


async def echo(text: str) -> Elements:
    """Says what it heard."""
    return [say(f"echo {text}")]


def say(text: str, *buttons: tuple[str, str]) -> dict[str, Any]:
    """One element of Rasa's answer."""
    element: dict[str, Any] = {"recipient_id": "x", "text": text}
    if buttons:
        element["buttons"] = [{"title": title, "payload": payload} for title, payload in buttons]
    return element


def answering(*elements: dict[str, Any]) -> Behaviour:
    """Says the same to everything."""

    async def behave(_text: str) -> Elements:
        return list(elements)

    return behave


def _bot_event(element: dict[str, Any]) -> dict[str, Any]:
    data = {"buttons": element.get("buttons"), "custom": element.get("custom")}
    return {"event": "bot", "text": element.get("text"), "data": data}


class Chat:
    """A buyer's socket. ``events`` are the messages that came, ``frames`` all frames."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.conversation = ""
        self.frames: list[dict[str, Any]] = []
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, token: str, origin: str | None = None) -> Chat:
        """Connect with a session token, without a hello."""
        socket = await connect(
            f"{url.replace('http', 'ws', 1)}/v1/socket",
            origin=Origin(origin or url),
            subprotocols=[Subprotocol("recourse.v1"), Subprotocol(token)],
            compression=None,
        )
        return cls(socket)

    async def _read(self) -> None:
        async for text in self.socket:
            self.frames.append(json.loads(text))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["t"] == "event"]

    @property
    def bot(self) -> list[str]:
        """What the assistant said."""
        return [frame["text"] for frame in self.events if frame["author"] == "bot"]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Frames of one kind."""
        return [frame for frame in self.frames if frame["t"] == kind]

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def hello(self, last: int = 0) -> Chat:
        """Greet, and wait until the replay is over."""
        await self.send(t="hello", last=last)
        await self.send(t="ping")
        await self.until(lambda: self.of("pong"))
        return self

    async def type(self, text: str, cid: str | None = None) -> None:
        await self.send(t="say", cid=cid or f"c{len(self.frames)}-{time.monotonic_ns()}", text=text)

    async def press(self, title: str) -> None:
        """Press the newest button with this title."""
        offered = [b["token"] for event in self.events for b in event["buttons"] if b["title"] == title]
        await self.send(t="say", cid=f"b-{time.monotonic_ns()}", button=offered[-1])

    async def until(self, condition: Callable[[], Any], within: float = 8.0) -> Any:
        return await eventually(condition, within)

    async def hears(self, text: str) -> None:
        """Wait until the assistant has said exactly this."""
        await self.until(lambda: text in self.bot)

    async def closed(self) -> int | None:
        """Wait for the end and return its code."""
        await asyncio.wait_for(asyncio.shield(self._end()), 8)
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        await self._end()

    async def _end(self) -> None:
        await asyncio.gather(self._reader, return_exceptions=True)


async def session(http: httpx.AsyncClient, token: str, **body: Any) -> httpx.Response:
    """``POST /v1/session`` as a page of the gateway's own."""
    origin = str(http.base_url).rstrip("/")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await http.post("/v1/session", json=body, headers={**headers, "Origin": origin})
