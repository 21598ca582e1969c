"""A lock store without polling, for one Rasa process.

Stock Rasa lets a message that waits for its conversation look once a second whether its turn has come. Here it is woken
at once. endpoints.yml names this class; loading it also installs engine/patches.py.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Optional

from rasa.constants import ENV_SANIC_WORKERS
from rasa.core.lock import TicketLock
from rasa.core.lock_store import LOCK_LIFETIME, InMemoryLockStore, LockError
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from engine import patches


class _Queue:
    """The messages of one conversation: one has the lock, the others wait in the order they came."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # first come, first served
        self.users = 0


class FastInMemoryLockStore(InMemoryLockStore):
    """Gives each conversation to one message at a time, in the order in which the messages came.

    A message that has waited ``lock_lifetime`` seconds gives up with a LockError. A message that is being handled keeps
    the lock until it is done: two turns of a conversation never run at once.
    """

    def __init__(self, endpoint_config: Optional[EndpointConfig] = None) -> None:
        """Create the store; Rasa passes the ``lock_store`` section of endpoints.yml, which has no options.

        Raises:
            RasaException: when several server processes are asked for, which could not see each other's locks.
            RasaHasChanged: when the installed Rasa is not the one that the patches were written for.
        """
        super().__init__()
        if os.environ.get(ENV_SANIC_WORKERS, "1") not in ("", "0", "1"):
            raise RasaException(
                f"{ENV_SANIC_WORKERS} asks for several processes, but the locks of engine.lock_store are in the memory of "
                f"one. Unset it, or name Rasa's Redis lock store in endpoints.yml."
            )
        patches.install()
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def lock(
        self,
        conversation_id: str,
        lock_lifetime: float = LOCK_LIFETIME,
        wait_time_in_seconds: float = 1,
    ) -> AsyncGenerator[TicketLock, None]:
        """Hold the lock of a conversation while the ``async with`` block runs.

        Args:
            conversation_id: whose turn it is.
            lock_lifetime: how many seconds to wait for the messages before this one.
            wait_time_in_seconds: not used; Rasa's own stores poll at this pace.

        Raises:
            LockError: when the wait was too long.
        """
        queue = self._queues.setdefault(conversation_id, _Queue())
        queue.users += 1
        try:
            await self._acquire(queue.lock, conversation_id, lock_lifetime)
            try:
                yield self.create_lock(conversation_id)
            finally:
                queue.lock.release()
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[conversation_id]

    @staticmethod
    async def _acquire(lock: asyncio.Lock, conversation_id: str, seconds: float) -> None:
        try:
            await asyncio.wait_for(lock.acquire(), seconds)
        except asyncio.TimeoutError:
            raise LockError(
                f"A message of conversation '{conversation_id}' waited {seconds:.0f} s for the one before it."
            ) from None
