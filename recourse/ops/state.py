"""``run/state.json``: what the running Recourse consists of. Lets others look, and the next start clean up."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

# The kernel's idea of when it booted, and with it every start time, may be corrected a little.
_SAME_START_S = 2.0
_ORDERLY_END_S = 6.0


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number. ``started``: seconds since the epoch."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this number now, None when there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    def find(self) -> psutil.Process | None:
        """The process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > _SAME_START_S or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.Error:
            return None
        return process


@dataclass(slots=True)
class State:
    """``url``: the gateway's. ``processes``: by name, among them ``up`` and ``supervisor``. ``model``: file path."""

    url: str
    model: str = ""
    ready: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, ProcessId] = field(default_factory=dict)

    def record(self, name: str, pid: int) -> None:
        """Note that the process called ``name`` now has this pid."""
        found = ProcessId.of(pid)
        if found is not None:
            self.processes[name] = found

    def running(self) -> bool:
        """True while the ``recourse up`` that wrote this lives."""
        up = self.processes.get("up")
        return up is not None and up.find() is not None


def save(path: Path, state: State) -> None:
    """Write ``state`` in one step; only its owner may read it."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(state), file, indent=1)
    fresh.replace(path)


def load(path: Path) -> State | None:
    """The state written last, None when there is none that can be read."""
    try:
        raw = json.loads(path.read_text())
        processes = {name: ProcessId(int(one["pid"]), float(one["started"])) for name, one in raw["processes"].items()}
        ports = {name: int(port) for name, port in raw["ports"].items()}
        return State(str(raw["url"]), str(raw["model"]), bool(raw["ready"]), ports, processes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def end_leftovers(path: Path) -> list[str]:
    """End what an earlier, killed run left behind; returns the names. Nothing but recorded processes is touched."""
    earlier = load(path)
    if earlier is None:
        return []
    found = {name: process for name, one in earlier.processes.items() if (process := one.find()) is not None}
    for process in found.values():
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(list(found.values()), timeout=_ORDERLY_END_S)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=_ORDERLY_END_S)
    path.unlink(missing_ok=True)
    return sorted(found)
