"""The supervisor for real: two small programs are started, one is killed and comes back, all are stopped."""

import io
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout
from recourse.ops.processes import Process
from recourse.ops.state import State, load
from recourse.ops.supervise import Stopped, Supervision, only_one, stop_signals

_WAIT_S = 30
# Says hello to the test's socket, then works until it is killed: the test never has to guess when it is up.
_PROGRAM = """
import os, socket, sys, threading
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as hello:
    hello.sendall(f"{sys.argv[2]} {os.getpid()}".encode())
threading.Event().wait()
"""


class Greetings:
    """Collects who started: ``expect(name)`` waits for that program's next start and gives its pid."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "program.py"
        self._script.write_text(_PROGRAM)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._heard: dict[str, queue.Queue[int]] = {"one": queue.Queue(), "two": queue.Queue()}
        threading.Thread(target=self._listen, daemon=True).start()

    def program(self, name: str) -> Process:
        return Process(name, (sys.executable, str(self._script), str(self._server.getsockname()[1]), name), 1)

    def expect(self, name: str) -> int:
        return self._heard[name].get(timeout=_WAIT_S)

    def close(self) -> None:
        self._server.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                name, pid = connection.makefile().read().split()
            self._heard[name].put(int(pid))


@pytest.fixture
def greetings(tmp_path: Path) -> Iterator[Greetings]:
    made = Greetings(tmp_path)
    yield made
    made.close()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(root=tmp_path, data=tmp_path / "data")
    made.create()
    return made


def supervision(layout: Layout, processes: list[Process], console: Console) -> Supervision:
    return Supervision(layout, processes, os.environ, State("http://localhost:8000"), console)


def test_a_killed_process_comes_back_and_all_end_together(layout: Layout, greetings: Greetings) -> None:
    output = io.StringIO()
    processes = [greetings.program("one"), greetings.program("two")]
    pids = []

    def kill_one_then_stop() -> None:
        os.kill(pids[0], signal.SIGKILL)
        pids.append(greetings.expect("one"))
        wait_for(lambda: recorded(layout, "one") == pids[2])
        os.kill(os.getpid(), signal.SIGTERM)

    with stop_signals(), supervision(layout, processes, Console(file=output, soft_wrap=True)) as running:
        pids += [greetings.expect("one"), greetings.expect("two")]
        running.wait_until_ready()
        assert [recorded(layout, "one"), recorded(layout, "two")] == pids

        threading.Thread(target=kill_one_then_stop, daemon=True).start()
        with pytest.raises(Stopped):
            running.watch()
        assert "one stopped (signal 9); starting it again" in output.getvalue()
        assert psutil.pid_exists(pids[1])
        assert psutil.pid_exists(pids[2])

    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not layout.state_file.exists()


def recorded(layout: Layout, name: str) -> int:
    state = load(layout.state_file)
    assert state is not None
    return state.processes[name].pid


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition() and time.monotonic() < deadline:
        threading.Event().wait(0.02)


def test_a_process_that_never_starts_ends_the_run_with_its_log(layout: Layout) -> None:
    broken = Process("one", (sys.executable, "-c", "raise SystemExit('no such setting')"), 5)
    with (
        pytest.raises(OperationsError, match=r"one does not stay up \(exit code 1\)") as caught,
        supervision(layout, [broken], Console(file=io.StringIO())) as running,
    ):
        running.wait_until_ready()
    assert "no such setting" in caught.value.log_tail


def test_a_dead_supervisor_ends_the_run_and_takes_its_processes_along(layout: Layout, greetings: Greetings) -> None:
    with supervision(layout, [greetings.program("one")], Console(file=io.StringIO())) as running:
        pid = greetings.expect("one")
        running.wait_until_ready()
        child = psutil.Process(pid)
        assert running._supervisor is not None
        running._supervisor.kill()
        with pytest.raises(OperationsError, match="The supervisor ended"):
            running.watch()
        child.wait(_WAIT_S)


def test_a_second_run_on_the_same_folder_is_refused(layout: Layout) -> None:
    with only_one(layout), pytest.raises(OperationsError, match=r"already runs on .*RECOURSE_DATA"), only_one(layout):
        pytest.fail("two at once")
