"""Rasa's side of the pipe: JSON lines to and from pytest. Loads under Rasa's Python (3.10), before Rasa does."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import threading
from collections.abc import Callable
from typing import Any


class Pipe:
    """JSON lines over a socket that was inherited. When the other end is gone, this process ends too."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing = threading.Lock()

    def listen(self, loop: asyncio.AbstractEventLoop, serve: Callable[[dict[str, Any]], None]) -> None:
        """Call ``serve`` in ``loop`` for each request that comes. A thread reads, so that our end is noticed while Rasa loads."""
        self._loop = loop
        threading.Thread(target=self._read, args=(loop, serve), daemon=True).start()

    def write(self, message: dict[str, Any]) -> None:
        """Send one message."""
        line = json.dumps(message).encode() + b"\n"
        with self._writing:
            self._socket.sendall(line)

    async def call(self, body: Any) -> dict[str, Any]:
        """Let a custom action run at the other end; returns ``{"status": ..., "body": ...}``."""
        if self._loop is None:
            raise RuntimeError("nobody listens yet")
        number = next(self._numbers)
        self._waiting[number] = self._loop.create_future()
        try:
            self.write({"call": number, "body": body})
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    def _read(self, loop: asyncio.AbstractEventLoop, serve: Callable[[dict[str, Any]], None]) -> None:
        try:
            for line in self._socket.makefile("rb"):
                message = json.loads(line)
                loop.call_soon_threadsafe(self._answered if "call" in message else serve, message)
        except ConnectionResetError:
            pass
        os._exit(0)

    def _answered(self, message: dict[str, Any]) -> None:
        future = self._waiting.get(message["call"])
        if future is not None and not future.done():
            future.set_result(message)
