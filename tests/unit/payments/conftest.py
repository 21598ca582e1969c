"""The simulated provider and the gateway, on free ports, around one store."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from recourse.core.clock import FixedClock
from recourse.core.settings import DEMO_PROVIDER_KEY, DEMO_WEBHOOK_SECRET, Settings, from_environment
from recourse.gateway.app import create_app
from recourse.gateway.server import server
from recourse.payments.http import HttpProvider
from recourse.payments.port import PaymentProvider
from recourse.refunds import service as refunds
from recourse.simulators.provider import Simulator
from recourse.simulators.provider_store import ProviderStore
from tests.unit.gateway.servers import Running, eventually
from tests.unit.payments.stubs import deliver
from tests.unit.refunds.scenes import see
from tests.unit.world import World


class Money:
    """The way of money: the store, the gateway that hears webhooks, and the simulated provider that sends them."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self._file = world, folder / "provider.db"
        made = from_environment({"RECOURSE_DATA": str(folder)})
        url = world.engine.url.render_as_string(hide_password=False)
        self.config: Settings = dataclasses.replace(made, database_url=url)
        self.http = httpx.AsyncClient(timeout=10, trust_env=False)
        self.provider_port = 0
        self._running: list[Running] = []

    async def start(self, config: dict[str, Any] | None = None, **options: Any) -> None:
        """Start both; ``config`` are other settings of the gateway, ``options`` the simulator's."""
        self.config = dataclasses.replace(self.config, **(config or {}))
        app = create_app(self.config, clock=FixedClock(self.world.now))
        gateway = Running(server(app, self.config, 0))
        self.gateway = f"http://127.0.0.1:{await gateway.started()}"
        self._running.append(gateway)
        await self.start_provider(**options)

    async def start_provider(self, **options: Any) -> None:
        """Start the simulator, on the same port and with the same file as before."""
        given: dict[str, Any] = {
            "settle_after": timedelta(), "processing_after": timedelta(), "hang_s": 0.6, "tick_s": 0.02, **options
        }  # fmt: skip
        simulator = Simulator(
            ProviderStore(self._file), api_key=DEMO_PROVIDER_KEY, secret=DEMO_WEBHOOK_SECRET,
            webhooks=f"{self.gateway}/webhooks/payments", public_url="http://provider.example", **given,
        )  # fmt: skip
        config = uvicorn.Config(simulator.app(), host="127.0.0.1", port=self.provider_port, log_config=None)
        self._provider = Running(uvicorn.Server(config))
        self.provider_port = await self._provider.started()
        self.provider = f"http://127.0.0.1:{self.provider_port}"

    async def stop_provider(self) -> None:
        await self._provider.stop()

    async def stop(self) -> None:
        for each in (self._provider, *self._running):
            await each.stop()
        await self.http.aclose()

    async def deliver(self, after: timedelta = timedelta(), service: PaymentProvider | None = None) -> int:
        """The worker's round."""
        client = HttpProvider(self.provider, DEMO_PROVIDER_KEY, timeout_s=0.3) if service is None else service
        try:
            return await asyncio.to_thread(deliver, self.world, client, after)
        finally:
            if isinstance(client, HttpProvider):
                client.close()

    async def leg_is(self, leg_id: str, state: str) -> refunds.LegView:
        """Wait until a leg is in ``state``."""
        await eventually(lambda: see(self.world, leg_id).state == state)
        return see(self.world, leg_id)

    async def control(self, name: str, **body: Any) -> dict[str, Any]:
        """Steer the simulator; without a body, look at it."""
        headers = {"Authorization": f"Bearer {DEMO_PROVIDER_KEY}"}
        url = f"{self.provider}/control/{name}"
        response = await (
            self.http.get(url, headers=headers) if name == "state" else self.http.post(url, json=body, headers=headers)
        )
        assert response.is_success, response.text
        return dict(response.json())

    async def refunds_there(self) -> list[dict[str, Any]]:
        """What the simulator has."""
        return list((await self.control("state"))["refunds"])

    async def quiet(self) -> None:
        """Wait until every event was delivered."""
        async with asyncio.timeout(15):
            while (await self.control("state"))["undelivered"]:  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.02)


@pytest.fixture
async def money(world: World, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Start everything: ``await money(settle_after=...)``."""
    made = Money(world, tmp_path)

    async def start(**options: Any) -> Money:
        await made.start(**options)
        return made

    yield start
    await made.stop()
