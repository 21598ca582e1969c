"""Calls to a real action server: one that is late, one that fails, one that refuses; and the guard of the patches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jsonschema import ValidationError
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecutionRejected, BotUttered, Event, FollowupAction, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from engine import action_server, patches

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
GOOD = {"events": [{"event": "slot", "name": "seen", "value": True}], "responses": [{"text": "done"}]}

patches.install()


class Server:
    """An action server on a free port that can be started and stopped."""

    def __init__(self, handler: Handler, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/webhook"
        self.calls = 0
        self._port = port
        self._handler = handler
        self._runner: Any = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/webhook", self._handle)
        self._runner = web.AppRunner(app, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        return await self._handler(request)


ServerOf = Callable[[Handler], Server]


@pytest.fixture
async def server(unused_port: int) -> AsyncIterator[ServerOf]:
    servers: list[Server] = []

    def create(handler: Handler) -> Server:
        servers.append(Server(handler, unused_port))
        return servers[-1]

    yield create
    for each in servers:
        await each.stop()


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run(url: str, name: str = "action_test") -> list[Event]:
    action = RemoteAction(name, EndpointConfig(url))
    tracker = DialogueStateTracker.from_events("conversation", [])
    nlg = TemplatedNaturalLanguageGenerator({})
    return await action.run(CollectingOutputChannel(), nlg, tracker, Domain.empty())


def answer(body: Any, status: int = 200) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return handler


def is_failure(events: list[Event], name: str = "action_test") -> bool:
    expected = {"recourse": "action_failed", "action": name}
    return (
        isinstance(events[0], BotUttered)
        and events[0].data["custom"] == expected
        and isinstance(events[-1], FollowupAction)
        and events[-1].action_name == "action_listen"
    )


async def test_a_good_answer_is_passed_on(server: ServerOf) -> None:
    good = server(answer(GOOD))
    await good.start()
    events = await run(good.url)
    assert [type(event) for event in events] == [BotUttered, SlotSet]
    assert good.calls == 1


async def test_a_server_that_comes_back_is_waited_for(server: ServerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = asyncio.Event()

    def waits() -> Iterator[float]:
        while True:
            refused.set()
            yield 0.01

    monkeypatch.setattr(action_server, "_waits", waits)
    late = server(answer(GOOD))
    call = asyncio.create_task(run(late.url))
    await refused.wait()
    await late.start()
    assert [type(event) for event in await call] == [BotUttered, SlotSet]


async def test_a_dropped_connection_is_tried_again(server: ServerOf) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if flaky.calls == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(GOOD)

    flaky = server(handler)
    await flaky.start()
    assert isinstance((await run(flaky.url))[-1], SlotSet)
    assert flaky.calls == 2


async def test_a_server_that_stays_away_is_a_failure(
    unused_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(action_server, "RETRY_SECONDS", 0.3)
    started = time.monotonic()
    with caplog.at_level(logging.ERROR, logger="engine.action_server"):
        assert is_failure(await run(f"http://127.0.0.1:{unused_port}/webhook"))
    assert 0.1 <= time.monotonic() - started < 2
    assert "action_test of conversation conversation failed" in caplog.text


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_an_http_error_is_a_failure_at_once(server: ServerOf, status: int) -> None:
    broken = server(answer({"error": "boom"}, status))
    await broken.start()
    assert is_failure(await run(broken.url))
    assert broken.calls == 1


@pytest.mark.parametrize("body", [[], "text", {"events": "none"}, {"events": [{"event": "slot"}], "responses": []}])
async def test_a_malformed_answer_is_a_failure(server: ServerOf, body: Any) -> None:
    odd = server(answer(body))
    await odd.start()
    assert is_failure(await run(odd.url))


async def test_an_answer_that_takes_too_long_is_a_failure_and_not_tried_again(
    server: ServerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await released.wait()
        return web.json_response(GOOD)

    monkeypatch.setattr(action_server, "REQUEST_SECONDS", 0.1)
    slow = server(handler)
    await slow.start()
    assert is_failure(await run(slow.url))
    assert slow.calls == 1
    released.set()


async def test_a_rejection_is_left_to_rasa(server: ServerOf) -> None:
    refusing = server(answer({"action_name": "action_test", "error": "not now"}, 400))
    await refusing.start()
    with pytest.raises(ActionExecutionRejection, match="not now"):
        await run(refusing.url)


async def test_a_failed_form_validation_also_rejects_the_form(server: ServerOf) -> None:
    broken = server(answer({}, 500))
    await broken.start()
    events = await run(broken.url, "validate_cancel_form")
    assert is_failure(events, "validate_cancel_form")
    rejected = events[1]
    assert isinstance(rejected, ActionExecutionRejected) and rejected.action_name == "cancel_form"


async def test_a_cancelled_call_stays_cancelled(server: ServerOf) -> None:
    async def handler(request: web.Request) -> web.Response:
        call.cancel()
        return web.json_response(GOOD)

    stopping = server(handler)
    await stopping.start()
    call = asyncio.create_task(run(stopping.url))
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_without_an_endpoint_the_action_fails_visibly() -> None:
    action = RemoteAction("action_test", None)
    tracker = DialogueStateTracker.from_events("conversation", [])
    nlg = TemplatedNaturalLanguageGenerator({})
    assert is_failure(await action.run(CollectingOutputChannel(), nlg, tracker, Domain.empty()))


def test_the_schema_check_accepts_and_refuses_as_stock_rasa_does() -> None:
    action = RemoteAction("action_test", None)
    assert action._validate_action_result(GOOD)
    with pytest.raises(ValidationError):
        action._validate_action_result({"events": [{"event": "slot"}]})


def test_the_schema_check_is_much_faster_than_building_a_validator_each_time() -> None:
    import jsonschema

    action = RemoteAction("action_test", None)
    action._validate_action_result(GOOD)
    started = time.perf_counter()
    for _ in range(20):
        action._validate_action_result(GOOD)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(20):
        jsonschema.validate(GOOD, RemoteAction.action_response_format_spec())
    assert ours * 3 < time.perf_counter() - started


def test_the_patches_fit_the_installed_rasa() -> None:
    """Read the stock functions from a fresh copy of the module, because this process has the patched ones."""
    import importlib.util
    import sys

    import rasa.core.actions.action as patched

    spec = importlib.util.spec_from_file_location("stock_action", Path(patched.__file__))
    assert spec is not None and spec.loader is not None
    stock = importlib.util.module_from_spec(spec)
    sys.modules["stock_action"] = stock
    try:
        spec.loader.exec_module(stock)
        for patch in patches.PATCHES:
            patches.check(patch._replace(owner=stock.RemoteAction))
    finally:
        del sys.modules["stock_action"]


def test_another_rasa_is_refused_with_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class RemoteAction:
        async def run(self) -> None:
            """Do something else."""

    other = patches.Patch(RemoteAction, "run", patches.PATCHES[1].sha256, lambda stock: stock)
    monkeypatch.setattr(patches, "PATCHES", (other,))
    stock = RemoteAction.run
    with pytest.raises(patches.RasaHasChanged, match=r"RemoteAction\.run of Rasa .*scripts/bootstrap"):
        patches.install()
    assert RemoteAction.run is stock


def test_installing_twice_changes_nothing() -> None:
    before = RemoteAction.run
    patches.install()
    assert RemoteAction.run is before
