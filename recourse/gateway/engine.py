"""Rasa, as the gateway sees it (contract 3 of docs/architecture.md): one message in, what to say out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import structlog

from recourse.core.settings import Settings
from recourse.core.words import Utterance

_log = structlog.get_logger()
_CONNECT_S = 2.0
_READ_S = 40.0
_TRACKER_S = 10.0
_PROBE_S = 1.5
_MOST_AT_ONCE = 32
_KEEP_ALIVE_S = 4.0  # Rasa's server drops an idle connection after 5 s
_FAILED = {"recourse": "action_failed"}
_TAKE_BACK = [{"event": "rewind"}, {"event": "action", "name": "action_listen"}]
"""Undo everything since the buyer's last message, and listen again: a rewind also takes the listening away."""


class EngineDown(Exception):
    """Nobody answers, or the answer was cut off. The turn may or may not have run."""


class EngineTooSlow(Exception):
    """The engine took the message and gave no answer in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the engine made of a message. ``failed``: a custom action broke, or nothing at all was said."""

    utterances: tuple[Utterance, ...]
    failed: bool


class Engine:
    """Rasa's REST channel and, to look at a turn and to take it back, its HTTP API; and a look at the action server.

    ``transport``: another way to the engine than the network, for tests that hold it in their own process.
    """

    def __init__(
        self, config: Settings, read_timeout_s: float = _READ_S, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._token = {"token": config.rasa_token} if config.rasa_token else {}
        self._actions_url = config.actions_url.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=config.rasa_url,
            timeout=httpx.Timeout(read_timeout_s, connect=_CONNECT_S, pool=None),
            limits=httpx.Limits(max_connections=_MOST_AT_ONCE, keepalive_expiry=_KEEP_ALIVE_S),
            trust_env=False,  # the engine is on loopback, never behind a proxy
            transport=transport,
        )

    async def send(self, conversation_id: str, text: str, seq: int) -> Reply:
        """Give the engine message ``seq`` of a conversation. Raises EngineDown and EngineTooSlow."""
        body = {"sender": conversation_id, "message": text, "metadata": {"seq": seq}}
        response = await self._request("POST", "/webhooks/rest/webhook", json=body)
        if response.status_code != httpx.codes.OK:
            _log.error("engine_refused", status=response.status_code)
            return Reply((), failed=True)
        return _reply(_json(response))

    async def find_turn(self, conversation_id: str, seq: int) -> Reply | None:
        """What the engine already made of message ``seq``, or None where it never finished with it or took it back.

        Raises EngineDown and EngineTooSlow.
        """
        events = await self._events(conversation_id)
        for position in range(len(events) - 1, -1, -1):
            event = events[position]
            if event.get("event") == "rewind":
                return None
            if event.get("event") == "user":
                return _said_in(events[position + 1 :]) if _seq_of(event) == seq else None
        return None

    async def take_back(self, conversation_id: str, seq: int) -> None:
        """Make the engine forget message ``seq`` and all that came of it, if it remembers it.

        A turn that broke early was never saved; then there is nothing to take back, and least of all the turn before.
        Raises EngineDown and EngineTooSlow.
        """
        if await self.find_turn(conversation_id, seq) is None:
            return
        response = await self._request(
            "POST",
            f"/conversations/{conversation_id}/tracker/events",
            params={**self._token, "include_events": "NONE"},
            json=_TAKE_BACK,
        )
        if response.status_code != httpx.codes.OK:
            _log.error("turn_not_taken_back", status=response.status_code)

    async def is_ready(self) -> bool:
        """Is Rasa up with its model loaded?"""
        return await self._answers("/status", self._token)

    async def actions_are_ready(self) -> bool:
        """Is the action server up?"""
        return await self._answers(f"{self._actions_url}/health", {})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _answers(self, url: str, params: Mapping[str, str]) -> bool:
        try:
            response = await self._client.get(url, params=params, timeout=_PROBE_S)
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK

    async def _events(self, conversation_id: str) -> list[dict[str, Any]]:
        response = await self._request(
            "GET",
            f"/conversations/{conversation_id}/tracker",
            params={**self._token, "include_events": "ALL"},
            timeout=_TRACKER_S,
        )
        body = _json(response) if response.status_code == httpx.codes.OK else None
        events = body.get("events") if isinstance(body, dict) else None
        if not isinstance(events, list):
            _log.error("tracker_unreadable", status=response.status_code)
            return []
        return [event for event in events if isinstance(event, dict)]

    async def _request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        try:
            response = await self._client.request(method, path, **kwargs)
        except httpx.ReadTimeout as error:
            raise EngineTooSlow from error
        except httpx.HTTPError as error:
            raise EngineDown(type(error).__name__) from error
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise EngineDown("it is going down or not up yet")
        return response


def _reply(elements: Any) -> Reply:
    """The reply in a list of elements of Rasa's REST channel. Elements that we do not know are left out."""
    known = [element for element in elements if isinstance(element, dict)] if isinstance(elements, list) else []
    utterances = tuple(_utterance(element) for element in known if _has_text(element))
    failed = not utterances or any(_is_failure(element.get("custom")) for element in known)
    return Reply(utterances, failed)


def _said_in(events: Iterable[Mapping[str, Any]]) -> Reply:
    """The reply in the events that follow a message in the tracker."""
    said = (event for event in events if event.get("event") == "bot")
    return _reply([{"text": event.get("text"), **(event.get("data") or {})} for event in said])


def _utterance(element: Mapping[str, Any]) -> Utterance:
    buttons = element.get("buttons")
    return Utterance(
        str(element["text"]),
        tuple(
            (str(button["title"]), str(button["payload"]))
            for button in (buttons if isinstance(buttons, list) else ())
            if isinstance(button, dict) and button.get("title") and button.get("payload")
        ),
    )


def _has_text(element: Mapping[str, Any]) -> bool:
    text = element.get("text")
    return isinstance(text, str) and bool(text.strip())


def _is_failure(custom: Any) -> bool:
    return isinstance(custom, dict) and _FAILED.items() <= custom.items()


def _seq_of(event: Mapping[str, Any]) -> Any:
    metadata = event.get("metadata")
    return metadata.get("seq") if isinstance(metadata, dict) else None


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
