"""The world of real processes: one ``recourse up`` for all cases of a pytest process, on its own data folder and free ports.

With RECOURSE_URL a running one is used instead; its order store is then found with the usual settings (RECOURSE_DATA or
RECOURSE_DATABASE_URL), and its clock by RECOURSE_CLOCK_FILE.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.world import CaseInfo, Reply, WorldError
from recourse.core.db import engine_for
from recourse.core.settings import PROJECT_ROOT
from recourse.ops.layout import Layout, layout, tail
from recourse.ops.ports import free_port
from recourse.ops.state import load
from recourse.ops.supervisor_config import bind_to_parent
from recourse_world.clockfile import ClockFile
from recourse_world.erasing import wait_until_erased
from recourse_world.folders import own_folder
from recourse_world.locked import StoreLock
from recourse_world.people import Cast
from recourse_world.processes import Processes
from recourse_world.settings_here import OwnSettings
from recourse_world.stage import CaseStage
from recourse_world.steps.provider_desk import ProviderDesk
from recourse_world.waiting import wait_until

_START_S = 600.0  # the first start trains the model
_STOP_S = 20.0
_SHARED = ("models", "cache")


class StackWorld:
    """See ``pytest_rasa.world.World``; also the ground of its cases."""

    def __init__(self) -> None:
        with ExitStack() as opened:
            given = os.environ.get("RECOURSE_URL")
            self._settings = OwnSettings(os.environ) if given else self._start(opened)
            config = self._settings.value
            self.url = given.rstrip("/") if given else f"http://127.0.0.1:{config.port}"
            self._layout: Layout = layout(config)
            self.store: Engine = engine_for(config.database_url)
            opened.callback(self.store.dispose)
            opened.callback(self._settings.remove)
            self.clock = ClockFile(config.clock_file)
            self.desk = opened.enter_context(closing(ProviderDesk(self.store, self.url, self.clock, config)))
            self._processes, self._lock = Processes(self._layout), StoreLock(self.store)
            self._opened = opened.pop_all()

    def open(self, case: CaseInfo) -> CaseStage:
        """Fresh buyers in the one store of the stack; what earlier cases left in it belongs to others."""
        if case.stubs:
            raise WorldError("stub_custom_actions works in process only: real processes run the real actions")
        self._settings.install()
        return CaseStage(self, case)

    def close(self) -> None:
        """Stop what was started here."""
        self._opened.close()

    def events(self, conversation: str) -> Sequence[Mapping[str, Any]]:
        """Read from the tracker store, beside the running Rasa."""
        with closing(sqlite3.connect(f"file:{self._layout.rasa_database}?mode=ro", uri=True)) as connection:
            query = "SELECT data FROM events WHERE sender_id = ? ORDER BY id"
            return [json.loads(data) for (data,) in connection.execute(query, (conversation,))]

    def heard(self, reply: Reply, exercised: Exercised) -> None:
        """What the processes did cannot be seen from outside."""

    def break_(self, name: str, value: str) -> None:
        """Faults of the processes, the store and the provider."""
        match name:
            case "database":
                self._lock.set(value)
            case "provider":
                self.desk.set(value)
            case _:
                self._processes.set(name, value)

    def erase_due(self, cast: Cast) -> None:
        """The stack's own worker does it."""
        wait_until_erased(self.store, cast, self.clock)

    def cleared(self) -> None:
        """Free the store and bring back what is down."""
        self._lock.set("free")
        self.desk.reset()
        self._processes.mend()

    def _start(self, opened: ExitStack) -> OwnSettings:
        data = own_folder()
        opened.callback(shutil.rmtree, data, ignore_errors=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith("RECOURSE_")}
        # Stand-ins for the provider and the sellers would change orders behind the tests' back.
        env |= {"RECOURSE_DATA": str(data), "RECOURSE_PORT": str(free_port()), "RECOURSE_SIMULATORS": "off"}
        env["RECOURSE_CLOCK_FILE"] = str(data / "clock")
        settings = OwnSettings(env)
        ClockFile(settings.value.clock_file)
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
        opened.callback(_stop, process)
        where = layout(settings.value)
        wait_until(lambda: _is_ready(process, where, log), _START_S, "the stack to start")
        return settings


def _is_ready(process: subprocess.Popen[bytes], where: Layout, log: Path) -> bool:
    if process.poll() is not None:
        raise WorldError(f"`recourse up` ended with exit code {process.returncode}:\n{tail(log)}")
    state = load(where.state_file)
    return state is not None and state.ready


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _share_models(data: Path) -> None:
    """Use the checkout's trained models, and leave a newly trained one there."""
    for name in _SHARED:
        shared = PROJECT_ROOT / "var" / name
        shared.mkdir(parents=True, exist_ok=True)
        (data / name).symlink_to(shared, target_is_directory=True)
