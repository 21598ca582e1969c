"""The engine's memory of a conversation. It lies outside the order store, so erasing it is a port."""

from __future__ import annotations

from typing import Any, Protocol

import httpx

from recourse.core.errors import RecourseError
from recourse.core.settings import Settings

_TIMEOUT_S = 10.0
_REMEMBERS = ("user", "bot", "slot")


class TrackerNotErased(RecourseError):
    """The engine could not be made to forget a conversation. Nothing is lost: try again."""

    code = "tracker_not_erased"


class TrackerStore(Protocol):
    """Where the engine keeps what was said."""

    def erase(self, conversation_id: str) -> None:
        """Forget the conversation; one that is not known is forgotten already. Raises TrackerNotErased."""
        ...


class RasaTrackers:
    """Rasa's own HTTP API: the tracker's events are replaced by none, and read back to see that they are gone.

    That forgets a conversation in Rasa's in-memory store, which ``endpoints.yml`` uses. Rasa's SQL store only ever adds events
    (RasaHQ/rasa issue 10719): there the reading back finds them, this raises, and a store of one's own must delete the rows
    of ``events`` with that ``sender_id``.
    """

    def __init__(self, config: Settings, transport: httpx.BaseTransport | None = None) -> None:
        self._token = {"token": config.rasa_token} if config.rasa_token else {}
        self._client = httpx.Client(base_url=config.rasa_url, timeout=_TIMEOUT_S, trust_env=False, transport=transport)

    def erase(self, conversation_id: str) -> None:
        path = f"/conversations/{conversation_id}/tracker"
        self._ask("PUT", f"{path}/events", json=[])
        left = self._ask("GET", path).get("events") or []
        if any(event.get("event") in _REMEMBERS and not _is_reset(event) for event in left):
            raise TrackerNotErased(
                "the engine's tracker store keeps old events; delete them there, then run `recourse privacy run`"
            )

    def _ask(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        params = {**self._token, "include_events": "ALL"}
        try:
            response = self._client.request(method, path, params=params, **kwargs)
            response.raise_for_status()
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise TrackerNotErased(
                f"the engine did not answer as expected ({type(error).__name__}); try again"
            ) from error
        return body if isinstance(body, dict) else {}


def _is_reset(event: dict[str, Any]) -> bool:
    """Slots at their beginning, which a new session sets, say nothing of anybody."""
    return event.get("event") == "slot" and event.get("value") in (None, False, [], "")
