"""The lock store: order, speed, errors."""

from __future__ import annotations

import asyncio
import time

import pytest
from rasa.core.lock_store import LockError, LockStore
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from engine.lock_store import FastInMemoryLockStore


async def _all_waiting() -> None:
    """Let the tasks that were just created run until they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


ENDPOINT = EndpointConfig(type="engine.lock_store.FastInMemoryLockStore")


@pytest.fixture
def store() -> FastInMemoryLockStore:
    return FastInMemoryLockStore()


def test_rasa_creates_it_from_endpoints_yml() -> None:
    assert isinstance(LockStore.create(ENDPOINT), FastInMemoryLockStore)


async def test_twenty_messages_are_handled_one_by_one_in_order_and_at_once(store: FastInMemoryLockStore) -> None:
    done: list[int] = []
    running = 0

    async def message(number: int) -> None:
        nonlocal running
        async with store.lock("one"):
            running += 1
            assert running == 1
            await asyncio.sleep(0)
            running -= 1
            done.append(number)

    started = time.perf_counter()
    await asyncio.gather(*(message(number) for number in range(20)))
    assert done == list(range(20))
    assert time.perf_counter() - started < 0.5  # stock Rasa needs 20 s


async def test_conversations_do_not_wait_for_each_other(store: FastInMemoryLockStore) -> None:
    async with store.lock("one"), store.lock("two", lock_lifetime=0.01):
        pass


async def test_a_message_that_waits_too_long_gives_up_and_the_next_goes_on(store: FastInMemoryLockStore) -> None:
    async with store.lock("one"):
        with pytest.raises(LockError, match="waited 0 s"):
            async with store.lock("one", lock_lifetime=0.01):
                pass
    async with store.lock("one", lock_lifetime=0.01):
        pass


async def test_an_error_in_a_turn_frees_the_lock(store: FastInMemoryLockStore) -> None:
    with pytest.raises(ValueError, match="boom"):
        async with store.lock("one"):
            raise ValueError("boom")
    async with store.lock("one", lock_lifetime=0.01):
        pass


async def test_a_message_that_is_dropped_while_it_waits_leaves_the_queue(store: FastInMemoryLockStore) -> None:
    done: list[str] = []

    async def message(name: str) -> None:
        async with store.lock("one"):
            done.append(name)

    async with store.lock("one"):
        waiting = [asyncio.create_task(message(name)) for name in ("first", "dropped", "last")]
        await _all_waiting()
        waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert done == ["first", "last"]


async def test_nothing_is_kept_of_a_conversation_that_is_idle(store: FastInMemoryLockStore) -> None:
    async with store.lock("one"):
        pass
    assert store._queues == {} == store.conversation_locks


def test_several_server_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANIC_WORKERS", "2")
    with pytest.raises(RasaException, match="SANIC_WORKERS asks for several processes"):
        LockStore.create(ENDPOINT)
