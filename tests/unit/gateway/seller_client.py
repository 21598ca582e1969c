"""A gateway that really listens, in a thread of its own, and a seller's system that talks to it."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import nullcontext
from datetime import datetime
from typing import Any

import httpx

from recourse.core.db import new_id
from recourse.core.settings import from_environment
from recourse.gateway.app import create_app
from recourse.gateway.limits import Limits, Rate
from recourse.gateway.server import server
from recourse.sellers import keys
from recourse.sellers.models import Seller
from tests.unit.world import World

WIDE = Limits(requests=Rate(100_000, 1000.0))


class WorldClock:
    """Tells the time of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now


class Served:
    """The gateway over the store of a world; ``url`` is where it listens."""

    def __init__(self, world: World, limits: Limits = WIDE, **settings: Any) -> None:
        url = world.engine.url.render_as_string(hide_password=False)
        config = dataclasses.replace(from_environment({}), database_url=url, **settings)
        self.app = create_app(config, clock=WorldClock(world), limits=limits)
        self._server = server(self.app, config, 0)
        self._server.capture_signals = nullcontext  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the gateway did not start"
            self._thread.join(0.005)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        """As on SIGTERM."""
        self._server.should_exit = True
        self._thread.join(10)


class Api:
    """A seller (acme) with a key; there is a rival with another. ``post`` makes an Idempotency-Key unless one is given."""

    def __init__(self, world: World, limits: Limits = WIDE) -> None:
        with world.transaction() as session:
            session.add(Seller(id="rival", name="Rival Pots", country="DE"))
        self.world = world
        self.key = self.new_key("acme")
        self.rival_key = self.new_key("rival")
        self.served = Served(world, limits)
        self.http = httpx.Client(base_url=self.served.url, timeout=30, trust_env=False)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.served.stop()

    def new_key(self, seller_id: str) -> str:
        """One more key of a seller."""
        with self.world.transaction() as session:
            return keys.issue_key(session, seller_id, "test", self.world.now)

    def call(self, method: str, path: str, *, key: str | None = None, **options: Any) -> httpx.Response:
        """Any call, by default with acme's key."""
        headers = {"Authorization": f"Bearer {key or self.key}", **options.pop("headers", {})}
        return self.http.request(method, f"/seller/v1{path}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, *, once: str | None = None, **options: Any) -> httpx.Response:
        """POST; ``once``: the Idempotency-Key."""
        headers = {"Idempotency-Key": once or new_id()}
        return self.call("POST", path, json=body, headers=headers, **options)
