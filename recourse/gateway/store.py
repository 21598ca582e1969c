"""The order store from a thread: the event loop never waits for a database."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from recourse.core.db import reading, transaction

T = TypeVar("T")
_THREADS = 8


class Store:
    """Runs units of work of the services in threads.

    SQLite takes one writer at a time: writers of this process queue here, in order, instead of polling its lock.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = anyio.CapacityLimiter(_THREADS)
        self._writers = anyio.CapacityLimiter(1 if engine.dialect.name == "sqlite" else _THREADS)

    async def read(self, work: Callable[[Session], T]) -> T:
        """What ``work`` finds, in a session that only reads."""
        return await run_sync(partial(self._read, work), limiter=self._readers)

    async def write(self, work: Callable[[Session], T]) -> T:
        """What ``work`` returns, after its changes are committed."""
        return await run_sync(partial(self._write, work), limiter=self._writers)

    def _read(self, work: Callable[[Session], T]) -> T:
        with reading(self._engine) as session:
            return work(session)

    def _write(self, work: Callable[[Session], T]) -> T:
        with transaction(self._engine) as session:
            return work(session)
