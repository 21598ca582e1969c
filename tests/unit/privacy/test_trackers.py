"""Making the engine forget, over its own HTTP API, and the worker's part of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from recourse.core import outbox
from recourse.core.settings import from_environment
from recourse.privacy import erase, rules
from recourse.privacy.trackers import RasaTrackers, TrackerNotErased
from tests.unit.handoff.conftest import Desk
from tests.unit.privacy.conftest import Privacy

CONFIG = replace(from_environment({}), rasa_token="secret-token")
SESSION = [{"event": "action", "name": "action_session_start"}, {"event": "session_started"}]


class Rasa:
    """Rasa's tracker endpoints. ``forgets``: does replacing the events replace them?"""

    def __init__(self, forgets: bool = True, status: int = 200) -> None:
        self.forgets, self.status = forgets, status
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        assert request.url.params["token"] == "secret-token"
        name = request.url.path.split("/")[2]
        if request.method == "PUT" and self.forgets:
            self.events[name] = json.loads(request.content)
        shown = self.events.get(name) or SESSION
        return httpx.Response(self.status, json={"sender_id": name, "events": shown})

    def trackers(self) -> RasaTrackers:
        return RasaTrackers(CONFIG, httpx.MockTransport(self))


def test_the_events_are_replaced_and_looked_for_again() -> None:
    rasa = Rasa()
    rasa.events["c-1"] = [{"event": "user", "text": "I am Erika"}]
    rasa.trackers().erase("c-1")
    assert rasa.events["c-1"] == []
    assert rasa.asked == ["PUT /conversations/c-1/tracker/events", "GET /conversations/c-1/tracker"]


def test_a_conversation_that_it_does_not_know_is_forgotten_already() -> None:
    Rasa().trackers().erase("c-new")


def test_slots_at_their_beginning_are_no_memory() -> None:
    rasa = Rasa(forgets=False)
    rasa.events["c-1"] = [*SESSION, {"event": "slot", "name": "cancel_order", "value": None}]
    rasa.trackers().erase("c-1")


@pytest.mark.parametrize("left", [{"event": "user"}, {"event": "bot"}, {"event": "slot", "value": "RC-1042-7713"}])
def test_a_store_that_keeps_events_is_found_out(left: dict[str, Any]) -> None:
    rasa = Rasa(forgets=False)
    rasa.events["c-1"] = [left]
    with pytest.raises(TrackerNotErased, match="keeps old events"):
        rasa.trackers().erase("c-1")


@pytest.mark.parametrize("status", [401, 409, 500, 503])
def test_an_engine_that_refuses_is_tried_again(status: int) -> None:
    with pytest.raises(TrackerNotErased, match="try again"):
        Rasa(status=status).trackers().erase("c-1")


def test_an_engine_that_is_away_is_tried_again() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(TrackerNotErased, match="ConnectError"):
        RasaTrackers(CONFIG, httpx.MockTransport(away)).erase("c-1")


def test_the_worker_carries_out_what_waits(privacy: Privacy) -> None:
    world = privacy.world
    view = privacy.ask()
    world.now += rules.COOLING_OFF
    assert erase.deliver_due(world.now, privacy.trackers, world.engine) == 0
    privacy.settle(view)
    assert erase.deliver_due(world.now, privacy.trackers, world.engine) == 1
    assert privacy.see(view).state == "completed"
    assert erase.deliver_due(world.now + timedelta(days=1), privacy.trackers, world.engine) == 0


def test_a_failure_is_tried_again_with_patience(privacy: Privacy) -> None:
    world = privacy.world
    Desk(world)
    view = privacy.ask()
    world.now += rules.COOLING_OFF
    privacy.settle(view)
    privacy.trackers.down = True
    assert erase.deliver_due(world.now, privacy.trackers, world.engine) == 1
    assert privacy.see(view).state == "executing"
    privacy.trackers.down = False
    assert erase.deliver_due(world.now, privacy.trackers, world.engine) == 0
    with world.reading() as session:
        [waiting] = outbox.waiting(session, "erasure")
    assert waiting.last_error == "TrackerNotErased"
    assert waiting.next_at is not None
    assert erase.deliver_due(waiting.next_at, privacy.trackers, world.engine) == 1
    assert privacy.see(view).state == "completed"
