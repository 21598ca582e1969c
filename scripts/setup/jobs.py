"""Runs jobs side by side with one line of progress each; all that their tools print goes to one log file.

A job is a generator that yields ``Command``s: it goes on when the command has succeeded, and ``Failed`` is thrown into
it when not. So a job reads like a script, and several run at once without threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Optional

_TAIL_LINES = 25
_KILL_AFTER_S = 5.0
_POLL_S = 0.05


class Failed(Exception):
    """A step failed; the text says why and what to do."""


class Stopped(BaseException):
    """The user pressed Ctrl-C, or the process was asked to end."""


@dataclass
class Command:
    """One program to run. ``env`` is the whole environment."""

    argv: list[str]
    cwd: Path
    env: dict[str, str]


Steps = Generator[Command, None, None]


@dataclass
class Job:
    """``title`` is what the user reads; ``steps`` does the work; ``note`` is shown behind the time when set."""

    title: str
    steps: Steps
    note: str = ""
    error: Optional[str] = None
    seconds: float = 0.0
    process: Optional[subprocess.Popen[bytes]] = field(default=None, repr=False)
    part: Optional[IO[bytes]] = field(default=None, repr=False)


class Runner:
    """Runs batches of jobs; ``total`` is how many there will be in all, for the ``[2/4]`` in front of each line."""

    def __init__(self, log: Path, total: int) -> None:
        self._log = log
        self._total = total
        self._done = 0
        self._live_line = sys.stdout.isatty()
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(time.strftime("Recourse set-up, %Y-%m-%d %H:%M:%S\n"))

    def run(self, jobs: list[Job]) -> bool:
        """Run ``jobs`` at once and wait for all of them, also when one fails. True when all succeeded."""
        start = time.monotonic()
        running = list(jobs)
        try:
            for job in jobs:
                job.part = self._part(job)
                self._advance(job)
            while running:
                for job in list(running):
                    if not self._still_running(job):
                        running.remove(job)
                        job.seconds = time.monotonic() - start
                        self._report(job)
                self._show(running, time.monotonic() - start)
                time.sleep(_POLL_S)
        except BaseException:
            self._end(running)
            raise
        return all(job.error is None for job in jobs)

    def _part(self, job: Job) -> IO[bytes]:
        """What the job's tools print goes here first, so that the log does not mix the jobs."""
        name = "".join(letter if letter.isalnum() else "-" for letter in job.title.lower())
        return self._log.with_name(f"{self._log.stem}.{name}.part").open("w+b")

    def _advance(self, job: Job, error: Optional[Failed] = None) -> bool:
        """Let the job come to its next command and start that. False when the job has ended."""
        job.process = None
        try:
            command = job.steps.throw(error) if error else next(job.steps)
            assert job.part is not None
            job.part.write(("\n$ " + " ".join(command.argv) + "\n").encode())
            job.part.flush()
            job.process = _spawn(command, job.part)
        except StopIteration:
            return False
        except Failed as failure:
            job.error = str(failure)
            return False
        except OSError as failure:
            job.error = f"{failure.filename or 'a file'}: {failure.strerror or failure}"
            job.steps.close()
            return False
        return True

    def _still_running(self, job: Job) -> bool:
        if job.process is None:
            return False
        code = job.process.poll()
        if code is None:
            return True
        if code == 0:
            return self._advance(job)
        return self._advance(job, Failed(f"`{_short(job.process.args)}` ended with exit code {code}"))

    def _report(self, job: Job) -> None:
        text = self._close(job)
        self._done += 1
        self._clear()
        outcome = f"{job.seconds:.0f} s" if job.error is None else "FAILED"
        note = f" ({job.note})" if job.note and job.error is None else ""
        print(f"[{self._done}/{self._total}] {job.title} ... {outcome}{note}", flush=True)
        if job.error is not None:
            print(job.error, file=sys.stderr)
            lines = text.splitlines()[-_TAIL_LINES:]
            if lines:
                print(f"The last lines of {self._log}:", file=sys.stderr)
                print("\n".join("    " + line for line in lines), file=sys.stderr, flush=True)

    def _close(self, job: Job) -> str:
        """Move what the job's tools printed to the common log."""
        if job.part is None:
            return ""
        job.part.seek(0)
        text = job.part.read().decode(errors="replace")
        with self._log.open("a") as log:
            log.write(f"\n== {job.title}\n{text}")
        Path(job.part.name).unlink(missing_ok=True)
        job.part.close()
        job.part = None
        return text.strip()

    def _end(self, jobs: list[Job]) -> None:
        self._clear()
        processes = [job.process for job in jobs if job.process is not None]
        for process in processes:
            _signal(process, signal.SIGTERM)
        limit = time.monotonic() + _KILL_AFTER_S
        for process in processes:
            try:
                process.wait(max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        for job in jobs:
            self._close(job)

    def _show(self, running: list[Job], seconds: float) -> None:
        if self._live_line and running:
            titles = ", ".join(job.title for job in running)
            print(f"\r\033[K      {titles} ... {seconds:.0f} s", end="", flush=True)

    def _clear(self) -> None:
        if self._live_line:
            print("\r\033[K", end="", flush=True)


def _spawn(command: Command, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us only, and we end the whole group
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: nothing goes on installing once we were killed


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _short(argv: object) -> str:
    words = [str(word) for word in argv] if isinstance(argv, list) else [str(argv)]
    return " ".join([Path(words[0]).name, *words[1:4]])
