"""A buyer's socket (contract 1 of docs/architecture.md) as a small blocking client."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from recourse.core.errors import RecourseError

_TIMEOUT_S = 60.0
_QUIET_S = 0.6


class ChatError(RecourseError):
    """The chat cannot go on; the message says why and what to do."""

    code = "chat"


@dataclass(slots=True)
class Line:
    """One message of the log. ``buttons`` are (title, token) pairs; empty where they can no longer be pressed."""

    seq: int
    author: str
    text: str
    buttons: list[tuple[str, str]] = field(default_factory=list)


class ChatClient:
    """One conversation over one socket. Use it as a context manager."""

    def __init__(self, base_url: str, token: str, locale: str, timezone: str) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Origin": self._base}
        self._body = {"locale": locale, "timezone": timezone}
        self._last = 0
        self._socket: ClientConnection | None = None

    def __enter__(self) -> ChatClient:
        session = self._open_session()
        self.buyer = str(session["buyer"]["name"])
        self.conversation = str(session["conversation"])
        parts = urlsplit(self._base)
        scheme = "wss" if parts.scheme == "https" else "ws"
        try:
            self._socket = connect(
                f"{scheme}://{parts.netloc}{session['socket']}",
                origin=self._base,  # type: ignore[arg-type]
                subprotocols=[Subprotocol("recourse.v1"), Subprotocol(session["token"])],
                open_timeout=10,
            )
            self._send({"t": "hello", "last": 0})
        except (OSError, WebSocketException) as error:
            raise ChatError(f"the chat socket at {self._base} cannot be opened: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def say(self, text: str) -> None:
        """Send what the buyer typed (1 to 2000 characters)."""
        self._send({"t": "say", "cid": uuid.uuid4().hex, "text": text})

    def press(self, token: str) -> None:
        """Press a button that the server offered."""
        self._send({"t": "say", "cid": uuid.uuid4().hex, "button": token})

    def answers(self, wait: bool = True) -> Iterator[Line]:
        """Messages as they come, until the assistant has answered and is quiet.

        ``wait``: whether an answer is due; without it, only what is there already is returned.
        """
        answered, typing = not wait, wait
        while True:
            frame = self._receive(_TIMEOUT_S if typing or not answered else _QUIET_S)
            if frame is None:
                return
            kind = frame.get("t")
            if kind == "typing":
                typing = bool(frame.get("on"))
            elif kind == "err":
                raise ChatError(str(frame.get("message")))
            elif kind == "event" and frame["seq"] > self._last:
                self._last = frame["seq"]
                if frame["author"] == "buyer":
                    continue
                answered = True
                typing = False
                pairs = [] if frame.get("stale") else [(b["title"], b["token"]) for b in frame.get("buttons", [])]
                yield Line(frame["seq"], frame["author"], frame["text"], pairs)

    def _open_session(self) -> dict[str, Any]:
        try:
            response = httpx.post(f"{self._base}/v1/session", headers=self._headers, json=self._body, timeout=10)
        except httpx.HTTPError as error:
            raise ChatError(f"nothing answers at {self._base}; start it with `make run`") from error
        body = response.json()
        if response.status_code != 201:
            raise ChatError(str(body.get("error", {}).get("message", response.text)))
        return dict(body)

    def _send(self, frame: dict[str, Any]) -> None:
        assert self._socket is not None
        try:
            self._socket.send(json.dumps(frame))
        except ConnectionClosed as error:
            raise ChatError("the connection to the assistant was lost; start the chat again") from error

    def _receive(self, timeout: float) -> dict[str, Any] | None:
        assert self._socket is not None
        try:
            return dict(json.loads(self._socket.recv(timeout=timeout)))
        except TimeoutError:
            return None
        except ConnectionClosed as error:
            raise ChatError("the connection to the assistant was lost; start the chat again") from error
