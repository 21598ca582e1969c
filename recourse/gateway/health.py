"""``/healthz`` and ``/readyz``: does the process live, and can it work?"""

from __future__ import annotations

import asyncio
import time

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recourse import migrations
from recourse.core.settings import Settings
from recourse.gateway.engine import Engine

OK = "ok"
_REMEMBER_S = 1.0


class Health:
    """Asks the parts, at most once a second however often it is asked."""

    def __init__(self, config: Settings, engine: Engine) -> None:
        self._config, self._engine = config, engine
        self._lock = asyncio.Lock()
        self._parts: dict[str, str] = {}
        self._asked_at = float("-inf")

    async def alive(self, _request: Request) -> Response:
        """200 while the process serves requests."""
        return JSONResponse({"status": OK})

    async def ready(self, _request: Request) -> Response:
        """200 when all parts can work, else 503; the body names each part and what is wrong with it."""
        parts = await self._ask()
        is_ready = all(state == OK for state in parts.values())
        body = {"status": OK if is_ready else "not_ready", "parts": parts}
        return JSONResponse(body, 200 if is_ready else 503)

    async def _ask(self) -> dict[str, str]:
        async with self._lock:
            if time.monotonic() - self._asked_at > _REMEMBER_S:
                database, rasa, actions = await asyncio.gather(self._database(), self._rasa(), self._actions())
                self._parts = {"database": database, "rasa": rasa, "actions": actions}
                self._asked_at = time.monotonic()
            return self._parts

    async def _database(self) -> str:
        try:
            current = await run_sync(migrations.is_current, self._config.database_url)
        except SQLAlchemyError:
            return "the database does not answer; check RECOURSE_DATABASE_URL"
        return OK if current else "the tables are missing or old; run `python -m recourse.migrations upgrade`"

    async def _rasa(self) -> str:
        return OK if await self._engine.is_ready() else "Rasa does not answer yet; it needs about 20 s to start"

    async def _actions(self) -> str:
        return OK if await self._engine.actions_are_ready() else "the action server does not answer yet"
