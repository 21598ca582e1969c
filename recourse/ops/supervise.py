"""``recourse up``: everything from a cold checkout to a served chat, in the foreground, until Ctrl-C.

The processes run under supervisord, which restarts what dies. This module prepares, starts it, waits until all are
ready and then reports what it says.
"""

from __future__ import annotations

import fcntl
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import psutil
from rich.console import Console

from recourse.core.settings import Settings
from recourse.core.settings import settings as process_settings
from recourse.ops import processes as our
from recourse.ops.errors import OperationsError
from recourse.ops.events import Event, Kind, parse
from recourse.ops.layout import Layout, tail
from recourse.ops.layout import layout as layout_of
from recourse.ops.model import ensure_model, model_path
from recourse.ops.ports import require_free
from recourse.ops.processes import Process
from recourse.ops.progress import Steps, console
from recourse.ops.readiness import Readiness
from recourse.ops.state import State, end_leftovers, load, save
from recourse.ops.supervisor_config import STOP_WITHIN_S, bind_to_parent, render

_READY_WITHIN_S = 180.0
_FAILED_STARTS = 3
_POLL_S = 0.5


class Stopped(BaseException):
    """A signal asked us to end. ``number`` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def up(prepare_database: Callable[[], None], settings: Settings | None = None, on: Console | None = None) -> int:
    """Start Recourse and keep it running until SIGINT, SIGTERM or SIGHUP.

    ``prepare_database`` brings the schema up to date and fills an empty database; what it raises ends the start.
    Returns the exit code: 0 when stopped after it was ready, 128 + signal when stopped before. Raises OperationsError
    (a port is taken, training failed, a process does not stay up) after all is stopped again.
    """
    config = settings or process_settings()
    steps = Steps(on or console(), total=3)
    state = State(url="")
    try:
        with stop_signals():
            _run(prepare_database, config, state, steps)
    except Stopped as stopped:
        steps.console.print("Recourse is stopped." if state.ready else "Stopped before it was ready.")
        return 0 if state.ready else 128 + stopped.number


def _run(prepare_database: Callable[[], None], config: Settings, state: State, steps: Steps) -> NoReturn:
    where = layout_of(config)
    where.create()
    with only_one(where):
        for name in end_leftovers(where.state_file):
            steps.console.print(f"Ended a left-over of an earlier run: {name}")
        ports = _free_ports(config)
        with steps.step("Database"):
            prepare_database()
        trained = model_path(where).is_file()
        with steps.step("Model" if trained else "Training the model (about a minute, only after a change)"):
            model = ensure_model(where)
        state.url, state.model, state.ports = our.public_url(config.host, ports.gateway), str(model), ports.in_use
        token = secrets.token_urlsafe(24)
        our.write_endpoints(where, ports)
        our.prepare_rasa_database(where)
        group = our.all_processes(where, ports, config.host, model, token)
        with Supervision(where, group, our.environment(where, ports, token), state, steps.console) as supervision:
            with steps.step("Rasa, actions, gateway, worker"):
                supervision.wait_until_ready()
            steps.console.print(f"Recourse is ready: {state.url}")
            supervision.watch()
    raise AssertionError("watch() ends only by raising")


class Supervision:
    """supervisord with its processes. Entering starts them; leaving stops all of them, whatever happened."""

    def __init__(
        self, layout: Layout, processes: Sequence[Process], env: Mapping[str, str], state: State, on: Console
    ) -> None:
        self._layout = layout
        self._processes = processes
        self._env = env
        self._state = state
        self._console = on
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._supervisor: subprocess.Popen[str] | None = None

    def __enter__(self) -> Supervision:
        config = self._layout.run / "supervisord.conf"
        config.write_text(render(self._layout, self._processes, self._layout.control_socket()))
        argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
        self._state.record("up", os.getpid())
        try:
            self._supervisor = subprocess.Popen(  # noqa: S603 - our own command
                bind_to_parent(argv, signal.SIGTERM),
                cwd=self._layout.root,
                env=dict(self._env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # Ctrl-C reaches only us: we stop the processes in order
            )
            threading.Thread(target=self._read, args=(self._supervisor,), daemon=True).start()
            self._state.record("supervisor", self._supervisor.pid)
            save(self._layout.state_file, self._state)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def wait_until_ready(self) -> None:
        """Return when every process can work. Raises OperationsError when one keeps failing, or after three minutes."""
        deadline = time.monotonic() + _READY_WITHIN_S
        exits: Counter[str] = Counter()
        with Readiness(self._processes) as readiness:
            while readiness.waiting:
                event = self._next(_POLL_S)
                if event is None:
                    readiness.ask()
                elif event.kind is Kind.RUNNING:
                    readiness.stayed_up(event.name)
                elif event.kind is Kind.EXITED:
                    exits[event.name] += 1
                    if exits[event.name] >= _FAILED_STARTS:
                        raise self._does_not_start(event.name, event.how)
                    self._say_restarted(event)
                if time.monotonic() > deadline:
                    names = ", ".join(readiness.waiting)
                    log = self._layout.log_of(readiness.waiting[0])
                    raise OperationsError(f"Not ready after {_READY_WITHIN_S:.0f} s: {names}. See {log}", tail(log))
        self._state.ready = True
        save(self._layout.state_file, self._state)

    def watch(self) -> NoReturn:
        """Report what dies and is started again. Never returns; raises OperationsError when a process is given up."""
        while True:
            event = self._next(None)
            if event is not None and event.kind is Kind.EXITED:
                self._say_restarted(event)

    def _say_restarted(self, event: Event) -> None:
        self._console.print(f"{event.name} stopped ({event.how}); starting it again")

    def _next(self, timeout: float | None) -> Event | None:
        """The next event, None when there was none in time. What ends the whole run is raised."""
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        if event is None:
            log = self._layout.log_of("supervisor")
            raise OperationsError(f"The supervisor ended. Start again. See {log}", tail(log))
        if event.kind is Kind.GAVE_UP:
            raise self._does_not_start(event.name, "it stopped again and again")
        if event.kind is Kind.SPAWNED:
            self._state.record(event.name, event.pid)
            save(self._layout.state_file, self._state)
        return event

    def _does_not_start(self, name: str, how: str) -> OperationsError:
        log = self._layout.log_of(name)
        return OperationsError(f"{name} does not stay up ({how}). Whole log: {log}", tail(log))

    def _read(self, supervisor: subprocess.Popen[str]) -> None:
        assert supervisor.stdout is not None
        for line in supervisor.stdout:
            event = parse(line)
            if event is not None:
                self._events.put(event)
        self._events.put(None)

    def _stop(self) -> None:
        if self._supervisor is not None:
            _end(self._supervisor)
        self._layout.state_file.unlink(missing_ok=True)
        self._layout.control_socket().unlink(missing_ok=True)


def _end(supervisor: subprocess.Popen[str]) -> None:
    """Stop the supervisor and all below it: orderly, else outright. Takes at most some eight seconds."""
    if supervisor.poll() is not None:
        return
    below = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.terminate()
    try:
        supervisor.wait(STOP_WITHIN_S + 3)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()
    for process in below:
        try:
            process.kill()
        except psutil.Error:
            continue


def _free_ports(config: Settings) -> our.Ports:
    ports = our.choose_ports(config)
    require_free(config.host, ports.gateway, "RECOURSE_PORT")
    require_free("127.0.0.1", ports.rasa, "RECOURSE_RASA_PORT")
    require_free("127.0.0.1", ports.actions, "RECOURSE_ACTIONS_PORT")
    if ports.provider:
        require_free("127.0.0.1", ports.provider, "RECOURSE_PROVIDER_PORT")
    return ports


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Hold the data folder: of two ``recourse up`` on it the second raises OperationsError."""
    with (layout.run / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperationsError(_already_running(layout)) from None
        yield


def _already_running(layout: Layout) -> str:
    state = load(layout.state_file)
    other = state.processes.get("up") if state else None
    who = f" as pid {other.pid}, {state.url}" if state and other else " and is starting"
    return f"Recourse already runs on {layout.data}{who}. Stop it first, or choose another folder: RECOURSE_DATA=..."


@contextmanager
def stop_signals() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into Stopped; later ones must not cut the orderly stop short."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup stays in force
        numbers.append(signal.SIGHUP)

    def stop(number: int, _frame: FrameType | None) -> None:
        for one in numbers:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
