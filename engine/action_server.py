"""Calls to the action server that survive its restart and never end in silence.

Stock Rasa gives up at once when the action server cannot be reached, waits up to five minutes for an answer, and turns
every failure into an empty reply. Actions are idempotent and the server is back about two seconds after it died, so a
call is tried again; and a call that failed for good leaves a message that the gateway can see.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

import aiohttp
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecutionRejected, BotUttered, Event, FollowupAction
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

logger = logging.getLogger(__name__)

Run = Callable[..., Awaitable["list[Event]"]]

RETRY_SECONDS = 15.0  # from the first try; the last try may take REQUEST_SECONDS more
REQUEST_SECONDS = 30.0
FIRST_WAIT, LONGEST_WAIT = 0.1, 0.5
FORM_VALIDATION_PREFIX = "validate_"


class Requesting(Protocol):
    """What a remote action needs of its endpoint."""

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request and return the parsed JSON answer."""
        ...


class PatientEndpoint:
    """An action endpoint that tries again while the server cannot be reached, and bounds the time of each try."""

    def __init__(self, endpoint: EndpointConfig) -> None:
        """Wrap the configured endpoint; everything but ``request`` is passed on to it."""
        self._endpoint = endpoint

    def __getattr__(self, name: str) -> Any:
        """Return the attribute of the wrapped endpoint."""
        return getattr(self._endpoint, name)

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Send the request; arguments, answer and errors are those of EndpointConfig.request.

        A refused, reset or dropped connection is tried again for RETRY_SECONDS. A time-out is not: the action may still
        be running. The caller's ``timeout`` gives way to REQUEST_SECONDS.
        """
        kwargs["timeout"] = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        give_up = time.monotonic() + RETRY_SECONDS
        waits = _waits()
        while True:
            try:
                return await self._endpoint.request(*args, **kwargs)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
                wait = next(waits)
                if isinstance(error, asyncio.TimeoutError) or time.monotonic() + wait > give_up:
                    raise
                level = logging.WARNING if wait == FIRST_WAIT else logging.DEBUG  # say it once
                logger.log(level, "The action server is out of reach (%s); trying for %.0f s.", error, RETRY_SECONDS)
                await asyncio.sleep(wait)


def failure_events(action: str) -> list[Event]:
    """Return the events of an action that failed for good.

    The message tells the gateway. The follow-up ends the turn, so that nothing is done on slots that were not validated.
    A failed form validation also rejects the form, or Rasa would drop the message when the turn filled no slot.
    """
    events: list[Event] = [BotUttered(data={"custom": {"recourse": "action_failed", "action": action}})]
    if action.startswith(FORM_VALIDATION_PREFIX):
        events.append(ActionExecutionRejected(action[len(FORM_VALIDATION_PREFIX) :]))
    events.append(FollowupAction(ACTION_LISTEN_NAME))
    return events


def reliable_run(stock: Run) -> Run:
    """Return a replacement for ``RemoteAction.run`` that calls ``stock`` with a patient endpoint and reports failures.

    An ActionExecutionRejection is no failure: Rasa uses it to ask its policies for another action.
    """

    async def run(
        self: RemoteAction,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> list[Event]:
        """Run the action on the action server; return its events, or those of ``failure_events``."""
        action = copy.copy(self)
        if self.action_endpoint:
            action.action_endpoint = PatientEndpoint(self.action_endpoint)  # type: ignore[assignment]
        try:
            return await stock(action, output_channel, nlg, tracker, domain)
        except ActionExecutionRejection:
            raise
        except Exception as error:
            logger.error(
                "The action %s of conversation %s failed: %r%s", self.name(), tracker.sender_id, error, _cause(error)
            )
            return failure_events(self.name())

    return run


def _waits() -> Iterator[float]:
    wait = FIRST_WAIT
    while True:
        yield wait
        wait = min(2 * wait, LONGEST_WAIT)


def _cause(error: BaseException) -> str:
    return f", because of {error.__cause__!r}"[:500] if error.__cause__ else ""
