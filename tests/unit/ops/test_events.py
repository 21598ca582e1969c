import pytest

from recourse.ops.events import Event, Kind, parse


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("2026-01-02 03:04:05,678 INFO spawned: 'rasa' with pid 4711", Event(Kind.SPAWNED, "rasa", pid=4711)),
        (
            "2026-01-02 03:04:05,678 INFO success: rasa entered RUNNING state, process has stayed up for > than 3 seconds",
            Event(Kind.RUNNING, "rasa"),
        ),
        ("x WARN exited: rasa (terminated by SIGKILL; not expected)", Event(Kind.EXITED, "rasa", how="signal 9")),
        (
            "x WARN exited: rasa (terminated by SIGSEGV (core dumped); not expected)",
            Event(Kind.EXITED, "rasa", how="signal 11"),
        ),
        ("x WARN exited: gateway (exit status 1; not expected)", Event(Kind.EXITED, "gateway", how="exit code 1")),
        ("x INFO exited: worker (exit status 0; expected)", Event(Kind.EXITED, "worker", how="exit code 0")),
        (
            "x INFO gave up: gateway entered FATAL state, too many start retries too quickly",
            Event(Kind.GAVE_UP, "gateway"),
        ),
    ],
)
def test_line_of_the_supervisor_becomes_an_event(line: str, event: Event) -> None:
    assert parse(line) == event


@pytest.mark.parametrize(
    "line",
    ["", "x INFO supervisord started with pid 12", "x INFO stopped: rasa (terminated by SIGKILL)", "Traceback:"],
)
def test_other_lines_are_no_events(line: str) -> None:
    assert parse(line) is None
