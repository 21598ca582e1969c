"""The processes of a running stack: killed, stopped and started again, through the supervisor that holds them."""

from __future__ import annotations

import os
import signal
from xmlrpc.client import Fault, ServerProxy

import httpx
from supervisor.xmlrpc import SupervisorTransport

from pytest_rasa.world import WorldError
from recourse.ops.layout import Layout
from recourse.ops.state import State, load
from recourse_world.waiting import wait_until

_BACK_S = 120.0


class Processes:
    """Rasa and the action server of the stack with the data folder of ``layout``."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._down: set[str] = set()
        self._unsteady: set[str] = set()

    def set(self, name: str, value: str) -> None:
        """``down``: stopped, and it stays so. ``up``: runs, and answers. ``killed``: dies, and the supervisor starts it again.
        ``restart``: the same, and back already. Raises WorldError."""
        match value:
            case "down":
                self._supervisor().stopProcess(f"recourse:{name}")
                self._down.add(name)
            case "up":
                self._up(name)
            case _:
                old = self._pid(name)
                os.kill(old, signal.SIGKILL)
                self._unsteady.add(name)
                if value == "restart":
                    self._wait(name, old)

    def mend(self) -> None:
        """For the next case: everything runs and answers."""
        for name in self._down | self._unsteady:
            self._up(name)

    def _up(self, name: str) -> None:
        if name in self._down:
            try:
                self._supervisor().startProcess(f"recourse:{name}", False)
            except Fault as fault:
                raise WorldError(f"{name} does not start: {fault.faultString}") from fault
            self._down.discard(name)
        self._wait(name)

    def _wait(self, name: str, old: int | None = None) -> None:
        wait_until(lambda: self._pid(name) != old and self._answers(name), _BACK_S, f"{name} to be back")
        self._unsteady.discard(name)

    def _supervisor(self) -> ServerProxy:
        transport = SupervisorTransport(None, None, f"unix://{self._layout.control_socket()}")
        return ServerProxy("http://supervisor", transport=transport).supervisor  # type: ignore[return-value]

    def _pid(self, name: str) -> int:
        return self._state().processes[name].pid

    def _state(self) -> State:
        state = load(self._layout.state_file)
        if state is None:
            raise WorldError(
                f"nothing runs on {self._layout.data}; set RECOURSE_DATA to the folder of the running stack"
            )
        return state

    def _answers(self, name: str) -> bool:
        if name not in self._state().ports:
            return True  # nobody asks it anything
        path = "health" if name == "actions" else ""
        try:
            return httpx.get(f"http://127.0.0.1:{self._state().ports[name]}/{path}", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False
