"""What the endpoints share, and its life: started with the server, drained when the server is told to stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from recourse.conversations import service as conversations
from recourse.conversations.service import Accepted
from recourse.core.clock import Clock
from recourse.core.db import engine_for
from recourse.core.settings import Settings
from recourse.core.words import Words
from recourse.gateway.engine import Engine
from recourse.gateway.hub import CLOSE_RESTART, Hub
from recourse.gateway.limits import Buckets, Limits
from recourse.gateway.news import News
from recourse.gateway.origins import normalised
from recourse.gateway.store import Store
from recourse.gateway.tokens import require_strong_secret
from recourse.gateway.turns import Pace, Turns
from recourse.gateway.watch import Watch


class Gateway:
    """One running gateway. Raises ConfigurationError for settings that it cannot work with."""

    def __init__(
        self, config: Settings, words: Words, news: News, clock: Clock, pace: Pace, limits: Limits, engine: Engine,
        watch_period_s: float,
    ) -> None:  # fmt: skip
        require_strong_secret(config)
        self.config, self.words, self.clock, self.engine = config, words, clock, engine
        self.origins = normalised(config.allowed_origins)
        self.messages, self.requests = Buckets(limits.messages), Buckets(limits.requests)
        self.limits = limits
        self.hub = Hub()
        self.store = Store(engine_for(config.database_url))
        self.turns = Turns(self.store, engine, self.hub, words, news, clock, pace)
        self.watch = Watch(self.store, self.hub, news, clock, watch_period_s)
        self._watching: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        """The present (UTC)."""
        return self.clock.now()

    async def accept(
        self, conversation_id: str, cid: str, *, text: str | None = None, button: str | None = None
    ) -> Accepted:
        """Store a buyer's message, tell the sockets of it and wake the worker: all of it, even if the caller goes away.

        Raises what ``conversations.accept_message`` raises.
        """

        def work(session: Session) -> Accepted:
            return conversations.accept_message(session, conversation_id, cid, self.now(), text=text, button=button)

        async def accept() -> Accepted:
            accepted = await self.store.write(work)
            self.hub.tell(conversation_id, [accepted.message])
            self.turns.wake(conversation_id)
            return accepted

        return await asyncio.shield(asyncio.create_task(accept()))

    async def start(self) -> None:
        """Take up what waits in the log and watch for what others write there."""
        self._watching = asyncio.create_task(self.watch.run(self.turns.start))

    async def drain(self) -> None:
        """Let go of everybody: sockets are told to come back, waiting requests get what there is."""
        self.hub.close_all(CLOSE_RESTART)
        await self.turns.stop()

    async def stop(self) -> None:
        """End all work of this process."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self.drain()
        await self.engine.close()


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that a request or a socket came to."""
    gateway: Gateway = connection.app.state.gateway
    return gateway
