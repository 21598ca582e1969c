"""A running stack for tests: one ``recourse up`` on its own data folder and free ports.

With RECOURSE_URL a running one is used instead; its order store is then found with the usual settings (RECOURSE_DATA or
RECOURSE_DATABASE_URL), and its clock by RECOURSE_CLOCK_FILE.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Engine

from pytest_rasa.world import WorldError
from recourse.core.db import engine_for
from recourse.core.settings import PROJECT_ROOT
from recourse.ops.layout import Layout, layout, tail
from recourse.ops.ports import free_port
from recourse.ops.state import load
from recourse.ops.supervisor_config import bind_to_parent
from recourse_world.clockfile import ClockFile
from recourse_world.folders import own_folder
from recourse_world.settings_here import OwnSettings
from recourse_world.waiting import wait_until

_START_S = 600.0  # the first start trains the model
_STOP_S = 20.0
_SHARED = ("models", "cache")


@dataclass(frozen=True, slots=True)
class RunningStack:
    """``url``: the gateway. ``store``: the order store. ``layout``: the data folder. ``settings``: what the processes were given."""

    url: str
    store: Engine
    layout: Layout
    settings: OwnSettings


def start(opened: ExitStack) -> RunningStack:
    """The stack that RECOURSE_URL names, or one that is started here; ``opened`` stops it. Raises WorldError."""
    given = os.environ.get("RECOURSE_URL")
    own = OwnSettings(os.environ) if given else _up(opened)
    store = engine_for(own.value.database_url)
    opened.callback(store.dispose)
    url = given.rstrip("/") if given else f"http://127.0.0.1:{own.value.port}"
    return RunningStack(url, store, layout(own.value), own)


def _up(opened: ExitStack) -> OwnSettings:
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
