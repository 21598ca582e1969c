"""``recourse doctor``: is this installation in order, and if not, what repairs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recourse.core.errors import RecourseError
from recourse.core.settings import Settings
from recourse.core.settings import settings as process_settings
from recourse.ops.browser import HOW_TO_GET_ONE, find_chromium
from recourse.ops.layout import Layout
from recourse.ops.layout import layout as layout_of
from recourse.ops.model import model_path
from recourse.ops.ports import require_free
from recourse.ops.processes import reachable
from recourse.ops.progress import console
from recourse.ops.readiness import answers
from recourse.ops.state import State, load

_ANSWER_WITHIN_S = 5.0
_COMMAND_WITHIN_S = 60


class Status(StrEnum):
    """WARN: works for now, or only matters to a developer. FAIL makes the exit code 1."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. ``fix``: what to do, one line; empty when OK."""

    check: str
    status: Status
    detail: str
    fix: str = ""


DatabaseCheck = Callable[[], Finding]
"""Looks whether the database can be reached and its schema is current; given by the command line."""


def run(check_database: DatabaseCheck | None = None, as_json: bool = False, on: Console | None = None) -> int:
    """Print what was found, as a table or as a JSON list of findings. Returns 1 when a check failed, else 0."""
    findings = list(examine(process_settings(), check_database))
    out = on or console()
    if as_json:
        out.print(json.dumps([asdict(finding) for finding in findings], indent=1), markup=False)
    else:
        out.print(_table(findings))
    return 1 if any(finding.status is Status.FAIL for finding in findings) else 0


def examine(settings: Settings, check_database: DatabaseCheck | None = None) -> Iterator[Finding]:
    """All findings, one after the other."""
    layout = layout_of(settings)
    yield _python("Python for Rasa", layout.rasa_python, ("3.10",))
    yield _python("Python for the services", layout.app_python, ("3.12", "3.13"))
    yield _set_up(layout)
    yield _web(layout)
    if check_database is not None:
        yield _guarded("Database", check_database)
    yield _guarded("Model", lambda: _model(layout))
    yield from _running(settings, load(layout.state_file))
    yield _browser()


def _guarded(check: str, examine_it: Callable[[], Finding]) -> Finding:
    """An expected error is a finding too."""
    try:
        return examine_it()
    except RecourseError as error:
        return Finding(check, Status.FAIL, str(error), "as it says")


def _python(check: str, path: Path, versions: tuple[str, ...]) -> Finding:
    code, text = _output([str(path), "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"])
    if code == 0 and text.rpartition(".")[0] in versions:
        return Finding(check, Status.OK, text)
    detail = f"{path} is {text}" if code == 0 else f"{path} does not run"
    return Finding(check, Status.FAIL, detail, f"rm -r {path.parents[1]} && scripts/bootstrap")


def _set_up(layout: Layout) -> Finding:
    code, text = _output([str(layout.root / "scripts" / "bootstrap"), "--check"])
    if code == 0:
        return Finding("Packages match the lock", Status.OK, "both environments")
    return Finding("Packages match the lock", Status.FAIL, "; ".join(text.splitlines()), "scripts/bootstrap")


def _web(layout: Layout) -> Finding:
    if (layout.root / "web" / "dist" / "widget.js").is_file():
        return Finding("Web pages", Status.OK, "built")
    return Finding("Web pages", Status.FAIL, "web/dist has no widget.js", "scripts/bootstrap")


def _model(layout: Layout) -> Finding:
    path = model_path(layout)
    if path.is_file():
        return Finding("Model", Status.OK, path.name)
    old = any(layout.models.glob("recourse-*.tar.gz"))
    detail = "older than the project" if old else "not trained yet"
    return Finding("Model", Status.WARN, detail, "make train (the next start does it too)")


def _running(settings: Settings, state: State | None) -> Iterator[Finding]:
    """The port; and, while Recourse runs, whether each part answers."""
    if state is None or not state.running():
        try:
            require_free(settings.host, settings.port, "RECOURSE_PORT")
        except RecourseError as error:
            yield Finding("Port", Status.FAIL, str(error), "as it says")
        else:
            yield Finding("Port", Status.OK, f"{settings.port} is free")
        yield Finding("Recourse runs", Status.WARN, "no", "make run")
        return
    yield Finding("Port", Status.OK, f"{state.ports.get('gateway')} is ours")
    yield Finding("Recourse runs", Status.OK, state.url)
    logs = layout_of(settings).logs
    urls = {
        "Rasa": f"http://127.0.0.1:{state.ports.get('rasa')}/",
        "Actions": f"http://127.0.0.1:{state.ports.get('actions')}/health",
        "Gateway": f"http://{reachable(settings.host)}:{state.ports.get('gateway')}/readyz",
    }
    with httpx.Client(timeout=_ANSWER_WITHIN_S, trust_env=False) as client:
        for name, url in urls.items():
            yield _answers(client, name, url, logs / f"{name.lower()}.log")


def _answers(client: httpx.Client, name: str, url: str, log: Path) -> Finding:
    if answers(client, url):
        return Finding(name, Status.OK, "answers")
    return Finding(
        name, Status.FAIL, f"no good answer from {url}", f"see {log}; it is restarted by itself when it dies"
    )


def _browser() -> Finding:
    found = find_chromium()
    if found is not None:
        return Finding("Chromium", Status.OK, str(found))
    return Finding("Chromium", Status.WARN, "none: the browser tests cannot run", HOW_TO_GET_ONE)


def _output(argv: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 - our own programs
            argv, capture_output=True, text=True, timeout=_COMMAND_WITHIN_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout.strip()


def _table(findings: list[Finding]) -> Table:
    colours = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}
    table = Table(box=None, pad_edge=False)
    for title in ("Check", "", "Found", "What to do"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        colour = colours[finding.status]
        status = f"[{colour}]{finding.status}[/]"
        table.add_row(finding.check, status, escape(finding.detail), escape(finding.fix))
    return table
