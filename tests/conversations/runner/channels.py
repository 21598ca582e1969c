"""How a buyer talks to the gateway: Rasa's REST channel, or the socket of the widget."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from runner.people import Person
from runner.transcript import Button, Message, Reply

_ANSWER_WITHIN_S = 60.0
_QUIET_S = 0.4


class ChannelError(Exception):
    """The gateway did not answer as the contract says."""


class Channel(Protocol):
    """One buyer's line to the assistant."""

    def say(self, text: str, times: int) -> Reply:
        """Write ``text``; with ``times`` > 1 the same message arrives that often."""

    def press(self, payload: str, times: int) -> Reply:
        """Press a button."""

    def more(self, seconds: float) -> Reply:
        """What comes by itself within ``seconds``; ends with the first thing that comes."""

    def close(self) -> None:
        """Hang up."""


class Rest:
    """``POST /webhooks/rest/webhook``. Repeated messages are sent at the same moment, as by two tabs."""

    def __init__(self, url: str, person: Person, sender: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {person.token}"}, timeout=_ANSWER_WITHIN_S, trust_env=False
        )
        self._sender = sender

    def say(self, text: str, times: int) -> Reply:
        """Write ``text``."""
        with ThreadPoolExecutor(times) as threads:
            replies = list(threads.map(self._post, [text] * times))
        return Reply(tuple(message for messages in replies for message in messages))

    def press(self, payload: str, times: int) -> Reply:
        """Press a button: on this channel its payload is sent as a message."""
        return self.say(payload, times)

    def more(self, seconds: float) -> Reply:
        """Nothing comes by itself on this channel."""
        raise ChannelError("wait_for needs `channel: socket`: over REST nothing comes without a question")

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _post(self, text: str) -> list[Message]:
        answer = self._client.post("/webhooks/rest/webhook", json={"sender": self._sender, "message": text})
        if answer.status_code != httpx.codes.OK:
            raise ChannelError(f"the gateway answered {answer.status_code}: {answer.text[:300]}")
        return [
            Message(item.get("text") or "", tuple(Button(b["title"], b["payload"]) for b in item.get("buttons") or ()))
            for item in answer.json()
        ]


class Socket:
    """``/v1/socket``. Repeated messages are the same frame sent again, as by a client that lost the receipt."""

    def __init__(self, url: str, person: Person, sender: str) -> None:
        body = {"locale": person.locale, "timezone": person.timezone}
        headers = {"Authorization": f"Bearer {person.token}", "Origin": url}
        opened = httpx.post(f"{url}/v1/session", json=body, headers=headers, timeout=10, trust_env=False)
        if opened.status_code != httpx.codes.CREATED:
            raise ChannelError(f"the gateway answered {opened.status_code}: {opened.text[:300]}")
        session = opened.json()
        self._last = 0
        self._socket: ClientConnection = connect(
            f"{url.replace('http', 'ws', 1)}{session['socket']}",
            origin=Origin(url),
            subprotocols=[Subprotocol("recourse.v1"), Subprotocol(session["token"])],
        )
        self._send({"t": "hello", "last": 0})

    def say(self, text: str, times: int) -> Reply:
        """Write ``text``."""
        return self._ask({"text": text}, times)

    def press(self, payload: str, times: int) -> Reply:
        """Press a button by its token."""
        return self._ask({"button": payload}, times)

    def more(self, seconds: float) -> Reply:
        """The next messages that come."""
        return self._collect(time.monotonic() + seconds, answered=False)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _ask(self, what: dict[str, str], times: int) -> Reply:
        frame = {"t": "say", "cid": uuid.uuid4().hex, **what}
        for _ in range(times):
            self._send(frame)
        return self._collect(time.monotonic() + _ANSWER_WITHIN_S, answered=False, cid=str(frame["cid"]))

    def _collect(self, deadline: float, answered: bool, cid: str | None = None) -> Reply:
        """Messages until the assistant is quiet. ``cid``: what comes before this message was stored is no answer."""
        messages: list[Message] = []
        typing = False
        while True:
            quiet = answered and not typing
            frame = self._receive(_QUIET_S if quiet else max(0.0, deadline - time.monotonic()))
            if frame is None:
                return Reply(tuple(messages))
            if frame["t"] == "typing":
                typing = bool(frame["on"])
            elif frame["t"] == "err":
                raise ChannelError(f"the gateway sent an error: {frame}")
            elif frame["t"] == "event" and frame["seq"] > self._last:
                self._last = frame["seq"]
                if frame["author"] == "buyer":
                    cid = None if frame.get("cid") == cid else cid
                    continue
                answered = answered or cid is None
                messages.append(_message(frame))

    def _send(self, frame: dict[str, Any]) -> None:
        self._socket.send(json.dumps(frame))

    def _receive(self, timeout: float) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self._socket.recv(timeout=timeout)))
        except TimeoutError:
            return None


def _message(frame: dict[str, Any]) -> Message:
    buttons = () if frame.get("stale") else frame.get("buttons", ())
    return Message(frame["text"], tuple(Button(b["title"], b["token"]) for b in buttons))
