"""How a buyer talks to the gateway: Rasa's REST channel, or the socket of the widget."""

from __future__ import annotations

import json
import socket
import ssl
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from pytest_rasa.world import Button, Message, Reply, WorldError
from recourse_world.people import Person

_ANSWER_WITHIN_S = 60.0
_DRAIN_WITHIN_S = 5.0
_COME_BACK = (1012, 1013)
_TLS = ssl.create_default_context()
"""One for all: it takes longer to make than a message to be answered."""
_LATER = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)


class Rest:
    """``POST /webhooks/rest/webhook``. Repeated messages are sent at the same moment, as by two tabs."""

    def __init__(self, url: str, person: Person, sender: str) -> None:
        headers = {"Authorization": f"Bearer {person.token}"}
        self._client = httpx.Client(
            base_url=url, headers=headers, timeout=_ANSWER_WITHIN_S, trust_env=False, verify=_TLS
        )
        self._sender = sender

    def say(self, text: str, times: int = 1) -> Reply:
        """Write ``text``."""
        if times == 1:
            return Reply(tuple(self._post(text)))
        with ThreadPoolExecutor(times) as threads:
            replies = list(threads.map(self._post, [text] * times))
        replies.sort(
            key=lambda messages: [message.text for message in messages]
        )  # of requests at once, none is the first
        return Reply(tuple(message for messages in replies for message in messages))

    def say_all(self, texts: Sequence[str]) -> Reply:
        """A request waits for the one before."""
        raise WorldError("several messages in a row need `channel: socket`: over REST each waits for its answer")

    def press(self, button: Button, times: int = 1) -> Reply:
        """Press a button: on this channel its payload is sent as a message."""
        return self.say(button.payload, times)

    def pushed(self, seconds: float) -> Reply:
        """Nothing comes by itself on this channel."""
        raise WorldError("expect_pushed needs `channel: socket`: over REST nothing comes without a question")

    def reconnect(self) -> None:
        """There is no connection that could be lost."""
        raise WorldError(
            "`connection: lost` needs `channel: socket`: over REST every message has a connection of its own"
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _post(self, text: str) -> list[Message]:
        try:
            answer = self._client.post("/webhooks/rest/webhook", json={"sender": self._sender, "message": text})
        except httpx.HTTPError as error:
            raise WorldError(f"the gateway did not answer ({type(error).__name__})") from error
        if answer.status_code in _LATER:  # what the client gets, and shows
            return [Message(f"{answer.status_code}: {answer.json()['error']['message']}")]
        if answer.status_code != httpx.codes.OK:
            raise WorldError(f"the gateway answered {answer.status_code}: {answer.text[:300]}")
        return [
            Message(item.get("text") or "", tuple(Button(b["title"], b["payload"]) for b in item.get("buttons") or ()))
            for item in answer.json()
        ]


class Socket:
    """``/v1/socket``, used as the widget does: what was not received is asked for again, and what has no receipt is sent again."""

    def __init__(self, url: str, person: Person) -> None:
        self._url, self._person = url, person
        self._conversation: str | None = None
        self._last = 0
        self._socket = self._connect()

    def say(self, text: str, times: int = 1) -> Reply:
        """Write ``text``; repeated, it is the same frame again, as from a client that lost the receipt."""
        return self._ask({"text": text}, times)

    def say_all(self, texts: Sequence[str]) -> Reply:
        """Write ``texts`` one right after the other; returns when the assistant has done typing for each of them."""
        frames = [{"t": "say", "cid": uuid.uuid4().hex, "text": text} for text in texts]
        for frame in frames:
            self._send(frame)
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        messages: list[Message] = []
        open_turns, stored = len(frames), False
        while open_turns:
            found = self._receive(deadline - time.monotonic())
            if found is None:
                raise WorldError(f"no answer within {_ANSWER_WITHIN_S:.0f} s")
            if found["t"] == "err":
                raise WorldError(f"the gateway sent an error: {found}")
            if found["t"] == "typing" and not found["on"]:
                open_turns -= stored
            stored |= self._note(found, messages) and found.get("cid") in {frame["cid"] for frame in frames}
        return Reply(tuple(messages))

    def press(self, button: Button, times: int = 1) -> Reply:
        """Press a button by its token."""
        return self._ask({"button": button.payload}, times)

    def pushed(self, seconds: float) -> Reply:
        """The next messages that come, with all that came at the same time."""
        messages: list[Message] = []
        deadline = time.monotonic() + seconds
        while not messages:
            frame = self._receive(deadline - time.monotonic())
            if frame is None:
                return Reply()
            self._note(frame, messages)
        for _ in range(2):  # the writer of the other side is not its reader: one answer may overtake a message
            self._send({"t": "ping"})
            while (frame := self._receive(_DRAIN_WITHIN_S)) and frame["t"] != "pong":
                self._note(frame, messages)
        return Reply(tuple(messages))

    def reconnect(self) -> None:
        """The line breaks without a word, and comes back with what was said meanwhile."""
        with suppress(OSError):  # the other side was first
            self._socket.socket.shutdown(socket.SHUT_RDWR)
        self._socket = self._connect()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _connect(self) -> ClientConnection:
        body = {"locale": self._person.locale, "timezone": self._person.timezone, "conversation": self._conversation}
        headers = {"Authorization": f"Bearer {self._person.token}", "Origin": self._url}
        opened = httpx.post(
            f"{self._url}/v1/session",
            json=body,
            headers=headers,
            timeout=_ANSWER_WITHIN_S,
            trust_env=False,
            verify=_TLS,
        )
        if opened.status_code != httpx.codes.CREATED:
            raise WorldError(f"the gateway answered {opened.status_code}: {opened.text[:300]}")
        session = opened.json()
        self._conversation = session["conversation"]
        made = connect(
            f"{self._url.replace('http', 'ws', 1)}{session['socket']}",
            origin=Origin(self._url),
            subprotocols=[Subprotocol("recourse.v1"), Subprotocol(session["token"])],
            compression=None,
            proxy=None,
        )
        made.send(json.dumps({"t": "hello", "last": self._last}))
        self._typing = False  # said anew where it is so
        return made

    def _ask(self, what: dict[str, str], times: int) -> Reply:
        """Send a message and collect until the assistant has done typing. ``frame`` is sent again on a new line if this one broke."""
        frame = {"t": "say", "cid": uuid.uuid4().hex, **what}
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        for _ in range(times):
            self._send(frame)
        messages: list[Message] = []
        before: int | None = None  # how many came before ours was stored, which is no answer
        while True:
            found = self._receive(deadline - time.monotonic(), again=frame)
            if found is None:
                raise WorldError(f"no answer within {_ANSWER_WITHIN_S:.0f} s")
            if found["t"] == "err":
                raise WorldError(f"the gateway sent an error: {found}")
            if found["t"] in ("typing", "pong") and not self._typing and before is not None and len(messages) > before:
                return Reply(tuple(messages))
            if self._note(found, messages) and found.get("cid") == frame["cid"]:
                before = len(messages)

    def _note(self, frame: dict[str, Any], messages: list[Message]) -> bool:
        """Keep a message of the assistant. True for a message that was not seen before, whoever wrote it."""
        if frame["t"] != "event" or frame["seq"] <= self._last:
            return False
        self._last = frame["seq"]
        if frame["author"] != "buyer":
            messages.append(_message(frame))
        return True

    def _send(self, frame: dict[str, Any]) -> None:
        try:
            self._socket.send(json.dumps(frame))
        except ConnectionClosed as closed:
            self._come_back(closed, frame)

    def _receive(self, timeout: float, again: dict[str, Any] | None = None) -> dict[str, Any] | None:
        try:
            frame = dict(json.loads(self._socket.recv(timeout=max(0.0, timeout))))
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            self._come_back(closed, again)
            return self._receive(timeout, again)
        if frame["t"] == "typing":
            self._typing = bool(frame["on"])
        return frame

    def _come_back(self, closed: ConnectionClosed, again: dict[str, Any] | None) -> None:
        code = closed.rcvd.code if closed.rcvd else None
        if code not in _COME_BACK:
            raise WorldError(f"the gateway closed the line with code {code}") from closed
        self._socket = self._connect()
        if again is not None:
            self._socket.send(json.dumps(again))
            self._socket.send(json.dumps({"t": "ping"}))  # its answer comes when all that was said meanwhile is here


def _message(frame: dict[str, Any]) -> Message:
    buttons = () if frame.get("stale") else frame.get("buttons", ())
    return Message(frame["text"], tuple(Button(b["title"], b["token"]) for b in buttons))
