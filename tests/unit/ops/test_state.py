import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recourse.ops.state import ProcessId, State, end_leftovers, load, save


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits until its standard input closes."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    state = State("http://localhost:8000", "/m/recourse-1.tar.gz", True, {"gateway": 8000})
    state.record("up", os.getpid())
    path = tmp_path / "state.json"
    save(path, state)
    assert load(path) == state
    assert path.stat().st_mode & 0o077 == 0
    assert state.running()


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"processes": 1}', '{"processes": {"up": {}}}', "\x00"])
def test_a_damaged_file_is_no_state(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert load(path) is None
    assert end_leftovers(path) == []


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert load(tmp_path / "state.json") is None


def test_leftovers_are_ended(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    path = tmp_path / "state.json"
    state = State("http://localhost:8000")
    state.record("rasa", other.pid)
    save(path, state)
    assert end_leftovers(path) == ["rasa"]
    assert other.poll() is not None
    assert not path.exists()


def test_a_later_process_with_the_same_number_is_left_alone(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    path = tmp_path / "state.json"
    found = ProcessId.of(other.pid)
    assert found is not None
    save(path, State("http://localhost:8000", processes={"rasa": ProcessId(found.pid, found.started - 60)}))
    assert end_leftovers(path) == []
    assert other.poll() is None


def test_a_process_that_is_gone_is_not_found(other: subprocess.Popen[bytes]) -> None:
    found = ProcessId.of(other.pid)
    assert found is not None
    other.kill()
    other.wait()
    assert found.find() is None
    assert ProcessId.of(other.pid) is None
    assert not State("", processes={"up": found}).running()
