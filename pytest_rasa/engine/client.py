"""Rasa in a child process, spoken to from any thread.

``RasaClient.start`` loads the model once; custom actions are called back in this process. Messages and custom actions of several
conversations may be under way at once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from pytest_rasa.engine.errors import EngineDown, EngineError
from pytest_rasa.engine.process import Assistant, RasaProcess


class Actions(Protocol):
    """What runs the custom actions: see ``actions.py``."""

    down: bool

    async def run(self, call: dict[str, Any]) -> tuple[int, Any]:
        """An action server's status and JSON answer to ``call``; status 0 when the server cannot be reached."""
        ...


@dataclass(frozen=True, slots=True)
class EngineTurn:
    """What Rasa made of one message.

    ``messages``: as in the answer of Rasa's REST channel. ``events``: from the message on, as in its HTTP API; empty when the turn
    broke. ``rules``: names of the rules whose predictions were carried out, in order. ``calls``: the custom actions that answered.
    """

    sender: str
    text: str
    messages: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    rules: Sequence[str]
    calls: Sequence[str]


class RasaClient:
    """One Rasa process and its model. Call ``start`` first and ``close`` last.

    ``about``: what Rasa said of itself when it started; ``rules`` are all rules of the training data, ``unknown_rules`` those that
    the model does not know.
    """

    def __init__(self, assistant: Assistant, actions: Actions) -> None:
        self.actions = actions
        self.about: Mapping[str, Any] = {}
        self._process = RasaProcess(assistant)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pytest-rasa", daemon=True)
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._acting: set[asyncio.Task[None]] = set()
        self._turns: deque[EngineTurn] = deque()

    @property
    def alive(self) -> bool:
        """Is the model loaded and Rasa running?"""
        return self._writer is not None

    def start(self) -> None:
        """Start Rasa and wait until the model is loaded. Raises EngineError."""
        if not self._thread.is_alive():
            self._thread.start()
        self._wait(self._start())

    def send(self, sender: str, text: str, metadata: Mapping[str, Any] | None = None) -> EngineTurn:
        """Let Rasa handle a message. Raises EngineDown."""
        return self._wait(self._send(sender, text, metadata))

    async def asend(self, sender: str, text: str, metadata: Mapping[str, Any] | None = None) -> EngineTurn:
        """``send`` for any event loop."""
        return await self._elsewhere(self._send(sender, text, metadata))

    def tracker(self, sender: str, include_events: str = "ALL") -> dict[str, Any]:
        """The conversation as Rasa's HTTP API shows it: slots, events and more. Raises EngineDown."""
        state: dict[str, Any] = self.request("tracker", sender=sender, include_events=include_events)
        return state

    def append(self, sender: str, events: Sequence[Mapping[str, Any]], include_events: str = "NONE") -> dict[str, Any]:
        """Add events to a conversation, as Rasa's HTTP API does. Raises EngineError."""
        state: dict[str, Any] = self.request("append", sender=sender, events=events, include_events=include_events)
        return state

    def forget(self, sender: str | None = None) -> None:
        """Forget a conversation, or all of them. Raises EngineDown."""
        self.request("forget", sender=sender)

    def set_initial_slots(self, slots: Mapping[str, Any]) -> None:
        """From now on every new conversation has these slots. Raises EngineError, for example for an unknown slot."""
        self.request("initial_slots", slots=slots)

    def request(self, op: str, **arguments: Any) -> Any:
        """One request to the host (``host_rasa.py`` has them all). Raises EngineError."""
        return self._wait(self._ask(op, arguments))

    async def arequest(self, op: str, **arguments: Any) -> Any:
        """``request`` for any event loop."""
        return await self._elsewhere(self._ask(op, arguments))

    def take_turns(self) -> list[EngineTurn]:
        """All messages that were answered since the last call, whoever sent them."""
        return [self._turns.popleft() for _ in range(len(self._turns))]

    def kill(self) -> None:
        """End Rasa outright, as a crash does. What was under way is cut off; saved conversations stay, unless they are in memory."""
        self._process.kill()
        self._wait(self._gone())

    def restart(self) -> None:
        """Start Rasa again, after ``kill`` where it still runs. Raises EngineError."""
        self.kill()
        self.start()

    def close(self) -> None:
        """Stop Rasa and forget everything."""
        if self._thread.is_alive():
            self.kill()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._process.close()

    def log_tail(self) -> str:
        """The last lines that Rasa wrote."""
        return self._process.log_tail()

    def _wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _elsewhere[T](self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _start(self) -> None:
        self.about, reader, self._writer = await self._process.start()
        self._reading = asyncio.create_task(self._read(reader, self._writer))

    async def _send(self, sender: str, text: str, metadata: Mapping[str, Any] | None) -> EngineTurn:
        made = await self._ask("message", {"sender": sender, "text": text, "metadata": metadata})
        turn = EngineTurn(sender, text, made["messages"], made["events"], made["rules"], made["calls"])
        self._turns.append(turn)
        return turn

    async def _ask(self, op: str, arguments: Mapping[str, Any]) -> Any:
        if self._writer is None:
            raise EngineDown("Rasa is not running")
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._write({"id": number, "op": op, **arguments})
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    def _write(self, message: Mapping[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self._got(json.loads(line))
        except ConnectionResetError:
            pass
        self._writer = None
        writer.close()
        for task in self._acting:  # an action server does so when the connection is lost
            task.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(EngineDown("Rasa ended while it had the message", cut_off=True))

    def _got(self, message: dict[str, Any]) -> None:
        if "call" in message:
            task = asyncio.create_task(self._act(message["call"], message["body"]))
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)
            return
        future = self._waiting.get(message["re"])
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(EngineError(message["error"]))
        else:
            future.set_result(message["result"])

    async def _act(self, number: int, call: dict[str, Any]) -> None:
        status, body = await self.actions.run(call)
        answer: dict[str, Any] = {"call": number, "status": status}
        if status >= HTTPStatus.BAD_REQUEST:
            answer |= {"reason": _reason(status), "text": json.dumps(body)}
        else:
            answer["body"] = body
        self._write(answer)

    async def _gone(self) -> None:
        if self._reading is not None:
            await self._reading
            self._reading = None
        await asyncio.gather(*self._acting, return_exceptions=True)


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus else ""
