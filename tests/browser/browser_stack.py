"""The stack that is tested: one ``recourse up`` for all cases, on its own data folder and free ports.

With RECOURSE_URL a running one is used instead; its order store is then found with the usual settings (RECOURSE_DATA or
RECOURSE_DATABASE_URL).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy.engine import Engine

from recourse.core.db import engine_for
from recourse.core.settings import PROJECT_ROOT, from_environment
from recourse.ops.layout import Layout, layout, tail
from recourse.ops.ports import free_port
from recourse.ops.state import State, load
from recourse.ops.supervisor_config import bind_to_parent

_START_S = 600.0  # the first start trains the model
_RESTART_S = 120.0
_STOP_S = 20.0
_POLL_S = 0.1
_SHARED = ("models", "cache")


class StackError(Exception):
    """The stack did not do what it should; the message says what and shows the end of the log."""


@dataclass(frozen=True, slots=True)
class Stack:
    """``url``: the gateway. ``engine``: the order store. ``layout``: its data folder."""

    url: str
    engine: Engine
    layout: Layout

    def kill(self, name: str) -> int:
        """End the process ``name`` outright, as a crash does; returns its pid. The supervisor starts it again."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def restart(self, name: str) -> None:
        """Kill the process ``name`` and wait until its successor answers."""
        old = self.kill(name)
        _wait(lambda: self._pid(name) != old and self._answers(name), _RESTART_S, f"{name} to be back")

    def _pid(self, name: str) -> int:
        return self._state().processes[name].pid

    def _state(self) -> State:
        state = load(self.layout.state_file)
        if state is None:
            raise StackError(
                f"nothing runs on {self.layout.data}; set RECOURSE_DATA to the folder of the running stack"
            )
        return state

    def _answers(self, name: str) -> bool:
        path = "health" if name == "actions" else ""
        try:
            return httpx.get(f"http://127.0.0.1:{self._state().ports[name]}/{path}", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def running() -> Iterator[Stack]:
    """The stack for a test session: the one RECOURSE_URL names, or one that is started and stopped here."""
    given = os.environ.get("RECOURSE_URL")
    if given:
        settings = from_environment()
        yield Stack(given.rstrip("/"), engine_for(settings.database_url), layout(settings))
        return
    with tempfile.TemporaryDirectory(prefix="recourse-conversations-") as folder, _started(Path(folder)) as stack:
        yield stack


@contextmanager
def _started(data: Path) -> Iterator[Stack]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RECOURSE_")}
    port = free_port()
    # Stand-ins for the provider and the sellers would change orders behind the tests' back.
    env |= {"RECOURSE_DATA": str(data), "RECOURSE_PORT": str(port), "RECOURSE_SIMULATORS": "off"}
    where = layout(from_environment(env))
    _share_models(data)
    log = data / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            bind_to_parent([sys.executable, "-m", "recourse.cli", "up"], signal.SIGTERM),
            cwd=PROJECT_ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(lambda: _ready(process, where, log), _START_S, "the stack to start")
        yield Stack(f"http://127.0.0.1:{port}", engine_for(from_environment(env).database_url), where)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _share_models(data: Path) -> None:
    """Use the checkout's trained models, and leave a newly trained one there."""
    for name in _SHARED:
        shared = PROJECT_ROOT / "var" / name
        shared.mkdir(parents=True, exist_ok=True)
        (data / name).symlink_to(shared, target_is_directory=True)


def _ready(process: subprocess.Popen[bytes], where: Layout, log: Path) -> bool:
    if process.poll() is not None:
        raise StackError(f"`recourse up` ended with exit code {process.returncode}:\n{tail(log)}")
    state = load(where.state_file)
    return state is not None and state.ready


def _wait(reached: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise StackError(f"waited {seconds:.0f} s for {what}")
        time.sleep(_POLL_S)
