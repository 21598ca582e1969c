import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from recourse.ops.ports import free_port

_START_S = 60


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "recourse.ops.actions_server", "--port", str(port)])
    address = f"http://127.0.0.1:{port}"
    pause = threading.Event()
    try:
        with httpx.Client(trust_env=False) as client:
            deadline = time.monotonic() + _START_S
            while not answers(client, address):
                assert process.poll() is None, "the action server ended"
                assert time.monotonic() < deadline, "the action server does not answer"
                pause.wait(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def answers(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(f"{address}/health", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def test_it_knows_the_actions_of_the_project(url: str) -> None:
    names = {one["name"] for one in httpx.get(f"{url}/actions").json()}
    assert names
    assert all(name.startswith(("action_", "validate_")) for name in names)


def test_an_unknown_action_is_an_error_and_not_a_silent_success(url: str) -> None:
    call = {"next_action": "action_nowhere", "sender_id": "x", "tracker": {"sender_id": "x"}, "domain": {}}
    assert httpx.post(f"{url}/webhook", json=call).status_code == 404


def test_a_page_in_a_browser_may_not_call_it(url: str) -> None:
    answer = httpx.get(f"{url}/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
