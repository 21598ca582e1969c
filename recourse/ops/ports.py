"""Ports: is one free, who holds it, and which loopback ports are free."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from recourse.ops.errors import OperationsError

_NAME_LIMIT = 60


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port. ``name`` is enough of its command line to know it again."""

    pid: int
    name: str


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int, variable: str) -> None:
    """Raise OperationsError, one line that says who holds the port and what to do, when we could not listen on it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)  # two sockets may be bound to one port, but only one may listen
    except OSError as error:
        raise OperationsError(_reason(error, host, port, variable)) from error


def holder(port: int) -> Holder | None:
    """Who listens on ``port``, as far as this user may see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and connection.pid and address and address.port == port:
                return Holder(connection.pid, _short_name(psutil.Process(connection.pid)))
    except psutil.Error:
        return None
    return None


def _short_name(process: psutil.Process) -> str:
    """``nginx``, ``python -m http.server``: program and first arguments, since an interpreter's own name says little."""
    words = process.cmdline()[:3] or [process.name()]
    return " ".join([Path(words[0]).name, *words[1:]])[:_NAME_LIMIT]


def _reason(error: OSError, host: str, port: int, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        found = holder(port)
        who = f"{found.name} (pid {found.pid})" if found else "another program"
        return f"Port {port} is in use by {who}. Stop it, or choose another port: {variable}={_other(port)}"
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has. Choose a port from 1024 up: {variable}=8000"
    return f"Cannot listen on {host} port {port}: {error.strerror or error}. Check RECOURSE_HOST and {variable}."


def _other(port: int) -> int:
    """A port to suggest that is free right now: one of the next few, else any."""
    for candidate in range(port + 1, min(port + 20, 65535)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    return free_port()
