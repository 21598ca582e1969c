"""What the supervisor says about its processes, read from its log lines."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from enum import StrEnum

_SPAWNED = re.compile(r"spawned: '(?P<name>[^']+)' with pid (?P<pid>\d+)")
_RUNNING = re.compile(r"success: (?P<name>\S+) entered RUNNING state")
_EXITED = re.compile(r"exited: (?P<name>\S+) \((?P<how>.+); (?:not )?expected\)")
_GAVE_UP = re.compile(r"gave up: (?P<name>\S+) entered FATAL state")


class Kind(StrEnum):
    """What happened to a process. RUNNING: it has stayed up for its ``startsecs``."""

    SPAWNED = "spawned"
    RUNNING = "running"
    EXITED = "exited"
    GAVE_UP = "gave up"


@dataclass(frozen=True, slots=True)
class Event:
    """``pid`` comes with SPAWNED; ``how`` with EXITED, such as ``signal 9`` or ``exit code 1``."""

    kind: Kind
    name: str
    pid: int = 0
    how: str = ""


def parse(line: str) -> Event | None:
    """The event that a log line of the supervisor tells of, None for all other lines."""
    if found := _SPAWNED.search(line):
        return Event(Kind.SPAWNED, found["name"], pid=int(found["pid"]))
    if found := _RUNNING.search(line):
        return Event(Kind.RUNNING, found["name"])
    if found := _EXITED.search(line):
        return Event(Kind.EXITED, found["name"], how=_how(found["how"]))
    if found := _GAVE_UP.search(line):
        return Event(Kind.GAVE_UP, found["name"])
    return None


def _how(text: str) -> str:
    if found := re.match(r"terminated by (SIG\w+)", text):
        try:
            return f"signal {signal.Signals[found[1]].value}"
        except KeyError:
            return f"signal {found[1]}"
    if found := re.match(r"exit status (\d+)", text):
        return f"exit code {found[1]}"
    return text
