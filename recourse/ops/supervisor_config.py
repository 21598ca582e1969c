"""The configuration of the supervisor."""

from __future__ import annotations

import os
import pwd
import resource
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from recourse.ops import bound
from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout
from recourse.ops.processes import Process

STOP_WITHIN_S = 4
_WANTED_FILES = 8192


def bind_to_parent(argv: Sequence[str], number: signal.Signals) -> list[str]:
    """The command that runs ``argv`` so that it gets the signal when its parent dies."""
    return [sys.executable, "-I", str(Path(bound.__file__)), str(number.value), *argv]


def render(layout: Layout, processes: Sequence[Process], socket: Path) -> str:
    """Text of ``supervisord.conf``.

    All programs are in one group: groups are stopped one after the other, the programs of a group together.
    """
    _require_plain(layout)
    sections = [
        "[supervisord]",
        "nodaemon=true",
        f"logfile={layout.log_of('supervisor')}",
        "logfile_maxbytes=2MB",
        "logfile_backups=1",
        f"pidfile={layout.run / 'supervisor.pid'}",
        f"minfds={_open_files()}",
        *_user(),
        "",
        "[unix_http_server]",
        f"file={socket}",
        "chmod=0600",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "",
        "[supervisorctl]",
        f"serverurl=unix://{socket}",
        "",
        "[group:recourse]",
        f"programs={','.join(process.name for process in processes)}",
        "",
    ]
    for process in processes:
        sections += _program(layout, process)
    return "\n".join(sections)


def _program(layout: Layout, process: Process) -> list[str]:
    command = bind_to_parent(process.argv, signal.SIGKILL)
    return [
        f"[program:{process.name}]",
        f"command={shlex.join(command).replace('%', '%%')}",
        f"directory={layout.root}",
        "autorestart=true",
        f"startsecs={process.starts_within}",
        "startretries=10",
        f"stopwaitsecs={STOP_WITHIN_S}",
        "stopasgroup=true",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={layout.log_of(process.name)}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
        "",
    ]


def _require_plain(layout: Layout) -> None:
    """The format has no way to write these."""
    for name, path in (("RECOURSE_DATA", layout.data), ("the checkout", layout.root)):
        if any(mark in str(path) for mark in ("%", " ;", " #", "\n")):
            raise OperationsError(f"The folder of {name} must not have '%', ' ;' or ' #' in its name: {path}")


def _open_files() -> int:
    """As many as the system allows, up to what many chat sockets need."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)


def _user() -> list[str]:
    """Under root the supervisor wants to be told that root is meant."""
    return [f"user={pwd.getpwuid(0).pw_name}"] if os.geteuid() == 0 else []
