import json
import os
import socket
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from recourse.core.errors import ConfigurationError
from recourse.core.settings import from_environment
from recourse.ops import doctor
from recourse.ops.doctor import Finding, Status
from recourse.ops.layout import Layout
from recourse.ops.ports import free_port
from recourse.ops.state import State, load, save

GOOD = Finding("Model", Status.OK, "recourse-1.tar.gz")
MEH = Finding("Chromium", Status.WARN, "none", "install [it]")
BAD = Finding("Database", Status.FAIL, "cannot be reached", "start it")


@pytest.mark.parametrize(("findings", "code"), [([GOOD], 0), ([GOOD, MEH], 0), ([GOOD, MEH, BAD], 1)])
def test_only_a_failure_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding], code: int
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_: iter(findings))
    output = StringIO()
    assert doctor.run(on=Console(file=output, width=120)) == code
    assert all(finding.check in output.getvalue() for finding in findings)
    assert all(finding.fix in output.getvalue() for finding in findings)


def test_json_is_a_list_of_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_: iter([GOOD, BAD]))
    output = StringIO()
    assert doctor.run(as_json=True, on=Console(file=output, width=20, soft_wrap=True)) == 1
    assert json.loads(output.getvalue()) == [
        {"check": "Model", "status": "OK", "detail": "recourse-1.tar.gz", "fix": ""},
        {"check": "Database", "status": "FAIL", "detail": "cannot be reached", "fix": "start it"},
    ]


def test_an_expected_error_in_a_check_is_a_finding() -> None:
    def check() -> Finding:
        raise ConfigurationError("RECOURSE_DATABASE_URL is wrong")

    found = doctor._guarded("Database", check)
    assert (found.status, found.detail) == (Status.FAIL, "RECOURSE_DATABASE_URL is wrong")


def test_a_python_that_does_not_run_is_a_failure_with_a_repair(tmp_path: Path) -> None:
    found = doctor._python("Python for Rasa", tmp_path / ".venv-rasa/bin/python", ("3.10",))
    assert found.status is Status.FAIL
    assert str(tmp_path / ".venv-rasa") in found.fix


def test_a_port_that_another_program_holds_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        env = {"RECOURSE_DATA": str(tmp_path), "RECOURSE_PORT": str(server.getsockname()[1])}
        port, runs = doctor._running(from_environment(env), None)
    assert port.status is Status.FAIL
    assert f"pid {os.getpid()}" in port.detail
    assert (runs.status, runs.fix) == (Status.WARN, "make run")


def test_parts_that_do_not_answer_are_failures_while_recourse_runs(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, data=tmp_path)
    layout.create()
    state = State("http://localhost:1", ports={name: free_port() for name in ("gateway", "rasa", "actions")})
    state.record("up", os.getpid())
    save(layout.state_file, state)
    found = list(doctor._running(from_environment({"RECOURSE_DATA": str(tmp_path)}), load(layout.state_file)))
    assert [(one.check, one.status) for one in found] == [
        ("Port", Status.OK),
        ("Recourse runs", Status.OK),
        ("Rasa", Status.FAIL),
        ("Actions", Status.FAIL),
        ("Gateway", Status.FAIL),
    ]
    assert str(tmp_path / "log" / "rasa.log") in found[2].fix
