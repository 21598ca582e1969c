"""A web server in a thread of this process, on a free port of loopback."""

from __future__ import annotations

import socket
import threading

import uvicorn

from pytest_rasa.world import WorldError

_START_S = 30.0
_STOP_S = 10.0


class Serving:
    """``server`` serves from here until ``stop``. Raises WorldError when it does not start."""

    def __init__(self, server: uvicorn.Server, name: str) -> None:
        self._server, self._name = server, name
        self._started = threading.Event()
        start = server.startup

        async def start_and_say(sockets: list[socket.socket] | None = None) -> None:
            await start(sockets)
            self._started.set()

        server.startup = start_and_say  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        if not self._started.wait(_START_S) or not server.started:
            raise WorldError(f"{name} did not start")
        self.port: int = server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """As on SIGTERM."""
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            raise WorldError(f"{self._name} did not stop within {_STOP_S:.0f} s")

    def _run(self) -> None:
        try:
            self._server.run()
        finally:
            self._started.set()
