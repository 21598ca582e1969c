"""The child process in which Rasa runs: how it is started, what it writes, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_rasa.engine.errors import EngineError

_HOST = Path(__file__).with_name("host.py")
_START_S = 300.0
_LONGEST_LINE = 64 * 1024 * 1024
_TAIL = 25
_DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "OMP_NUM_THREADS": "1",  # the processes of a parallel run would fight for the cores
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "LOG_LEVEL": "WARNING",
    "LOG_LEVEL_LIBRARIES": "ERROR",
}


@dataclass(frozen=True, slots=True)
class Assistant:
    """A Rasa project and what runs it.

    ``root``: the folder of the project. ``model``: the trained model. ``python``: Rasa's Python. ``endpoints``, ``data``: relative to
    ``root``. ``in_memory``: conversations do not outlive the process.
    """

    root: Path
    model: Path
    python: Path
    endpoints: str = "endpoints.yml"
    data: str = "data"
    in_memory: bool = False

    def check(self) -> None:
        """Raises EngineError when something is not there."""
        for path, what in (
            (self.root, "the project"),
            (self.model, "the trained model"),
            (self.python, "Rasa's Python"),
        ):
            if not path.exists():
                raise EngineError(f"{what} is not there: {path}")


class RasaProcess:
    """One Rasa process at a time. What it writes goes to a file, conversations to another; both last until ``close``."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-rasa-")
        self._log = Path(self._folder.name) / "rasa.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> tuple[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter]:
        """Start it and wait until the model is loaded; returns what Rasa says of itself, and the pipe. Raises EngineError."""
        self._assistant.check()
        ours, theirs = socket.socketpair()
        with theirs:
            process = self._process = self._popen(theirs.fileno())
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        try:
            line = await asyncio.wait_for(reader.readline(), _START_S)
        except TimeoutError:
            process.kill()
            line = b""
        if not line:
            writer.close()
            code = process.wait()
            raise EngineError(f"{self._not_started()} (exit code {code}). The end of its log:\n{self.log_tail()}")
        said = json.loads(line)
        if "failed" in said:
            writer.close()
            process.wait()
            raise EngineError(f"{self._not_started()}: {said['failed']}")
        return said["ready"], reader, writer

    def kill(self) -> None:
        """End it outright, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Remove its files."""
        self._folder.cleanup()

    def log_tail(self) -> str:
        """The last lines that Rasa wrote."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-_TAIL:])

    def _not_started(self) -> str:
        return f"Rasa did not start in {self._assistant.root} under {self._assistant.python}"

    def _popen(self, pipe: int) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                self._command(pipe),
                cwd=self._assistant.root,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[pipe],
                start_new_session=True,  # Ctrl-C is pytest's; the end of the pipe ends Rasa
            )

    def _command(self, pipe: int) -> list[str]:
        of = self._assistant
        command = [str(of.python.absolute()), str(_HOST), "--pipe", str(pipe)]
        command += ["--model", str(of.model.resolve()), "--endpoints", of.endpoints, "--data", of.data]
        return command if of.in_memory else [*command, "--trackers", str(Path(self._folder.name) / "trackers.db")]


def environment() -> dict[str, str]:
    """The environment variables of a Rasa process."""
    env = {**_DEFAULTS, **os.environ, "RASA_TELEMETRY_ENABLED": "false"}
    if env.pop("PYTHONDONTWRITEBYTECODE", None):  # compiling all that Rasa imports takes longer than loading it
        cache = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        env.setdefault("PYTHONPYCACHEPREFIX", str(cache / "pytest-rasa" / "bytecode"))
    return env
